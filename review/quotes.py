"""The stored citations of an output, in the order in which its units have them."""

from collections import defaultdict
from dataclasses import dataclass

from storage import attempts
from storage.attempts import Attempt
from storage.engine import Tx
from storage.tables import citations
from throughline.domain.citations import CheckedCitation, CitationStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """The checked quotes of each unit, by the unit's id."""

    by_unit: dict[str, tuple[CheckedCitation, ...]]

    def of(self, unit_id: str) -> tuple[CheckedCitation, ...]:
        """The unit's quotes; none while nothing is checked."""
        return self.by_unit.get(unit_id, ())


def of_output(tx: Tx, attempt: Attempt) -> Quoted:
    """The quotes of the attempt's own units, and of those that it took over and did not write anew."""
    found: dict[str, tuple[CheckedCitation, ...]] = {}
    for each in _lineage(tx, attempt):
        found = {unit_id: quotes for unit_id, quotes in found.items() if unit_id not in each.rewrites}
        found |= _own(tx, each)
    return Quoted(by_unit=found)


def of_unit(tx: Tx, attempt: Attempt, unit_id: str) -> tuple[CheckedCitation, ...]:
    """The quotes of one unit, as `of_output` has them, without reading those of all others."""
    for each in reversed(_lineage(tx, attempt)):
        found = _own(tx, each, unit_id).get(unit_id, ())
        if found or unit_id in each.rewrites:
            return found
    return ()


def _own(tx: Tx, attempt: Attempt, unit_id: str | None = None) -> dict[str, tuple[CheckedCitation, ...]]:
    by_unit: dict[str, list[CheckedCitation]] = defaultdict(list)
    wanted = citations.c.attempt_id == attempt.id
    if unit_id is not None:
        wanted &= citations.c.unit_id == unit_id
    for row in tx.execute(citations.select().where(wanted).order_by(citations.c.id)):
        checked = CheckedCitation(
            source=row.source,
            quote=row.quote,
            status=CitationStatus(row.status),
            start=row.start,
            end=row.end,
            similarity=row.similarity,
            found_in=row.found_in,
        )
        by_unit[row.unit_id].append(checked)
    return {unit_id: tuple(quotes) for unit_id, quotes in by_unit.items()}


def _lineage(tx: Tx, attempt: Attempt) -> list[Attempt]:
    """The attempt behind all those that it continues, the oldest first."""
    lineage = [attempt]
    while (earlier := lineage[0].continues_attempt_id) is not None:
        lineage.insert(0, attempts.get(tx, earlier))
    return lineage
