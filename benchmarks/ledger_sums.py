"""How long the sums over a large ledger take: 100,000 attempts, 300,000 calls, on SQLite.

Prints the seconds of each table of `throughline report`, and checks that every one adds up to what was put in.
Run: python -m benchmarks.ledger_sums
"""

import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import insert

from storage import schema
from storage.engine import Engine, connect, reading, transaction
from storage.spending import By, Scope
from storage.tables import attempts, calls, jobs, reviews
from tasks.ownership import gathered

ATTEMPTS = 100_000
CALLS_AN_ATTEMPT = 3
_KINDS = ("summary", "code_review", "research_report", "synthesis")
_START = datetime(2026, 1, 1, tzinfo=UTC)
_PAID = Decimal("0.014000000003")


def main() -> None:
    """Fill a ledger and time each table."""
    with tempfile.TemporaryDirectory() as folder:
        engine = connect(f"sqlite:///{Path(folder) / 'large.db'}")
        schema.upgrade(engine)
        _fill(engine)
        for by in (By.KIND, By.PATH, By.WEEK, By.JOB):
            started, busy = time.perf_counter(), time.process_time()
            with reading(engine) as tx:
                found = gathered(tx, Scope(simulated=False), by, Decimal(60))
            assert found.total.spent.paid_usd == _PAID * ATTEMPTS * CALLS_AN_ATTEMPT
            took = f"{time.perf_counter() - started:5.2f} s ({time.process_time() - busy:5.2f} s of one processor)"
            size = f"{found.total.attempts:,} attempts, {found.total.spent.calls:,} calls"
            print(f"by {by:<5}{len(found.rows):>8,} rows of {size}: {took}")
        engine.dispose()


def _fill(engine: Engine) -> None:
    for first in range(0, ATTEMPTS, 5_000):
        numbers = range(first, first + 5_000)
        with transaction(engine, durable=False) as tx:
            tx.execute(insert(jobs), [_job(number) for number in numbers if number % 2 == 0])
            tx.execute(insert(attempts), [_attempt(number) for number in numbers])
            tx.execute(insert(calls), [_call(number, at) for number in numbers for at in range(CALLS_AN_ATTEMPT)])
            tx.execute(insert(reviews), [_review(number) for number in numbers if number % 10 == 0])


def _when(number: int) -> datetime:
    return _START + timedelta(minutes=number * 4)


def _job(number: int) -> dict[str, object]:
    return {
        "id": f"job-{number}",
        "idempotency_key": str(number),
        "kind": _KINDS[number // 2 % len(_KINDS)],
        "title": "",
        "spec": {},
        "left_out": [],
        "status": "done",
        "simulated": False,
        "published_attempt_id": f"attempt-{number}",
        "created_at": _when(number),
    }


def _attempt(number: int) -> dict[str, object]:
    """Every job ran both paths."""
    return {
        "id": f"attempt-{number}",
        "job_id": f"job-{number - number % 2}",
        "path": ("single_pass", "chunked")[number % 2],
        "role": ("primary", "comparison")[number % 2],
        "status": "complete",
        "started_at": _when(number),
    }


def _call(number: int, at: int) -> dict[str, object]:
    return {
        "id": f"call-{number}-{at}",
        "job_id": f"job-{number - number % 2}",
        "attempt_id": f"attempt-{number}",
        "link": {"kind": "part"},
        "state": "recorded",
        "fingerprint": "",
        "model": ("claude-opus-5-5", "claude-haiku-5-5")[number % 3 == 0],
        "max_tokens": 1_000,
        "reserved_usd": Decimal(1),
        "simulated": False,
        "intended_at": _when(number),
        "input_tokens": 900,
        "cache_read_tokens": 100,
        "cache_write_tokens": 0,
        "output_tokens": 500,
        "thinking_tokens": 0,
        "wasted_tokens": 0,
        "cost_usd": _PAID,
        "price_row": "genai-prices: made up for this benchmark",
    }


def _review(number: int) -> dict[str, object]:
    return {
        "id": f"review-{number}",
        "job_id": f"job-{number}",
        "decision": "approve",
        "minutes": 4.5,
        "requested_at": _when(number),
        "decided_at": _when(number),
    }


if __name__ == "__main__":
    main()
