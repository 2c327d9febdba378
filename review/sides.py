"""Two outputs beside each other: aligned by outline unit, and for a blind reading in an order that says nothing."""

import hashlib
from dataclasses import dataclass

from review.reading import Reading
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
