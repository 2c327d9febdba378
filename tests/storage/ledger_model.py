"""What the ledger should be: a pure model of it, and the comparison of both after every step."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant
from sqlalchemy import delete, select

from storage import calls, queue
from storage.engine import Engine, Tx, reading, transaction
from storage.tables import attempts as attempt_table
from storage.tables import batches as batch_table
from storage.tables import calls as call_table
from storage.tables import jobs as job_table
from storage.tables import metadata
from tests.storage.support import NOW
from throughline.domain.job import AttemptId, AttemptStatus, BatchId, CallId, JobId, JobStatus
from throughline.domain.ledger import BATCH_MOVES, CALL_MOVES, BatchState, CallState, IllegalMove

P = ParamSpec("P")
T = TypeVar("T")
PROCESSES = st.integers(0, 1)
PICKS = st.integers(0, 5)
DOLLARS = st.integers(0, 4_000).map(lambda thousandths: Decimal(thousandths) / 1000)


def when(condition: Callable[[Any], object]) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """A rule that does nothing while the condition does not hold.

    No precondition of Hypothesis's: that must be the same whenever the same steps are taken, and here races are run,
    which end one way or the other.
    """

    def guarded(step: Callable[P, None]) -> Callable[P, None]:
        @wraps(step)
        def step_if(*args: P.args, **kwargs: P.kwargs) -> None:
            if condition(args[0]):
                step(*args, **kwargs)

        return step_if

    return guarded


class Died(Exception):
    """The process is gone before its commit."""


@dataclass(slots=True)
class Job:
    status: JobStatus = JobStatus.REGISTERED
    owner: str | None = None
    until: datetime | None = None

    def free(self, now: datetime) -> bool:
        return self.owner is None or (self.until is not None and self.until < now)


@dataclass(slots=True)
class Attempt:
    job: JobId
    single_pass: bool
    status: AttemptStatus = AttemptStatus.RUNNING
    units: int = 0


@dataclass(slots=True)
class Batch:
    state: BatchState = BatchState.INTENDED
    remote_id: str | None = None
    post_until: datetime | None = None


@dataclass(slots=True)
class Call:
    attempt: AttemptId
    batch: BatchId | None
    reserved: Decimal
    state: CallState
    cost: Decimal | None = None
    saved: list[str] = field(default_factory=list[str])
    delivered: list[str] | None = None
    settled: int = 0

    @property
    def spent(self) -> Decimal:
        if self.cost is not None or self.state is CallState.ABANDONED:
            return self.cost or Decimal(0)
        return self.reserved

    def can(self, target: CallState) -> bool:
        return target in CALL_MOVES[self.state]


def chosen(of: dict[Any, T], pick: int) -> tuple[Any, T]:
    return list(of.items())[pick % len(of)]


class Modelled(RuleBasedStateMachine):
    """A ledger with two processes, its model, and what always holds."""

    def __init__(self, processes: Sequence[Engine]) -> None:
        super().__init__()
        self.processes = processes
        self.now: datetime = NOW
        self.jobs: dict[JobId, Job] = {}
        self.attempts: dict[AttemptId, Attempt] = {}
        self.batches: dict[BatchId, Batch] = {}
        self.calls: dict[CallId, Call] = {}
        self.seen: dict[str, StrEnum] = {}
        self.costs: dict[str, Decimal] = {}
        self.reader = 0

    def teardown(self) -> None:
        with transaction(self.processes[0], durable=False) as tx:
            for table in reversed(metadata.sorted_tables):
                tx.execute(delete(table))

    def do(self, process: int, work: Callable[[Tx], T]) -> T:
        with transaction(self.processes[process], durable=False) as tx:
            return work(tx)

    def move(self, process: int, work: Callable[[Tx], object], *, legal: bool, then: Callable[[], None]) -> None:
        """Do this; if it is legal the model follows, else it must raise, and change nothing."""
        if legal:
            self.do(process, work)
            then()
        else:
            with pytest.raises(IllegalMove):
                self.do(process, work)

    def at_once(self, work: Callable[[int], T]) -> list[T]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(work, (0, 1)))

    def attempt_of_path(self, pick: int, *, single_pass: bool) -> tuple[AttemptId, Attempt]:
        return chosen({key: each for key, each in self.attempts.items() if each.single_pass is single_pass}, pick)

    def move_calls(self, batch_id: BatchId, target: CallState) -> None:
        for call in self.calls.values():
            if call.batch == batch_id and call.can(target):
                call.state = target

    @invariant()
    def the_ledger_is_what_the_model_is(self) -> None:
        self.reader = 1 - self.reader
        with reading(self.processes[self.reader]) as tx:
            job_rows = {row.id: row for row in tx.execute(select(job_table))}
            attempt_rows = {row.id: row for row in tx.execute(select(attempt_table))}
            batch_rows = {row.id: row for row in tx.execute(select(batch_table))}
            call_rows = {row.id: row for row in tx.execute(select(call_table))}
            spent = {job_id: calls.spent_usd(tx, call_table.c.job_id == job_id) for job_id in self.jobs}
            orphans = [found[0] for found in queue.orphans(tx, self.now, simulated=False)]
        assert {key: (row.status, row.lease_owner, row.lease_until) for key, row in job_rows.items()} == {
            key: (job.status, job.owner, job.until) for key, job in self.jobs.items()
        }
        assert {key: row.status for key, row in attempt_rows.items()} == {
            key: attempt.status for key, attempt in self.attempts.items()
        }
        assert {key: (row.state, row.remote_id, row.post_until) for key, row in batch_rows.items()} == {
            key: (batch.state, batch.remote_id, batch.post_until) for key, batch in self.batches.items()
        }
        assert {key: (row.state, row.cost_usd, row.delivered) for key, row in call_rows.items()} == {
            key: (call.state, call.cost, call.delivered) for key, call in self.calls.items()
        }
        assert spent == {job_id: self.spent(job_id) for job_id in self.jobs}
        assert set(orphans) == {
            key
            for key, job in self.jobs.items()
            if job.status in queue.IN_WORK and job.owner is not None and job.free(self.now)
        }
        self._only_drawn_arrows({**call_rows, **batch_rows})
        self._costs_stay(call_rows)

    def spent(self, job_id: JobId) -> Decimal:
        of_job = [call for call in self.calls.values() if self.attempts[call.attempt].job == job_id]
        return sum((call.spent for call in of_job), Decimal(0))

    def _only_drawn_arrows(self, rows: dict[str, Any]) -> None:
        """Seen from outside, step by step: from one look to the next a state stays or follows an arrow."""
        for key, row in rows.items():
            state = CallState(row.state) if key in self.calls else BatchState(row.state)
            before = self.seen.get(key, state)
            moves: dict[Any, Any] = {**CALL_MOVES} if isinstance(state, CallState) else {**BATCH_MOVES}
            assert state is before or state in moves[before], f"{before} to {state}"
            self.seen[key] = state

    def _costs_stay(self, rows: dict[str, Any]) -> None:
        for key, row in rows.items():
            if row.cost_usd is not None:
                assert self.costs.setdefault(key, row.cost_usd) == row.cost_usd
