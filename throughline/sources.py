"""The only reader of the user's files: references in, named and decoded sources out.

A file that was named by hand is read or refused with one sentence. A file that was met inside a
directory is read or listed in `left_out` with its reason. Nothing is skipped silently. Limits arrive as
arguments; settings are only named, so that a refusal says which one to change.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from throughline.domain.job import Kind
from throughline.domain.source import Source, Unreadable, decode, format_of, try_decode
from throughline.errors import BadInput

_GENERATED_DIRECTORIES = frozenset({"__pycache__", "node_modules"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A file or directory that was met inside a given directory and not read."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSet:
    """What a job works on, and what was met beside it and not taken."""

    sources: tuple[Source, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A path as it was met. `real` has its symbolic links resolved; `refusal` says why it is not read."""

    path: Path
    real: Path
    refusal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    roots: tuple[Path, ...]
    max_bytes: int
    max_total_bytes: int


def read_sources(
    references: Sequence[str],
    kind: Kind,
    *,
    roots: Sequence[Path],
    max_bytes: int,
    max_total_bytes: int,
) -> SourceSet:
    """Read every reference; empty `roots` means that no directory is off limits.

    Directories are taken for code reviews only: a summary of whatever a directory happens to hold is
    rarely what was meant, and costs.
    """
    if not references:
        raise BadInput("No source was given; name at least one file.")
    limits = _Limits(
        roots=tuple(root.resolve() for root in roots), max_bytes=max_bytes, max_total_bytes=max_total_bytes
    )
    given = [_locate(reference, limits) for reference in references]
    parent = _common_parent([found.path for found in given])
    reader = _Reader(parent, limits)
    for reference, found in zip(references, given, strict=True):
        if not found.real.is_dir():
            reader.take_file(found)
        elif kind is Kind.CODE_REVIEW:
            reader.take_directory(found, reference)
        else:
            raise BadInput(
                f"{reference} is a directory; name the files to work on, or use --kind code_review to review all of it."
            )
    return SourceSet(sources=tuple(reader.sources), left_out=tuple(reader.left_out))


class _Reader:
    """Collects sources while it keeps count of what the limits allow over all of them."""

    def __init__(self, parent: Path, limits: _Limits) -> None:
        self.sources: list[Source] = []
        self.left_out: list[LeftOut] = []
        self._parent = parent
        self._limits = limits
        self._total_bytes = 0
        self._names: dict[Path, str] = {}  # real path -> the name under which it was read

    def take_file(self, found: _Found) -> None:
        """Read a file that was named by hand; whatever is wrong with it is an error."""
        name = self._name(found)
        if found.real in self._names:
            raise BadInput(f"{name} was already given as {self._names[found.real]}; name every file once.")
        data = _read(found.real, self._limits.max_bytes)
        if isinstance(data, Unreadable):
            raise BadInput(f"{name} {data.reason}; {data.remedy}.")
        self._add(found, data, decode(data, name))

    def take_directory(self, found: _Found, reference: str) -> None:
        """Read what the directory holds; whatever is wrong with one file leaves that file out."""
        sources_before, left_out_before = len(self.sources), len(self.left_out)
        for member in _members(found):
            self._take_member(member)
        if len(self.sources) == sources_before:
            left_out = self.left_out[left_out_before:]
            example = f" ({left_out[0].name} {left_out[0].reason})" if left_out else ""
            raise BadInput(f"{reference} holds no text file to review{example}; name a directory with source files.")

    def _take_member(self, member: _Found) -> None:
        reason = member.refusal
        if member.real in self._names:
            reason = f"is the same file as {self._names[member.real]}"
        if reason is not None:
            self._leave_out(member, reason)
            return
        data = _read(member.real, self._limits.max_bytes)
        if isinstance(data, Unreadable):
            self._leave_out(member, data.reason)
            return
        text = try_decode(data)
        if isinstance(text, Unreadable):
            self._leave_out(member, text.reason)
            return
        self._add(member, data, text)

    def _add(self, found: _Found, data: bytes, text: str) -> None:
        self._total_bytes += len(data)
        if self._total_bytes > self._limits.max_total_bytes:
            raise BadInput(
                f"The sources hold more than {self._limits.max_total_bytes:,} bytes together "
                f"(the limit was passed at {self._name(found)}); give fewer files, "
                "or raise THROUGHLINE_MAX_TOTAL_SOURCE_BYTES."
            )
        name = self._name(found)
        self._names[found.real] = name
        self.sources.append(Source(name=name, format=format_of(name, text), text=text))

    def _leave_out(self, found: _Found, reason: str) -> None:
        self.left_out.append(LeftOut(name=self._name(found), reason=reason))

    def _name(self, found: _Found) -> str:
        return found.path.relative_to(self._parent).as_posix()


