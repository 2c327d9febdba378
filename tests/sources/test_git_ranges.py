"""REPO@A..B is the diff between two revisions, made by git without running anything that a repository asks for."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.sources.support import git, names, read, reasons, refusal, write
from throughline.domain.code import diff_files
from throughline.domain.job import Kind
from throughline.domain.source import Format
from throughline.sources import SourceSet


def review(*references: object, **options: Any) -> SourceSet:
    return read(*references, kind=Kind.CODE_REVIEW, **options)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history") / "repo"
    write(folder / "a.py", "one = 1\n")
    write(folder / "grüße.py", "x = 1\n")
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "first")
    git(folder, "tag", "v1")
    write(folder / "a.py", "one = 2\n")
    write(folder / "grüße.py", "x = 2\n")
    commit(folder, "second")
    git(folder, "switch", "-q", "-c", "topic", "v1")
    write(folder / "b.py", "two = 2\n")
    commit(folder, "third")
    return folder


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


def test_a_range_is_one_unified_diff(made: Path):
    (source,) = review(f"{made}@v1..main").sources
    assert (source.name, source.format) == ("repo@v1..main", Format.DIFF)
    assert [section.heading for section in diff_files(source)] == ["a.py", "grüße.py"]
    assert "-one = 1\n+one = 2\n" in source.text


def test_two_dots_compare_the_ends_and_three_compare_with_the_fork(made: Path):
    two, three = review(f"{made}@main..topic", f"{made}@main...topic").sources
    assert [section.heading for section in diff_files(two)] == ["a.py", "b.py", "grüße.py"]
    assert [section.heading for section in diff_files(three)] == ["b.py"]


def test_any_name_that_git_knows_for_a_commit_will_do(made: Path):
    sha = git(made, "rev-parse", "v1")
    assert names(review(f"{made}@{sha[:10]}..HEAD~0"))
    assert names(review(f"{made}@main@{{0}}~1..main"))


def test_a_directory_with_an_at_sign_in_its_name_is_found(tmp_path: Path):
    folder = tmp_path / "me@work"
    write(folder / "a.py", "1\n")
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "first")
    write(folder / "a.py", "2\n")
    commit(folder, "second")
    assert names(review(f"{folder}@main~1..main")) == ["me@work@main~1..main"]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        pytest.param("--output=x..main", "not a revision", id="option-before"),
        pytest.param("main..--output=x", "not a revision", id="option-after"),
        pytest.param("main..-O/etc/passwd", "not a revision", id="short-option"),
        pytest.param("main..a\nb", "not a revision", id="line-end"),
        pytest.param("nope..main", "'nope' is no commit", id="unknown"),
        pytest.param("main..HEAD:a.py", "is no commit", id="a-file"),
        pytest.param("main..$(touch x)", "is no commit", id="shell"),
        pytest.param("main..", "write REPOSITORY@BEFORE..AFTER", id="open-end"),
        pytest.param("..main", "write REPOSITORY@BEFORE..AFTER", id="open-begin"),
        pytest.param("main..main", "holds no change", id="same"),
    ],
)
def test_what_is_no_range_is_refused(made: Path, wanted: str, says: str):
    assert says in refusal(f"{made}@{wanted}", kind=Kind.CODE_REVIEW)
    assert {path.name for path in made.iterdir()} == {".git", "a.py", "b.py", "grüße.py"}


def test_a_directory_that_is_no_repository_is_refused(tmp_path: Path):
    assert "name the directory of a git repository" in refusal(f"{tmp_path}@a..b", kind=Kind.CODE_REVIEW)


def test_a_range_of_a_directory_that_does_not_exist_is_refused():
    assert "does not exist" in refusal("nowhere@a..b", kind=Kind.CODE_REVIEW)


def test_a_range_over_the_limit_is_refused(made: Path):
    message = refusal(f"{made}@v1..main", kind=Kind.CODE_REVIEW, max_bytes=100)
    assert "more than 100 bytes of changes" in message
    assert "THROUGHLINE_MAX_SOURCE_BYTES" in message


def test_the_same_range_twice_is_refused(made: Path):
    assert "was already given" in refusal(f"{made}@v1..main", f"{made}@v1..main", kind=Kind.CODE_REVIEW)


def test_a_repository_outside_the_roots_is_refused(made: Path, tmp_path: Path):
    assert "THROUGHLINE_SOURCE_ROOTS" in refusal(f"{made}@v1..main", roots=(tmp_path,))


def test_a_directory_inside_the_roots_of_a_repository_around_them_is_refused(made: Path):
    (made / ".git" / "inner").mkdir(exist_ok=True)
    inner = made.parent / "tree" / "inner"
    inner.mkdir(parents=True, exist_ok=True)
    write(inner / ".git", f"gitdir: {made}/.git\n")
    assert "lies outside" in refusal(f"{inner}@v1..main", roots=(inner,))


@pytest.fixture
def private(made: Path, tmp_path: Path) -> Path:
    """A copy of the repository, its history packed and loose, outside the roots of these tests."""
    folder = tmp_path / "private"
    git(made, "clone", "-q", "--no-local", str(made), str(folder))
    return folder


@pytest.mark.parametrize("part", ["objects", "objects/pack", "refs", "packed-refs"])
def test_a_repository_with_a_link_out_of_the_roots_is_refused(part: str, private: Path, tmp_path: Path):
    inside = tmp_path / "roots" / "repo"
    git(private, "clone", "-q", "--no-local", str(private), str(inside))
    linked = inside / ".git" / part
    linked.rename(tmp_path / "moved")
    linked.symlink_to(private / ".git" / part)
    assert "git read outside" in refusal(f"{inside}@v1..HEAD", roots=(inside.parent,))


@pytest.mark.parametrize("line", ["{objects}", "../../../../private/.git/objects", '"{objects}"'])
def test_a_repository_that_borrows_objects_from_outside_the_roots_is_refused(line: str, private: Path, tmp_path: Path):
    inside = tmp_path / "roots" / "repo"
    git(private, "clone", "-q", "--shared", str(private), str(inside))
    objects = private / ".git" / "objects"
    write(inside / ".git" / "objects" / "info" / "alternates", f"# mine\n{line.format(objects=objects)}\n")
    assert "git read outside" in refusal(f"{inside}@v1..HEAD", roots=(inside.parent,))
    assert names(review(f"{inside}@v1..HEAD"))


def test_a_repository_that_borrows_inside_the_roots_is_read(private: Path, tmp_path: Path):
    git(private, "clone", "-q", "--shared", str(private), str(tmp_path / "repo"))
    assert names(review(f"{tmp_path}/repo@v1..HEAD", roots=(tmp_path,)))


def test_what_is_borrowed_is_looked_at_in_its_turn(private: Path, tmp_path: Path):
    inside = tmp_path / "roots"
    git(private, "clone", "-q", "--shared", str(private), str(inside / "middle"))
    git(private, "clone", "-q", "--shared", str(inside / "middle"), str(inside / "repo"))
    assert "git read outside" in refusal(f"{inside}/repo@v1..HEAD", roots=(inside,))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_repository_of_another_user_is_read_as_one_that_is_mounted_in_a_container(private: Path):
    for path in (private, *private.rglob("*")):
        os.chown(path, 12345, 12345)
    assert names(review(f"{private}@v1..HEAD"))


def test_git_that_takes_too_long_is_given_up(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    slow = write(tmp_path / "bin" / "git", "#!/bin/sh\nsleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    assert "took git longer than 0.2 seconds" in refusal(f"{made}@v1..main", timeout_s=0.2)


def test_without_git_the_sentence_says_what_to_install(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "install it, or give the diff as a file" in refusal(f"{made}@v1..main")


def test_nothing_that_the_repository_configures_is_started(tmp_path: Path):
    folder = tmp_path / "hostile"
    write(folder / "a.py", "1\n")
    write(folder / ".gitattributes", "*.py diff=evil\n")
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "first")
    write(folder / "a.py", "2\n")
    commit(folder, "second")
    program = write(tmp_path / "evil", f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    for key in ("diff.external", "diff.evil.command", "diff.evil.textconv", "core.fsmonitor", "core.pager"):
        git(folder, "config", key, str(program))
    for key, value in {"diff.noprefix": "true", "color.ui": "always", "diff.orderFile": "/nowhere"}.items():
        git(folder, "config", key, value)
    (source,) = review(f"{folder}@main~1..main").sources
    assert not (tmp_path / "started").exists()
    assert source.text.startswith("diff --git a/a.py b/a.py\n")


def test_the_callers_own_git_variables_lead_nowhere(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "/bin/false")
    assert names(review(f"{made}@v1..main")) == ["repo@v1..main"]


def test_a_changed_file_that_is_not_utf_8_is_left_out_and_listed(tmp_path: Path):
    folder = tmp_path / "repo"
    write(folder / "z.py", "1\n")
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "first")
    write(folder / "latin.txt", b"caf\xe9\n")
    write(folder / "z.py", "2\n")
    commit(folder, "second")
    found = review(f"{folder}@main~1..main")
    assert [section.heading for section in diff_files(found.sources[0])] == ["z.py"]
    assert reasons(found)["latin.txt"].startswith("is neither UTF-8")
