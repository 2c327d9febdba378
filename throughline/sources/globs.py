"""Patterns such as "docs/**/*.md", for shells that do not know "**" and for patterns in quotes."""

import fnmatch
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from throughline.errors import BadInput
from throughline.sources.names import shown
from throughline.sources.paths import Found, locate, members
from throughline.sources.roots import Roots

_MAGIC = re.compile(r"[*?\[]")
_ANY_DEPTH = "**"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The files that a pattern fits, and what was met on the way and not taken."""

    pattern: str
    members: tuple[Found, ...]


def is_pattern(reference: str) -> bool:
    """Whether the reference holds a wildcard."""
    return _MAGIC.search(reference) is not None


def expand(pattern: str, roots: Roots) -> Matches:
    """What the pattern fits, in the order of a directory. Hidden and ignored files are met, not taken."""
    parts = Path(pattern).parts
    first = next(position for position, part in enumerate(parts) if _MAGIC.search(part))
    base = locate(str(Path(*parts[:first])), roots)
    if not base.real.is_dir():
        raise BadInput(f"{shown(Path(*parts[:first]))} is not a directory; check the pattern {shown(pattern)}.")
    return Matches(pattern=pattern, members=tuple(_fitting(base, _without_repeats(parts[first:]), roots)))


def _fitting(base: Found, parts: Sequence[str], roots: Roots) -> Iterator[Found]:
    anywhere = _ANY_DEPTH in parts
    for member in members(base, roots, max_depth=None if anywhere else len(parts)):
        if _fits(parts, member.path.relative_to(base.path).parts) or (anywhere and _is_closed(member)):
            yield member


def _is_closed(member: Found) -> bool:
    """Whether this is a directory that was not entered and might hold what the pattern fits."""
    return member.refusal is not None and member.path.is_dir()


def _without_repeats(parts: Sequence[str]) -> list[str]:
    """ "**" twice in a row says no more than once, and takes far longer to try."""
    before = ("", *parts)
    return [part for part, previous in zip(parts, before, strict=False) if (part, previous) != (_ANY_DEPTH,) * 2]


def _fits(parts: Sequence[str], names: Sequence[str]) -> bool:
    """Whether the names of a path fit the parts of a pattern, each its own and "**" any number of them."""
    if not parts:
        return not names
    if parts[0] == _ANY_DEPTH:
        return any(_fits(parts[1:], names[skipped:]) for skipped in range(len(names) + 1))
    return bool(names) and fnmatch.fnmatchcase(names[0], parts[0]) and _fits(parts[1:], names[1:])
