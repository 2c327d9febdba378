"""Two outputs beside each other: aligned by outline unit, and for a blind reading in an order that says nothing."""

import hashlib
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from throughline.domain.job import JobId
from throughline.domain.outline import Outline, OutlineUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A unit of either outline, or one of each that stand beside each other; None where an outline has none."""

    left: OutlineUnit | None
    right: OutlineUnit | None


def aligned(left: Outline, right: Outline) -> list[Row]:
    """Every unit of both outlines, each in its own order.

    Where a model plans the outline, each path plans its own: equal headings stand beside each other, and what lies
    between them pairs by its place.
    """
    ours, theirs = _headings(left), _headings(right)
    if ours == theirs:
        steps = [("equal", 0, len(ours), 0, len(theirs))]
    else:
        steps = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    return [
        Row(left=first, right=second)
        for _, start, end, other_start, other_end in steps
        for first, second in zip_longest(left.units[start:end], right.units[other_start:other_end])
    ]


def _headings(outline: Outline) -> list[str]:
    return [" ".join(unit.heading.casefold().split()) for unit in outline.units]


def swapped(job_id: JobId, reviewer: str) -> bool:
    """Whether that reviewer sees the chain on the left: as good as a coin, and the same at every visit."""
    return bool(hashlib.sha256(f"{job_id}\0{reviewer}".encode()).digest()[0] & 1)
