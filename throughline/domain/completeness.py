"""Whether an output holds what its outline asks for."""

from collections.abc import Collection
from dataclasses import dataclass

from throughline.domain.outline import Outline


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """Units wanted and missing, in outline order."""

    wanted: int
    missing: tuple[str, ...]
    closing: bool

    @property
    def complete(self) -> bool:
        """Nothing is missing."""
        return not self.missing and self.closing


def completeness(outline: Outline, written: Collection[str], *, closing: bool) -> Completeness:
    """Compare what is written with the outline."""
    missing = tuple(unit_id for unit_id in outline.unit_ids if unit_id not in written)
    return Completeness(wanted=len(outline.units), missing=missing, closing=closing)
