"""Blind verdicts: each counted once, real and simulated apart, also by which output was shown first."""

from datetime import timedelta

from storage import comparisons, reviews
from storage.engine import Engine, Tx, transaction
from tests.storage.support import NOW, register
from throughline.domain.job import Kind, Path
from throughline.domain.review import Blind, BlindCounts

SINGLE, CHUNKED = Path.SINGLE_PASS, Path.CHUNKED


def preferred(tx: Tx, key: str, path: Path, first: Path, *, simulated: bool = False) -> None:
    review = reviews.request(tx, register(tx, key, simulated=simulated).id, now=NOW, expires_at=None)
    comparisons.save(tx, review.id, Blind(preferred=path, shown_first=first))


def test_verdicts_are_counted_by_path_and_by_place(ledger: Engine):
    with transaction(ledger) as tx:
        preferred(tx, "one", CHUNKED, CHUNKED)
        preferred(tx, "two", CHUNKED, SINGLE)
        preferred(tx, "three", SINGLE, SINGLE)
        preferred(tx, "simulated", SINGLE, SINGLE, simulated=True)
        assert comparisons.counts(tx, simulated=False) == BlindCounts(preferred={SINGLE: 1, CHUNKED: 2}, shown_first=2)
        assert comparisons.counts(tx, simulated=True) == BlindCounts(preferred={SINGLE: 1, CHUNKED: 0}, shown_first=1)


def test_a_kind_or_a_time_may_be_named(ledger: Engine):
    with transaction(ledger) as tx:
        preferred(tx, "one", CHUNKED, CHUNKED)
        assert comparisons.counts(tx, simulated=False, kind=Kind.SUMMARY, since=NOW).shown_first == 1
        assert comparisons.counts(tx, simulated=False, kind=Kind.SYNTHESIS).shown_first == 0
        assert comparisons.counts(tx, simulated=False, since=NOW + timedelta(seconds=1)).shown_first == 0
