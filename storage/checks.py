"""What the machine verified of an output: its citations, and each check with its evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from storage.engine import Tx
from storage.tables import checks, citations
from throughline.domain.citations import CheckedCitation
from throughline.domain.job import AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One check of one output."""

    name: str
    passed: bool
    evidence: Mapping[str, Any]


def save(
    tx: Tx,
    attempt_id: AttemptId,
    *,
    results: Sequence[CheckRow],
    quotes: Sequence[tuple[str, CheckedCitation]],
    now: datetime,
) -> None:
    """Replace what is stored for this attempt; `quotes` are (unit id, checked citation)."""
    tx.execute(delete(checks).where(checks.c.attempt_id == attempt_id))
    tx.execute(delete(citations).where(citations.c.attempt_id == attempt_id))
    if results:
        rows = [
            {
                "attempt_id": attempt_id,
                "name": result.name,
                "passed": result.passed,
                "evidence": dict(result.evidence),
                "created_at": now,
            }
            for result in results
        ]
        tx.execute(insert(checks), rows)
    if quotes:
        tx.execute(insert(citations), [_citation_row(attempt_id, *quote) for quote in quotes])


def _citation_row(attempt_id: AttemptId, unit_id: str, checked: CheckedCitation) -> dict[str, Any]:
    return {
        "attempt_id": attempt_id,
        "unit_id": unit_id,
        "source": checked.source,
        "quote": checked.quote,
        "status": checked.status,
        "start": checked.start,
        "end": checked.end,
        "similarity": checked.similarity,
        "found_in": checked.found_in,
    }


def of_attempt(tx: Tx, attempt_id: AttemptId) -> list[CheckRow]:
    """The stored checks by name."""
    rows = tx.execute(select(checks).where(checks.c.attempt_id == attempt_id).order_by(checks.c.name))
    return [CheckRow(name=row.name, passed=row.passed, evidence=row.evidence) for row in rows]
