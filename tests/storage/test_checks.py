"""What was verified of an output, with its evidence."""

from typing import Any

from sqlalchemy import select

from storage import checks
from storage.checks import CheckRow
from storage.engine import Engine, reading, transaction
from storage.tables import citations
from tests.storage.support import NOW, begin, begun
from throughline.domain.citations import CheckedCitation, CitationStatus
from throughline.domain.job import Path

FAILED = CheckRow(name="schema", passed=False, evidence={"errors": ["a", "b"], "share": 0.5, "of": None})
PASSED = CheckRow(name="completeness", passed=True, evidence={})
VERIFIED = CheckedCitation(
    source="a.md", quote="The Elbe.", status=CitationStatus.VERIFIED, start=3, end=12, similarity=100.0
)
MISSING = CheckedCitation(source="a.md", quote="The Rhine.", status=CitationStatus.MISSING, found_in="b.md")


def quotes(engine: Engine) -> list[tuple[Any, ...]]:
    columns = [
        citations.c[name] for name in ("unit_id", "source", "quote", "status", "start", "end", "similarity", "found_in")
    ]
    with reading(engine) as tx:
        return [tuple(row) for row in tx.execute(select(*columns).order_by(citations.c.id))]


def test_checks_come_back_by_name_with_their_evidence(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        checks.save(tx, attempt.id, results=[FAILED, PASSED], quotes=[], now=NOW)
        assert checks.of_attempt(tx, attempt.id) == [PASSED, FAILED]


def test_every_quote_is_kept_with_the_place_where_it_was_found(ledger: Engine):
    with transaction(ledger) as tx:
        checks.save(tx, begun(tx).id, results=[], quotes=[("u001", VERIFIED), ("u002", MISSING)], now=NOW)
    assert quotes(ledger) == [
        ("u001", "a.md", "The Elbe.", "verified", 3, 12, 100.0, None),
        ("u002", "a.md", "The Rhine.", "missing", None, None, None, "b.md"),
    ]


def test_checking_again_replaces_what_was_found_before(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        checks.save(tx, attempt.id, results=[FAILED], quotes=[("u001", MISSING)], now=NOW)
        checks.save(tx, attempt.id, results=[PASSED], quotes=[("u001", VERIFIED)], now=NOW)
        assert checks.of_attempt(tx, attempt.id) == [PASSED]
    assert [quote[3] for quote in quotes(ledger)] == ["verified"]


def test_the_checks_of_another_attempt_stay(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        other = begin(tx, attempt.job_id, Path.SINGLE_PASS)
        checks.save(tx, attempt.id, results=[FAILED], quotes=[("u001", MISSING)], now=NOW)
        checks.save(tx, other.id, results=[], quotes=[], now=NOW)
        assert checks.of_attempt(tx, attempt.id) == [FAILED]
    assert len(quotes(ledger)) == 1
