"""Two outputs beside each other: aligned by outline unit, and for a blind reading in an order that says nothing."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from review.reading import Reading
from throughline.domain.comparison import Side
from throughline.domain.job import JobId
from throughline.domain.output import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One unit of either outline; None where a side does not have it."""

    unit_id: str
    heading: str
    units: tuple[Unit | None, Unit | None]


def aligned(left: Reading, right: Reading) -> list[Row]:
    """Every unit of both outlines in the left one's order; those that only the right one has come last."""
    headings = {unit.id: unit.heading for unit in right.output.outline.units}
    order = {unit.id: unit.heading for unit in left.output.outline.units}
    for unit_id, heading in headings.items():
        order.setdefault(unit_id, heading)
    return [
        Row(
            unit_id=unit_id,
            heading=heading,
            units=(left.output.units.get(unit_id), right.output.units.get(unit_id)),
        )
        for unit_id, heading in order.items()
    ]


def swapped(job_id: JobId, reviewer: str) -> bool:
    """Whether that reviewer sees the chain on the left: as good as a coin, and the same at every visit."""
    return bool(hashlib.sha256(f"{job_id}\0{reviewer}".encode()).digest()[0] & 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One observed figure of both paths, their difference, and how to read it."""

    name: str
    values: tuple[str, str]
    difference: str
    meaning: str


def measures(left: Side, right: Side) -> list[Measure]:
    """What was observed, beside each other. No score and no winner: a person decides what counts."""
    return [
        Measure(
            name=name,
            values=(_told(value(left), unit), _told(value(right), unit)),
            difference=_difference(value(left), value(right), unit),
            meaning=meaning,
        )
        for name, unit, value, meaning in _MEASURES
    ]


_Number = int | float | Decimal | None
_MEASURES: tuple[tuple[str, str, Callable[[Side], _Number], str], ...] = (
    ("Cost", "$", lambda s: s.cost_usd, "What was paid, wasted attempts included. Batch prices are half."),
    ("Time", "s", lambda s: s.wall_s, "From start to end, waiting in a batch included. It says nothing about quality."),
    ("Units written", "", lambda s: s.units, "How much of the outline is there, not how good it is."),
    ("Calls", "", lambda s: s.calls, "Paid requests. More of them means more text sent again and again."),
    ("Input tokens", "", lambda s: s.input_tokens, "What was read, the same text as often as it was sent."),
    ("Output tokens", "", lambda s: s.output_tokens, "Length. Longer is not better."),
    ("Wasted tokens", "", lambda s: s.wasted_tokens, "Paid for and not usable."),
    ("Quotes verified", "", lambda s: s.citations.verified, "Word for word in the source. The claim may be wrong yet."),
    ("Quotes altered", "", lambda s: s.citations.altered, "Nearly in the source. Open each: a digit may have changed."),
    ("Quotes missing", "", lambda s: s.citations.missing, "In no source that was named."),
)


def _told(value: _Number, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "$":
        return f"${value:,.4f}"
    return f"{value:,.1f} s" if unit == "s" else f"{value:,}"


def _difference(left: _Number, right: _Number, unit: str) -> str:
    if left is None or right is None:
        return "-"
    apart = Decimal(str(right)) - Decimal(str(left))
    sign = "+" if apart > 0 else "−" if apart < 0 else "±"
    size = abs(apart)
    told = _told(int(size) if unit == "" else size, unit)
    return f"{sign}{told}"
