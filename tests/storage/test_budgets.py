"""Budgets: what is reserved never exceeds them, however many reserve at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from storage import attempts, calls
from storage.attempts import Attempt
from storage.calls import Budget
from storage.engine import Engine, Tx, reading, transaction
from tests.storage.support import (
    NOW,
    begin,
    begun,
    intend,
    of_attempt,
    record,
)
from throughline.domain.job import Path
from throughline.domain.ledger import CallState


def remaining(
    tx: Tx, attempt: Attempt, *, job: str | None = None, day: str | None = None, simulated: bool = False
) -> Decimal | None:
    budget = Budget(
        job_usd=None if job is None else Decimal(job), day_usd=None if day is None else Decimal(day), day_start=NOW
    )
    left = calls.remaining(tx, attempt.job_id, budget, simulated=simulated)
    return None if left is None else left.usd


def test_without_a_budget_nothing_is_limited(ledger: Engine):
    with transaction(ledger) as tx:
        assert remaining(tx, begun(tx)) is None


def test_a_job_budget_counts_every_call_of_the_job_and_no_other(ledger: Engine):
    with transaction(ledger) as tx:
        attempt, other = begun(tx, "first"), begun(tx, "second")
        intend(tx, attempt, "1", now=NOW - timedelta(days=400))
        intend(tx, begin(tx, attempt.job_id, Path.SINGLE_PASS), "2")
        intend(tx, other, "50")
        assert remaining(tx, attempt, job="10") == 7


def test_a_daily_budget_counts_the_calls_of_all_jobs_since_the_day_began(ledger: Engine):
    with transaction(ledger) as tx:
        attempt, other = begun(tx, "first"), begun(tx, "second")
        intend(tx, attempt, "1", now=NOW)
        intend(tx, other, "2", now=NOW + timedelta(hours=5))
        intend(tx, other, "4", now=NOW - timedelta(microseconds=1))
        assert remaining(tx, attempt, day="10") == 7


@pytest.mark.parametrize("simulated", [True, False])
def test_a_daily_budget_never_mixes_simulated_and_real_calls(ledger: Engine, simulated: bool):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        intend(tx, attempt, "1", simulated=simulated)
        intend(tx, attempt, "50", simulated=not simulated)
        assert remaining(tx, attempt, day="10", simulated=simulated) == 9


@pytest.mark.parametrize(("job", "day", "left"), [("3", "10", 2), ("10", "3", 2), ("0.5", "10", Decimal("-0.5"))])
def test_the_tighter_budget_limits(ledger: Engine, job: str, day: str, left: Decimal):
    """Less than nothing remains when a budget was lowered after the money was spent."""
    with transaction(ledger) as tx:
        attempt = begun(tx)
        intend(tx, attempt, "1")
        assert remaining(tx, attempt, job=job, day=day) == left


@pytest.mark.parametrize(
    ("budget", "jobs"),
    [pytest.param({"job": "1"}, 1, id="of one job"), pytest.param({"day": "1"}, 2, id="of the day")],
)
def test_the_last_dollar_is_reserved_once(ledger: Engine, elsewhere: Engine, budget: dict[str, Any], jobs: int):
    """Two processes look and reserve at the same moment; a pause between both would let them overspend."""
    with transaction(ledger) as tx:
        wanting = [begun(tx, f"key-{number}") for number in range(jobs)]
    engines = [ledger, elsewhere]
    start = threading.Barrier(len(engines))

    def reserve(number: int) -> bool:
        start.wait()
        with transaction(engines[number]) as tx:
            attempt = wanting[number % jobs]
            left = remaining(tx, attempt, **budget)
            time.sleep(0.1)
            assert left is not None
            if left >= 1:
                intend(tx, attempt, "1")
            return left >= 1

    with ThreadPoolExecutor(len(engines)) as threads:
        assert sorted(threads.map(reserve, range(len(engines)))) == [False, True]


def test_budgets_of_different_jobs_do_not_wait_for_each_other(ledger: Engine, elsewhere: Engine):
    """On PostgreSQL; SQLite has one writer at a time anyway."""
    with transaction(ledger) as tx:
        first, second = begun(tx, "first"), begun(tx, "second")
    if ledger.dialect.name == "sqlite":
        return
    with transaction(ledger) as tx, transaction(elsewhere) as other:
        assert remaining(tx, first, job="1") == remaining(other, second, job="1") == 1


def test_units_of_a_call_are_settled_in_one_transaction_with_it(ledger: Engine):
    """A crash in between leaves neither: the result is read again."""
    with transaction(ledger) as tx:
        attempt = begun(tx)
        call_id = intend(tx, attempt)

    def crash() -> None:
        with transaction(ledger) as tx:
            record(tx, call_id)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crash()
    with reading(ledger) as tx:
        assert of_attempt(tx, attempt.id) == {call_id: CallState.SENT}
        assert attempts.unit_ids(tx, attempt.id) == frozenset()
