"""Files are read inside their limits, or refused with one sentence; nothing is skipped silently."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.sources.support import names, read, reasons, refusal, write
from throughline.domain.job import Kind
from throughline.domain.source import Format, Unreadable
from throughline.sources.files import contents

ASYNCIO = Path(asyncio.__file__).parent


# --- files ------------------------------------------------------------------------------------------


def test_a_file_is_called_by_its_name(tmp_path: Path):
    (source,) = read(write(tmp_path / "deep" / "guide.md", "# One\r\n")).sources
    assert (source.name, source.format, source.text) == ("guide.md", Format.MARKDOWN, "# One\n")


def test_several_files_are_called_relative_to_their_common_parent_in_the_order_given(tmp_path: Path):
    first, second = write(tmp_path / "b" / "x.md"), write(tmp_path / "a" / "x.md")
    assert names(read(first, second)) == ["b/x.md", "a/x.md"]


def test_a_relative_reference_is_read_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "a.md")
    monkeypatch.chdir(tmp_path)
    assert names(read("./a.md")) == ["a.md"]


def test_a_linked_file_keeps_the_name_of_its_link(tmp_path: Path):
    (tmp_path / "latest.md").symlink_to(write(tmp_path / "2026.md"))
    assert names(read(tmp_path / "latest.md")) == ["latest.md"]


def test_nothing_given_is_refused():
    assert "at least one file" in refusal()


def test_a_missing_file_is_refused(tmp_path: Path):
    assert "does not exist" in refusal(tmp_path / "no.md")


@pytest.mark.parametrize("reference", ["a\0b", "x" * 5_000], ids=["nul", "too-long"])
def test_a_name_that_no_file_can_have_is_refused(reference: str):
    message = refusal(reference)
    assert "cannot be opened" in message
    assert len(message) < 400


@pytest.mark.parametrize("reference", ["", " ", "\n"])
def test_an_empty_name_is_refused_rather_than_taken_for_the_working_directory(reference: str):
    assert "The name of a source is empty" in refusal(reference, kind=Kind.CODE_REVIEW)


def test_a_loop_of_links_is_refused(tmp_path: Path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "cannot be opened" in refusal(tmp_path / "loop")


def test_a_file_over_the_limit_is_refused_with_size_limit_and_setting(tmp_path: Path):
    message = refusal(write(tmp_path / "big.txt", "x" * 2_000), max_bytes=1_000)
    assert "big.txt has 2,000 bytes" in message
    assert "limit of 1,000" in message
    assert "THROUGHLINE_MAX_SOURCE_BYTES" in message


def test_a_file_at_the_limit_is_read(tmp_path: Path):
    assert read(write(tmp_path / "a.txt", "x" * 1_000), max_bytes=1_000).sources


def test_too_much_in_all_is_refused_with_limit_and_setting(tmp_path: Path):
    files = [write(tmp_path / f"{n}.txt", "x" * 900) for n in range(3)]
    message = refusal(*files, max_total_bytes=2_000)
    assert "2,000 bytes together" in message
    assert "2.txt" in message
    assert "THROUGHLINE_MAX_TOTAL_SOURCE_BYTES" in message


def test_the_same_file_twice_is_refused_by_whatever_name(tmp_path: Path):
    file = write(tmp_path / "a.md")
    (tmp_path / "b.md").symlink_to(file)
    assert "b.md was already given as a.md" in refusal(file, tmp_path / "b.md")


def test_a_binary_file_given_by_hand_is_refused(tmp_path: Path):
    assert "a PNG image" in refusal(write(tmp_path / "a.png", b"\x89PNG"))


@pytest.mark.parametrize("name", ["config", "refs/heads/main"])
def test_files_of_git_itself_are_never_read(tmp_path: Path, name: str):
    assert "belongs to git itself" in refusal(write(tmp_path / ".git" / name))
    assert "belongs to git itself" in refusal(tmp_path / ".git", kind=Kind.CODE_REVIEW)


# --- names ------------------------------------------------------------------------------------------

NOT_UTF_8 = os.fsdecode(b"\xff.md")


def test_names_that_are_not_utf_8_are_written_out_and_told_apart(tmp_path: Path):
    files = [write(tmp_path / folder / NOT_UTF_8) for folder in ("a", "b")]
    assert names(read(*files)) == [r"a/\xff.md", r"b/\xff.md"]


def test_a_name_that_is_written_as_another_is_shown_gets_a_number(tmp_path: Path):
    write(tmp_path / "pkg" / NOT_UTF_8)
    write(tmp_path / "pkg" / r"\xff.md")
    assert names(read(tmp_path / "pkg", kind=Kind.CODE_REVIEW)) == [r"pkg/\xff.md", r"pkg/\xff.md (2)"]


def test_control_characters_in_a_name_reach_no_terminal(tmp_path: Path):
    write(tmp_path / "pkg" / "a\n\x1b[2Jb.py")
    write(tmp_path / "pkg" / os.fsdecode(b"\xfe.bin"), b"\0")
    found = read(tmp_path / "pkg", kind=Kind.CODE_REVIEW)
    assert names(found) == [r"pkg/a\n\x1b[2Jb.py"]
    assert list(reasons(found)) == [r"pkg/\xfe.bin"]


@pytest.mark.parametrize("name", [NOT_UTF_8, "a\n\x1b[2Jb.md"], ids=["not-utf-8", "control"])
@pytest.mark.parametrize("content", [None, b"", b"\0"], ids=["missing", "empty", "binary"])
def test_whatever_a_file_is_called_its_refusal_can_be_printed(tmp_path: Path, name: str, content: bytes | None):
    if content is not None:
        write(tmp_path / name, content)
    refusal(tmp_path / name)


def test_what_is_not_a_regular_file_is_refused_unread(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refusal(tmp_path / "pipe")


@pytest.mark.parametrize("name", ["/proc/self/status", "/proc/self/environ", "/proc/self/root/proc/version", "/sys"])
def test_what_the_machine_shows_of_itself_is_never_read(name: str):
    assert "is never read" in refusal(name, kind=Kind.CODE_REVIEW)


@pytest.mark.parametrize("part", ["folder", "folder/a.md"])
def test_what_became_a_link_after_its_place_was_looked_at_is_not_read(part: str, tmp_path: Path):
    looked_at = write(tmp_path / "folder" / "a.md").resolve()
    assert contents(looked_at, 100) == b"text\n"
    (tmp_path / part).rename(tmp_path / "elsewhere")
    (tmp_path / part).symlink_to(tmp_path / "elsewhere")
    found = contents(looked_at, 100)
    assert isinstance(found, Unreadable)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path):
    file = write(tmp_path / "secret.md")
    file.chmod(0)
    assert "may not be read" in refusal(file)


# --- allowed directories ----------------------------------------------------------------------------


def test_files_inside_the_roots_are_read(tmp_path: Path):
    file = write(tmp_path / "docs" / "a.md")
    assert names(read(file, roots=(tmp_path / "other", tmp_path / "docs"))) == ["a.md"]


@pytest.mark.parametrize("through_link", [False, True], ids=["directly", "through-a-link"])
def test_files_outside_the_roots_are_refused(tmp_path: Path, through_link: bool):
    file = write(tmp_path / "private" / "a.md")
    allowed = tmp_path / "docs"
    allowed.mkdir()
    if through_link:
        file = allowed / "link.md"
        file.symlink_to(tmp_path / "private" / "a.md")
    message = refusal(file, roots=(allowed,))
    assert str(file) in message
    assert "THROUGHLINE_SOURCE_ROOTS" in message


def test_a_path_that_climbs_out_of_the_roots_is_refused(tmp_path: Path):
    write(tmp_path / "private.md")
    (tmp_path / "docs").mkdir()
    assert "outside" in refusal(tmp_path / "docs" / ".." / "private.md", roots=(tmp_path / "docs",))


# --- directories ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.SUMMARY, Kind.RESEARCH_REPORT, Kind.SYNTHESIS])
def test_only_a_code_review_takes_a_directory(tmp_path: Path, kind: Kind):
    message = refusal(tmp_path, kind=kind)
    assert "name the files" in message
    assert "--kind code_review" in message


def test_a_real_package_is_read_under_its_own_name():
    found = read(ASYNCIO, kind=Kind.CODE_REVIEW)
    expected = sorted(f"asyncio/{path.name}" for path in ASYNCIO.glob("*.py"))
    assert names(found) == expected
    assert {source.format for source in found.sources} == {Format.CODE}


def test_files_come_in_the_order_of_names_before_subdirectories(tmp_path: Path):
    for name in ("b.py", "a/z.py", "a/b/c.py", "c.py", "a/a.py"):
        write(tmp_path / "pkg" / name)
    expected = ["pkg/b.py", "pkg/c.py", "pkg/a/a.py", "pkg/a/z.py", "pkg/a/b/c.py"]
    assert names(read(tmp_path / "pkg", kind=Kind.CODE_REVIEW)) == expected


def test_a_directory_named_by_a_dot_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "pkg" / "a.py")
    monkeypatch.chdir(tmp_path / "pkg")
    assert names(read(".", kind=Kind.CODE_REVIEW)) == ["pkg/a.py"]


def test_whatever_is_left_out_of_a_directory_is_listed_with_its_reason(tmp_path: Path):
    package = tmp_path / "pkg"
    write(package / "a.py")
    write(package / ".git" / "config")
    write(package / ".env")
    write(package / "__pycache__" / "a.pyc")
    write(package / "node_modules" / "x" / "y.js")
    write(package / "empty.py", "")
    write(package / "latin.py", b"caf\xe9")
    write(package / "logo.png", b"\x89PNG")
    write(package / "big.py", "x" * 2_000)
    found = read(package, kind=Kind.CODE_REVIEW, max_bytes=1_000)
    assert names(found) == ["pkg/a.py"]
    listed = reasons(found)
    assert listed.pop("pkg/latin.py").startswith("is neither UTF-8")
    assert listed == {
        "pkg/.git": "is hidden",
        "pkg/.env": "is hidden",
        "pkg/__pycache__": "holds generated files",
        "pkg/node_modules": "holds generated files",
        "pkg/empty.py": "is empty",
        "pkg/logo.png": "looks like a PNG image",
        "pkg/big.py": "has 2,000 bytes, over the limit of 1,000",
    }


def test_links_in_a_directory_are_followed_only_to_its_own_files(tmp_path: Path):
    package = tmp_path / "pkg"
    write(package / "a.py")
    write(package / "sub" / "b.py")
    secret = write(tmp_path / "secret.txt")
    (package / "out.txt").symlink_to(secret)
    (package / "gone.py").symlink_to(tmp_path / "nowhere")
    (package / "again.py").symlink_to(package / "a.py")
    (package / "zsub").symlink_to(package / "sub")
    (package / "sub" / "up").symlink_to(package)
    found = read(package, kind=Kind.CODE_REVIEW)
    assert names(found) == ["pkg/a.py", "pkg/sub/b.py"]
    assert reasons(found) == {
        "pkg/again.py": "is the same file as pkg/a.py",
        "pkg/gone.py": "is a link to nothing",
        "pkg/out.txt": "is a link that leaves the directory",
        "pkg/zsub": "is a link to a directory",
        "pkg/sub/up": "is a link to a directory",
    }


def test_a_directory_without_a_readable_file_is_refused_with_an_example(tmp_path: Path):
    write(tmp_path / "pkg" / "logo.png", b"\x89PNG")
    message = refusal(tmp_path / "pkg", kind=Kind.CODE_REVIEW)
    assert "holds no text file" in message
    assert "pkg/logo.png looks like a PNG image" in message


def test_an_empty_directory_is_refused(tmp_path: Path):
    assert "holds no text file to review;" in refusal(tmp_path, kind=Kind.CODE_REVIEW)


def test_directories_files_and_diffs_can_be_reviewed_together(tmp_path: Path):
    write(tmp_path / "pkg" / "a.py")
    patch = write(tmp_path / "fix.txt", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n")
    found = read(tmp_path / "pkg", patch, kind=Kind.CODE_REVIEW)
    assert names(found) == ["pkg/a.py", "fix.txt"]
    assert found.sources[1].format is Format.DIFF


def test_a_file_of_a_directory_that_was_also_given_by_hand_is_refused(tmp_path: Path):
    file = write(tmp_path / "pkg" / "a.py")
    assert "pkg/a.py" in refusal(tmp_path / "pkg", file, kind=Kind.CODE_REVIEW)
