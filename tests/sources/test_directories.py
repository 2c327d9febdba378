"""Directories and patterns honour .gitignore by git's own rules and say what they leave out."""

from pathlib import Path
from typing import Any

import pytest

from tests.sources.support import git, names, pdf, read, reasons, refusal, write
from throughline.domain.job import Kind
from throughline.sources import SourceSet

IGNORED = "is named by .gitignore"


def review(*references: object, **options: Any) -> SourceSet:
    return read(*references, kind=Kind.CODE_REVIEW, **options)


def ignored(found: SourceSet) -> list[str]:
    return [name for name, reason in reasons(found).items() if reason == IGNORED]


# --- .gitignore -------------------------------------------------------------------------------------


def test_what_gitignore_names_is_left_out_and_listed(tmp_path: Path):
    package = tmp_path / "pkg"
    write(package / ".gitignore", "*.log\n!keep.log\n/only_here.py\nbuild/\n")
    for name in ("a.py", "x.log", "keep.log", "only_here.py", "sub/only_here.py", "build/deep/b.py", "sub/build/c.py"):
        write(package / name)
    found = review(package)
    assert names(found) == ["pkg/a.py", "pkg/keep.log", "pkg/sub/only_here.py"]
    assert ignored(found) == ["pkg/build", "pkg/only_here.py", "pkg/x.log", "pkg/sub/build"]


def test_a_nested_gitignore_decides_over_those_above(tmp_path: Path):
    package = tmp_path / "pkg"
    write(package / ".gitignore", "*.txt\n")
    write(package / "sub" / ".gitignore", "!wanted.txt\n*.py\n")
    for name in ("a.txt", "sub/wanted.txt", "sub/other.txt", "sub/b.py", "c.py"):
        write(package / name)
    assert names(review(package)) == ["pkg/c.py", "pkg/sub/wanted.txt"]


def test_it_agrees_with_git(tmp_path: Path):
    rules = (
        "*.o\n!important.o\ndocs/**/draft\n/top\n**/cache/*\n!**/cache/kept\nfoo[0-9].txt\n\\!bang\n# note\nname\\ \n"
    )
    files = ["a.o", "important.o", "docs/draft", "docs/a/b/draft", "top", "sub/top", "x/cache/y", "x/cache/kept"]
    files += ["foo1.txt", "foo.txt", "!bang", "name ", "sub/important.o"]
    git(tmp_path, "init", "-q")
    write(tmp_path / ".gitignore", rules)
    for file in files:
        write(tmp_path / file)
    expected = {file for file in git(tmp_path, "ls-files", "-z", "--others", "--exclude-standard").split("\0") if file}
    found = {name.removeprefix(f"{tmp_path.name}/") for name in names(review(tmp_path))}
    assert found == expected - {".gitignore"}


def test_the_rules_of_the_whole_repository_hold_in_a_part_of_it(tmp_path: Path):
    (tmp_path / ".git").mkdir()
    write(tmp_path / ".gitignore", "*.log\nsrc/made/\n")
    for name in ("a.py", "x.log", "made/b.py"):
        write(tmp_path / "src" / name)
    found = review(tmp_path / "src")
    assert names(found) == ["src/a.py"]
    assert ignored(found) == ["src/made", "src/x.log"]


def test_an_ignored_directory_that_was_named_by_hand_is_read(tmp_path: Path):
    (tmp_path / ".git").mkdir()
    write(tmp_path / ".gitignore", "build/\n")
    write(tmp_path / "build" / "a.py")
    assert names(review(tmp_path / "build")) == ["build/a.py"]


def test_rules_outside_the_roots_are_not_read(tmp_path: Path):
    (tmp_path / ".git").mkdir()
    write(tmp_path / ".gitignore", "*.py\n")
    write(tmp_path / "src" / "a.py")
    assert names(review(tmp_path / "src", roots=(tmp_path / "src",))) == ["src/a.py"]


def test_without_a_repository_the_directories_above_have_no_say(tmp_path: Path):
    write(tmp_path / ".gitignore", "*.py\n")
    write(tmp_path / "src" / "a.py")
    assert names(review(tmp_path / "src")) == ["src/a.py"]


def test_many_ignored_files_of_a_directory_are_one_entry(tmp_path: Path):
    write(tmp_path / "pkg" / ".gitignore", "*.log\n")
    write(tmp_path / "pkg" / "a.py")
    for number in range(40):
        write(tmp_path / "pkg" / "logs" / f"{number:02}.log")
    assert reasons(review(tmp_path / "pkg")) == {
        "pkg/.gitignore": "is hidden",
        "pkg/logs": "holds 40 files that .gitignore names (00.log ... 39.log)",
    }