def _locate(reference: str, limits: _Limits) -> _Found:
    """The file or directory that a reference names, inside the allowed roots."""
    path = Path(reference)
    try:
        real = path.resolve(strict=True)
    except FileNotFoundError:
        raise BadInput(f"{reference} does not exist; check the path.") from None
    except PermissionError:
        raise BadInput(f"{reference} may not be read by this user; change its permissions.") from None
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a name that no file can have
        raise BadInput(f"{reference} cannot be opened ({error}); check the path.") from None
    if limits.roots and not any(real.is_relative_to(root) for root in limits.roots):
        allowed = ", ".join(str(root) for root in limits.roots)
        raise BadInput(
            f"{reference} lies outside the directories that may be read ({allowed}); "
            "move it there, or add its directory to THROUGHLINE_SOURCE_ROOTS."
        )
    # The name people gave a link is the name they know the document by.
    named = path.parent.resolve() / path.name if path.name not in ("", "..") else real
    return _Found(path=named, real=real)


def _common_parent(paths: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([path.parent for path in paths]))


def _members(directory: _Found) -> Iterator[_Found]:
    """Everything below the directory in the order of names, files before subdirectories."""
    pending = [directory]
    while pending:
        current = pending.pop()
        try:
            members = [_inspect(entry, directory.real) for entry in sorted(current.path.iterdir())]
            below = [member for member in members if member.refusal is None and member.real.is_dir()]
        except OSError as error:
            yield _Found(path=current.path, real=current.real, refusal=f"cannot be read ({error.strerror})")
            continue
        directories = set(below)
        yield from (member for member in members if member not in directories)
        pending.extend(reversed(below))


def _inspect(entry: Path, top: Path) -> _Found:
    """An entry of a directory, with the reason when its name or its kind already rules it out."""
    if entry.name.startswith("."):
        return _Found(path=entry, real=entry, refusal="is hidden")
    if entry.name in _GENERATED_DIRECTORIES:
        return _Found(path=entry, real=entry, refusal="holds generated files")
    if not entry.is_symlink():
        return _Found(path=entry, real=entry.resolve())
    return _follow(entry, top)


def _follow(link: Path, top: Path) -> _Found:
    """A link inside a directory. It must not lead out: a reviewed tree could point at private files."""
    try:
        real = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return _Found(path=link, real=link, refusal="is a link to nothing")
    if not real.is_relative_to(top):
        return _Found(path=link, real=real, refusal="is a link that leaves the directory")
    if real.is_dir():
        return _Found(path=link, real=real, refusal="is a link to a directory")
    return _Found(path=link, real=real)


def _read(path: Path, max_bytes: int) -> bytes | Unreadable:
    try:
        # A pipe or a device would never end, so nothing else is opened.
        if not stat.S_ISREG(path.stat().st_mode):
            return Unreadable(reason="is not a regular file", remedy="save its content to a file")
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
            size_bytes = max(os.fstat(file.fileno()).st_size, len(data))
    except PermissionError:
        return Unreadable(reason="may not be read by this user", remedy="change its permissions")
    except OSError as error:
        return Unreadable(reason=f"cannot be read ({error.strerror})", remedy="check the file")
    if len(data) > max_bytes:
        return Unreadable(
            reason=f"has {size_bytes:,} bytes, over the limit of {max_bytes:,}",
            remedy="split it, or raise THROUGHLINE_MAX_SOURCE_BYTES",
        )
    return data
