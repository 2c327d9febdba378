"""What a job works on, collected reference by reference inside its limits.

What was named by hand is read or refused with one sentence. What was met inside a directory, or by a
pattern, is read or listed in `left_out` with its reason. Nothing is skipped silently.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from throughline.domain.job import Kind
from throughline.domain.source import Format, Source, Unreadable
from throughline.errors import BadInput
from throughline.sources import addresses, git_ranges, globs
from throughline.sources.addresses import Address
from throughline.sources.documents import Content, content_of, kind_of
from throughline.sources.files import contents
from throughline.sources.git_ranges import GitRange
from throughline.sources.globs import Matches
from throughline.sources.names import Names, printable, shown
from throughline.sources.paths import Found, locate, members
from throughline.sources.roots import Roots

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A file, a directory or a part of a document that was met and not read."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSet:
    """What a job works on, and what was met beside it and not taken."""

    sources: tuple[Source, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    roots: Roots
    max_bytes: int
    max_total_bytes: int
    timeout_s: float


_Given = Found | Matches | GitRange | Address


def read_sources(
    references: Sequence[str],
    kind: Kind,
    *,
    roots: Sequence[Path | str],
    max_bytes: int,
    max_total_bytes: int,
    timeout_s: float = _TIMEOUT_S,
) -> SourceSet:
    """Read every reference; empty `roots` means that no place is off limits.

    Directories are taken for code reviews only: a summary of whatever a directory happens to hold is
    rarely what was meant, and costs. The time-out is for each document that others have a hand in.
    """
    if not references:
        raise BadInput("No source was given; name at least one file.")
    limits = _Limits(roots=Roots.of(roots), max_bytes=max_bytes, max_total_bytes=max_total_bytes, timeout_s=timeout_s)
    given = [_recognise(reference, kind, limits.roots) for reference in references]
    reader = _Reader(_common_parent(given), limits)
    for reference, wanted in zip(references, given, strict=True):
        reader.take(wanted, reference)
    return SourceSet(sources=tuple(reader.sources), left_out=tuple(reader.left_out))


def _recognise(reference: str, kind: Kind, roots: Roots) -> _Given:
    """What a reference names. A file that is there is that file, whatever its name looks like."""
    if not reference.strip():
        raise BadInput("The name of a source is empty; name a file.")
    if addresses.is_address(reference):
        return addresses.parse(reference, roots)
    if not os.path.lexists(reference):
        if (changes := git_ranges.recognise(reference, roots)) is not None:
            return changes
        if globs.is_pattern(reference):
            return globs.expand(reference, roots)
    found = locate(reference, roots)
    if found.real.is_dir() and kind is not Kind.CODE_REVIEW:
        raise BadInput(
            f"{shown(reference)} is a directory; name the files to work on, or use --kind code_review to review all "
            "of it."
        )
    return found


def _common_parent(given: Iterable[_Given]) -> Path:
    paths: list[Path] = []
    for wanted in given:
        if isinstance(wanted, Found):
            paths.append(wanted.path.parent)
        elif isinstance(wanted, Matches):
            paths.extend(member.path.parent for member in wanted.members)
    return Path(os.path.commonpath(paths)) if paths else Path("/")


class _Reader:
    """Collects sources while it keeps count of what the limits allow over all of them."""

    def __init__(self, parent: Path, limits: _Limits) -> None:
        self.sources: list[Source] = []
        self.left_out: list[LeftOut] = []
        self._parent = parent
        self._limits = limits
        self._total_bytes = 0
        self._names = Names()
        self._read: dict[Path | str, str] = {}  # what was read -> the name it was given

    def take(self, wanted: _Given, reference: str) -> None:
        """Read what a reference names."""
        match wanted:
            case Found() if wanted.real.is_dir():
                self._take_directory(wanted, reference)
            case Found():
                self._take_file(wanted)
            case Matches():
                self._take_matches(wanted)
            case GitRange():
                self._take_changes(wanted)
            case Address():
                self._take_address(wanted)
            case _:
                assert_never(wanted)

    def _take_file(self, found: Found) -> None:
        """Read a file that was named by hand; whatever is wrong with it is an error."""
        self._require_new(found.real, self._path_name(found))
        data = contents(found.real, self._limits.max_bytes)
        self._take_given(data, found.real, self._path_name(found))

    def _take_address(self, address: Address) -> None:
        self._require_new(address.url.geturl(), address.name)
        data = addresses.fetch(
            address, self._limits.roots, max_bytes=self._limits.max_bytes, timeout_s=self._limits.timeout_s
        )
        self._take_given(data, address.url.geturl(), address.name)

    def _take_given(self, data: bytes | Unreadable, key: Path | str, name: str) -> None:
        content = data if isinstance(data, Unreadable) else self._content(data, name)
        if isinstance(content, Unreadable):
            raise BadInput(f"{printable(name)} {content.reason}; {content.remedy}.")
        self._add(key, name, content)

    def _take_changes(self, wanted: GitRange) -> None:
        self._require_new(wanted.reference, wanted.name)
        changes = git_ranges.read(
            wanted, self._limits.roots, max_bytes=self._limits.max_bytes, timeout_s=self._limits.timeout_s
        )
        content = Content(text=changes.diff, format=Format.DIFF, size_bytes=len(changes.diff.encode()))
        self._add(wanted.reference, wanted.name, content)
        self.left_out.extend(LeftOut(name=printable(path), reason=reason) for path, reason in changes.left_out)

    def _take_directory(self, found: Found, reference: str) -> None:
        before = len(self.left_out)
        if not self._take_members(members(found, self._limits.roots), with_documents=False):
            raise BadInput(
                f"{shown(reference)} holds no text file to review{self._example(before)}; "
                "name a directory with source files."
            )

    def _take_matches(self, matches: Matches) -> None:
        before = len(self.left_out)
        if not self._take_members(matches.members, with_documents=True):
            raise BadInput(
                f"{shown(matches.pattern)} fits no file that can be read{self._example(before)}; "
                "check the pattern, or name the files."
            )

    def _example(self, since: int) -> str:
        left_out = self.left_out[since:]
        return f" ({left_out[0].name} {left_out[0].reason})" if left_out else ""

    def _take_members(self, met: Iterable[Found], *, with_documents: bool) -> bool:
        """Read what was met; whatever is wrong with one file leaves that file out. Whether any was read."""
        before = len(self.sources)
        for member in met:
            reason = self._take_member(member, with_documents=with_documents)
            if reason is not None:
                self.left_out.append(LeftOut(name=printable(self._path_name(member)), reason=reason))
        return len(self.sources) > before

    def _take_member(self, member: Found, *, with_documents: bool) -> str | None:
        """Read the file, or say why not."""
        if member.real in self._read:
            return f"is the same file as {self._read[member.real]}"
        if member.refusal is not None:
            return member.refusal
        data = contents(member.real, self._limits.max_bytes)
        if isinstance(data, Unreadable):
            return data.reason
        if not with_documents and kind_of(data) is not None:
            return "is a document, not code (name it by hand to have it read)"
        content = self._content(data, member.path.name)
        if isinstance(content, Unreadable):
            return content.reason
        self._add(member.real, self._path_name(member), content)
        return None

    def _content(self, data: bytes, name: str) -> Content | Unreadable:
        return content_of(data, name, max_bytes=self._limits.max_bytes, timeout_s=self._limits.timeout_s)

    def _require_new(self, key: Path | str, name: str) -> None:
        if key in self._read:
            raise BadInput(f"{printable(name)} was already given as {self._read[key]}; name every file once.")

    def _add(self, key: Path | str, wanted_name: str, content: Content) -> None:
        self._total_bytes += content.size_bytes
        if self._total_bytes > self._limits.max_total_bytes:
            raise BadInput(
                f"The sources hold more than {self._limits.max_total_bytes:,} bytes together "
                f"(the limit was passed at {printable(wanted_name)}); give fewer files, "
                "or raise THROUGHLINE_MAX_TOTAL_SOURCE_BYTES."
            )
        name = self._names.take(wanted_name)
        self._read[key] = name
        self.sources.append(Source(name=name, format=content.format, text=content.text))
        self.left_out.extend(LeftOut(name=name, reason=reason) for reason in content.left_out)

    def _path_name(self, found: Found) -> str:
        return found.path.relative_to(self._parent).as_posix()