def test_a_rule_that_would_take_for_ever_is_not_honoured_and_listed(tmp_path: Path):
    write(tmp_path / "pkg" / ".gitignore", "ok.py\n" + "*a" * 30 + "b\n")
    write(tmp_path / "pkg" / ("a" * 200))
    write(tmp_path / "pkg" / "ok.py")
    found = review(tmp_path / "pkg")
    assert len(names(found)) == 1
    assert reasons(found)["pkg/.gitignore"] == "is hidden (not honoured: line 2, too many stars or no pattern)"


@pytest.mark.parametrize("rules", [b"\xff\xfe\0*", b"!\n[\n//\n\\\n", b"a" * 100_000], ids=["bytes", "broken", "long"])
def test_a_broken_gitignore_stops_nothing(tmp_path: Path, rules: bytes):
    write(tmp_path / "pkg" / ".gitignore", rules)
    write(tmp_path / "pkg" / "x.py")
    assert names(review(tmp_path / "pkg")) == ["pkg/x.py"]


def test_a_gitignore_that_is_a_link_is_not_followed(tmp_path: Path):
    write(tmp_path / "elsewhere", "*.py\n")
    write(tmp_path / "pkg" / "x.py")
    (tmp_path / "pkg" / ".gitignore").symlink_to(tmp_path / "elsewhere")
    assert names(review(tmp_path / "pkg")) == ["pkg/x.py"]


def test_a_link_into_gits_own_files_is_left_out(tmp_path: Path):
    write(tmp_path / "pkg" / ".git" / "config")
    write(tmp_path / "pkg" / "x.py")
    (tmp_path / "pkg" / "y.txt").symlink_to(tmp_path / "pkg" / ".git" / "config")
    assert reasons(review(tmp_path / "pkg"))["pkg/y.txt"] == "is a link into git's own files"


# --- patterns ---------------------------------------------------------------------------------------


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.md", "b.txt", "one/c.md", "one/two/d.md", "one/two/e.rst"):
        write(tmp_path / "docs" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "docs"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("docs/*.md", ["a.md"]),
        ("docs/**/*.md", ["a.md", "one/c.md", "one/two/d.md"]),
        ("docs/**/**/*.md", ["a.md", "one/c.md", "one/two/d.md"]),
        ("docs/**/two/*", ["d.md", "e.rst"]),
        ("docs/*/c.md", ["c.md"]),
        ("./docs/[ab].*", ["a.md", "b.txt"]),
        ("docs/one/**", ["c.md", "two/d.md", "two/e.rst"]),
        ("d*/?.md", ["a.md"]),
    ],
)
def test_a_pattern_stands_for_the_files_that_it_fits(docs: Path, pattern: str, expected: list[str]):
    assert names(read(pattern)) == expected
    assert names(read(docs.parent / pattern)) == expected


def test_a_pattern_reads_documents_and_lists_what_it_cannot_read(docs: Path):
    write(docs / "f.pdf", pdf(["Words"]))
    write(docs / "g.png", b"\x89PNG")
    write(docs / ".hidden.md")
    found = read("docs/*")
    assert names(found) == ["a.md", "b.txt", "f.pdf"]
    assert reasons(found) == {".hidden.md": "is hidden", "g.png": "looks like a PNG image"}


def test_a_pattern_over_all_depths_lists_the_directories_that_it_does_not_enter(docs: Path):
    write(docs / ".gitignore", "out/\n")
    write(docs / "out" / "x.md")
    write(docs / "node_modules" / "y.md")
    (docs / "loop").symlink_to(docs)
    found = read("docs/**/*.md")
    assert names(found) == ["a.md", "one/c.md", "one/two/d.md"]
    assert reasons(found) == {
        "loop": "is a link to a directory",
        "node_modules": "holds generated files",
        "out": IGNORED,
    }


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(docs: Path):
    write(docs / "[ab].md", "this one\n")
    assert [source.text for source in read("docs/[ab].md").sources] == ["this one\n"]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("docs/*.adoc", "fits no file"),
        ("docs/a.md/*", "is not a directory"),
        ("nowhere/*.md", "nowhere does not exist"),
        ("docs/*\0", "fits no file"),
    ],
)
def test_a_pattern_that_fits_nothing_is_refused(docs: Path, pattern: str, says: str):
    assert says in refusal(pattern)


def test_a_pattern_outside_the_roots_is_refused(docs: Path):
    assert "THROUGHLINE_SOURCE_ROOTS" in refusal("docs/*.md", roots=(docs / "one",))
