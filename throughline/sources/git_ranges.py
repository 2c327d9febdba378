"""The changes between two revisions of a repository, as git itself tells them: REPO@A..B.

The repository may be somebody else's: what its configuration would start or fetch is turned off, and a
revision reaches `git diff` only as the hash that git resolved it to.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from throughline.domain.source import Unreadable, try_decode
from throughline.errors import BadInput
from throughline.sources import child, git_folders
from throughline.sources.names import shown
from throughline.sources.paths import locate
from throughline.sources.roots import Roots

_RANGE = re.compile(r"(?P<before>[^.].*?)(?P<dots>\.{2,3})(?P<after>[^.].*)", re.DOTALL)
_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_LITTLE_BYTES = 10_000
_QUIET = (
    "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never",
    # Whose it is does not matter, as nothing of its own is started; what is mounted in a container is another user's.
    "-c", "safe.directory=*",
    "-c", "core.quotePath=false", "-c", "diff.renames=true",
)  # fmt: skip
_DIFF = (
    "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-relative", "--submodule=short", "--unified=3",
    "--src-prefix=a/", "--dst-prefix=b/", "-O/dev/null",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRange:
    """Two revisions of a repository; `since_fork`: compared with where the second one left the first."""

    reference: str
    repository: Path
    before: str
    after: str
    since_fork: bool

    @property
    def name(self) -> str:
        """What the diff is called."""
        return f"{self.repository.name}@{self.before}{'...' if self.since_fork else '..'}{self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """A unified diff, and the files of which it does not tell the change, each with the reason."""

    diff: str
    left_out: tuple[tuple[str, str], ...]


def recognise(reference: str, roots: Roots) -> GitRange | None:
    """The range that a reference names, if what stands before an "@" is a directory."""
    for at in re.finditer("@", reference):
        folder, wanted = reference[: at.start()], reference[at.end() :]
        if ".." in wanted and folder and _is_directory(folder):
            return _range(reference, locate(folder, roots).real, wanted)
    return None


def _is_directory(folder: str) -> bool:
    try:
        return Path(folder).is_dir()
    except (OSError, ValueError):
        return False


def _range(reference: str, repository: Path, wanted: str) -> GitRange:
    parts = _RANGE.fullmatch(wanted)
    if parts is None:
        raise BadInput(f"{shown(reference)} is not a range of revisions; write REPOSITORY@BEFORE..AFTER.")
    for revision in (parts["before"], parts["after"]):
        if revision.startswith("-") or not revision.isprintable():
            raise BadInput(f"{shown(revision)!r} is not a revision; name a commit, a tag or a branch.")
    return GitRange(
        reference=reference,
        repository=repository,
        before=parts["before"],
        after=parts["after"],
        since_fork=parts["dots"] == "...",
    )


def read(wanted: GitRange, roots: Roots, *, max_bytes: int, timeout_s: float) -> Changes:
    """The diff of that range. Files whose change is not UTF-8 text are left out."""
    git = _Git(wanted, max_bytes, timeout_s)
    git.require_inside(roots)
    before, after = git.commit(wanted.before), git.commit(wanted.after)
    if wanted.since_fork:
        before = git.fork_point(before, after)
    diff, left_out = _readable(git.output(*_DIFF, before, after, "--"))
    if not diff:
        why = f" that can be read ({shown(left_out[0][0])} {left_out[0][1]})" if left_out else ""
        raise BadInput(f"{shown(wanted.reference)} holds no change{why}; name two revisions that differ.")
    return Changes(diff=diff, left_out=left_out)


class _Git:
    """Asks one repository, with nothing from the caller's environment or its configuration in the way."""

    def __init__(self, wanted: GitRange, max_bytes: int, timeout_s: float) -> None:
        self._wanted = wanted
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    def require_inside(self, roots: Roots) -> None:
        """Refuse a directory that is no repository, or one whose history lies outside the roots."""
        ended = self._run(_LITTLE_BYTES, "rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir")
        if ended.code != 0:
            raise BadInput(
                f"{shown(self._wanted.repository)} cannot be asked for its history ({_first_line(ended.complaint)}); "
                "name the directory of a git repository before the '@'."
            )
        folders = [Path(line) for line in os.fsdecode(ended.output).splitlines()]
        git_folders.require_inside(folders, roots, self._wanted.reference)

    def commit(self, revision: str) -> str:
        """The hash of the commit that a revision stands for."""
        asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        found = self._run(_LITTLE_BYTES, *asked).output.decode("ascii", "replace").strip()
        if not _HASH.fullmatch(found):
            raise BadInput(
                f"{shown(revision)!r} is no commit of {shown(self._wanted.repository)}; "
                "name a commit, a tag or a branch that `git log` knows."
            )
        return found

    def fork_point(self, before: str, after: str) -> str:
        """The commit from which both histories come."""
        found = self._run(_LITTLE_BYTES, "merge-base", before, after).output.decode("ascii", "replace").strip()
        if not _HASH.fullmatch(found):
            raise BadInput(f"The revisions of {shown(self._wanted.reference)} have no common history; write '..'.")
        return found

    def output(self, *arguments: str) -> bytes:
        """What git says to those arguments, within the limit."""
        ended = self._run(self._max_bytes, *arguments)
        if len(ended.output) > self._max_bytes:
            raise BadInput(
                f"{shown(self._wanted.reference)} has more than {self._max_bytes:,} bytes of changes, over the limit; "
                "name revisions closer to each other, or raise THROUGHLINE_MAX_SOURCE_BYTES."
            )
        if ended.code != 0:
            raise BadInput(f"{shown(self._wanted.reference)} cannot be read ({_first_line(ended.complaint)}).")
        return ended.output

    def _run(self, max_bytes: int, *arguments: str) -> child.Ended:
        command = ["git", *_QUIET, "-C", str(self._wanted.repository), *arguments]
        try:
            ended = child.run(command, environment=_environment(), max_bytes=max_bytes, timeout_s=self._timeout_s)
        except FileNotFoundError:
            raise BadInput("A range of revisions needs git; install it, or give the diff as a file.") from None
        if ended.late:
            raise BadInput(
                f"{shown(self._wanted.reference)} took git longer than {self._timeout_s:g} seconds; "
                "give the output of `git diff` as a file."
            )
        return ended


def _environment() -> Mapping[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {
        **inherited,
        "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }


def _first_line(complaint: str) -> str:
    return shown(complaint.strip().partition("\n")[0].removeprefix("fatal: ")) or "git says no reason"


# Lines of a hunk begin with a mark of their own, so this can only be where a file's part begins.
_FILE = re.compile(rb"^(?=diff --git )", re.MULTILINE)


def _readable(diff: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The diff without the files that are not text, which are named with the reason."""
    kept: list[str] = []
    left_out: list[tuple[str, str]] = []
    for part in _parts(diff):
        text = try_decode(part)
        if isinstance(text, Unreadable):
            left_out.append((_path(part), text.reason))
        else:
            kept.append(text)
    return "".join(kept), tuple(left_out)


def _parts(diff: bytes) -> Iterator[bytes]:
    return (part for part in _FILE.split(diff) if part)


def _path(part: bytes) -> str:
    """The path after the change, from "diff --git a/PATH b/PATH"."""
    return os.fsdecode(part.partition(b"\n")[0].rpartition(b" b/")[2]).strip('"')
