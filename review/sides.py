"""Two outputs beside each other, aligned by outline unit."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

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
