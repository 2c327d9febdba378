"""Two processes on one ledger, doing whatever they like in any order: only drawn arrows happen, and money adds up.

A pure model beside the ledger knows the arrows of `throughline.domain.ledger` and what each operation should do.
After every step the ledger, read by one process or the other, must equal the model.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select

from storage import attempts, batches, calls, jobs, leases, queue
from storage.calls import Budget
from storage.engine import Engine, Tx, reading, transaction
from storage.tables import attempts as attempt_table
from storage.tables import batches as batch_table
from storage.tables import calls as call_table
from storage.tables import jobs as job_table
from storage.tables import metadata
from tests.storage.support import NOW, begin, intend, intend_batch, record, register, unit
from throughline.domain.job import AttemptId, AttemptStatus, BatchId, CallId, JobId, JobStatus, Path
from throughline.domain.ledger import (
    ATTEMPT_MOVES,
    BATCH_MOVES,
    CALL_MOVES,
    JOB_MOVES,
    BatchState,
    CallState,
    IllegalMove,
    is_past,
)

T = TypeVar("T")
OWNERS = ("first:1:x", "second:2:x")
LEASE = timedelta(seconds=60)
PROCESSES = st.integers(0, 1)
PICKS = st.integers(0, 5)
DOLLARS = st.integers(0, 4_000).map(lambda thousandths: Decimal(thousandths) / 1000)


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


class Ledger(RuleBasedStateMachine):
    """The operations that processes do, each in the transaction in which the steps do them."""

    def __init__(self, processes: Sequence[Engine]) -> None:
        super().__init__()
        self.processes = processes
        self.now = NOW
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

    # Jobs and their leases.

    @initialize()
    def begin(self) -> None:
        """Two jobs that share a batch which is on its way."""
        for _ in range(2):
            self.register(0)
        self.intend_batch(0, [0, 1], Decimal(1))
        self.submitted(0, 0, right_id=True)

    @precondition(lambda self: len(self.jobs) < 3)
    @rule(process=PROCESSES)
    def register(self, process: int) -> None:
        def work(tx: Tx) -> tuple[JobId, AttemptId, AttemptId]:
            job = register(tx, f"key-{len(self.jobs)}")
            return job.id, begin(tx, job.id, Path.SINGLE_PASS).id, begin(tx, job.id, Path.CHUNKED).id

        job_id, single_pass, chunked = self.do(process, work)
        self.jobs[job_id] = Job()
        self.attempts[single_pass] = Attempt(job_id, single_pass=True)
        self.attempts[chunked] = Attempt(job_id, single_pass=False)

    @rule(process=PROCESSES, pick=PICKS, to=st.sampled_from(JobStatus))
    def set_status(self, process: int, pick: int, to: JobStatus) -> None:
        job_id, job = _chosen(self.jobs, pick)
        self.move(
            process,
            lambda tx: jobs.set_status(tx, job_id, to, now=self.now),
            legal=to is job.status or to in JOB_MOVES[job.status],
            then=lambda: setattr(job, "status", to),
        )

    @rule(process=PROCESSES, pick=PICKS)
    def cancel(self, process: int, pick: int) -> None:
        """A status and a lease in one transaction: both change, or none."""
        job_id, job = _chosen(self.jobs, pick)

        def work(tx: Tx) -> None:
            leases.take_away(tx, job_id)
            jobs.set_status(tx, job_id, JobStatus.CANCELLED, now=self.now)

        def then() -> None:
            job.status, job.owner, job.until = JobStatus.CANCELLED, None, None

        self.move(process, work, legal=job.status is not JobStatus.DONE, then=then)

    @rule(process=PROCESSES, pick=PICKS, knows_dead=st.booleans())
    def acquire(self, process: int, pick: int, knows_dead: bool) -> None:
        job_id, job = _chosen(self.jobs, pick)
        me, other = OWNERS[process], OWNERS[1 - process]
        dead = other if knows_dead else None
        until = self.now + LEASE
        taken = self.do(
            process, lambda tx: leases.acquire(tx, job_id, owner=me, until=until, now=self.now, dead_owner=dead)
        )
        assert taken == (job.free(self.now) or job.owner in (me, dead))
        if taken:
            job.owner, job.until = me, until

    @rule(process=PROCESSES)
    def renew(self, process: int) -> None:
        mine = [job for job in self.jobs.values() if job.owner == OWNERS[process]]
        until = self.now + LEASE
        assert self.do(process, lambda tx: leases.renew(tx, owner=OWNERS[process], until=until)) == len(mine)
        for job in mine:
            job.until = until

    @rule(process=PROCESSES, pick=PICKS)
    def release(self, process: int, pick: int) -> None:
        job_id, job = _chosen(self.jobs, pick)
        self.do(process, lambda tx: leases.release(tx, job_id, owner=OWNERS[process]))
        if job.owner == OWNERS[process]:
            job.owner = job.until = None

    @rule(process=PROCESSES, limit=st.integers(1, 3))
    def claim(self, process: int, limit: int) -> None:
        free = [job_id for job_id, job in sorted(self.jobs.items()) if self._is_claimable(job)]
        assert self.do(process, lambda tx: self._claim(tx, process, limit)) == free[:limit]
        for job_id in free[:limit]:
            self._give(job_id, process)

    @rule()
    def claim_at_once(self) -> None:
        """Between them they take every free job, and none twice."""
        free = {job_id for job_id, job in self.jobs.items() if self._is_claimable(job)}
        taken = self._at_once(lambda process: self.do(process, lambda tx: self._claim(tx, process, 4)))
        assert sorted([*taken[0], *taken[1]]) == sorted(free)
        for process in (0, 1):
            for job_id in taken[process]:
                self._give(job_id, process)

    def _is_claimable(self, job: Job) -> bool:
        return job.status is JobStatus.QUEUED and job.free(self.now)

    def _claim(self, tx: Tx, process: int, limit: int) -> list[JobId]:
        until = self.now + LEASE
        return queue.claim(tx, owner=OWNERS[process], until=until, now=self.now, limit=limit, simulated=False)

    def _give(self, job_id: JobId, process: int) -> None:
        self.jobs[job_id].owner, self.jobs[job_id].until = OWNERS[process], self.now + LEASE

    def _at_once(self, work: Callable[[int], T]) -> list[T]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(work, (0, 1)))

    @rule(seconds=st.sampled_from([10, 61]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    # Batches.

    @precondition(lambda self: len(self.batches) < 3)
    @rule(process=PROCESSES, picks=st.lists(PICKS, min_size=1, max_size=3), usd=DOLLARS)
    def intend_batch(self, process: int, picks: list[int], usd: Decimal) -> None:
        chosen = {self._attempt(pick, single_pass=True)[0] for pick in picks}

        def work(tx: Tx) -> tuple[BatchId, list[tuple[AttemptId, CallId]]]:
            batch_id = intend_batch(tx, len(chosen))
            rows = [attempts.get(tx, attempt_id) for attempt_id in sorted(chosen)]
            made = [intend(tx, row, str(usd), CallState.INTENDED, batch_id=batch_id) for row in rows]
            return batch_id, list(zip([row.id for row in rows], made, strict=True))

        batch_id, made = self.do(process, work)
        self.batches[batch_id] = Batch()
        for attempt_id, call_id in made:
            self.calls[call_id] = Call(attempt_id, batch_id, usd, CallState.INTENDED)

    @precondition(lambda self: self.batches)
    @rule(process=PROCESSES, pick=PICKS, right_id=st.booleans())
    def submitted(self, process: int, pick: int, right_id: bool) -> None:
        batch_id, batch = _chosen(self.batches, pick)
        remote_id = f"{'msgbatch' if right_id else 'another'}_{batch_id}"

        def work(tx: Tx) -> None:
            calls.mark_sent(tx, batch_id)
            batches.move(tx, batch_id, BatchState.SUBMITTED, remote_id=remote_id, now=self.now)

        def then() -> None:
            if BatchState.SUBMITTED in BATCH_MOVES[batch.state]:
                batch.state, batch.remote_id = BatchState.SUBMITTED, remote_id
            self._move_calls(batch_id, CallState.SENT)

        there = is_past(batch.state, BatchState.SUBMITTED) and batch.remote_id == remote_id
        self.move(process, work, legal=there or BatchState.SUBMITTED in BATCH_MOVES[batch.state], then=then)

    @precondition(lambda self: self.batches)
    @rule(process=PROCESSES, pick=PICKS)
    def abandoned(self, process: int, pick: int) -> None:
        batch_id, batch = _chosen(self.batches, pick)

        def work(tx: Tx) -> None:
            calls.abandon(tx, batch_id)
            batches.move(tx, batch_id, BatchState.ABANDONED, now=self.now)

        def then() -> None:
            batch.state = BatchState.ABANDONED
            self._move_calls(batch_id, CallState.ABANDONED)

        there = batch.state is BatchState.ABANDONED
        self.move(process, work, legal=there or BatchState.ABANDONED in BATCH_MOVES[batch.state], then=then)

    @precondition(lambda self: self.batches)
    @rule(process=PROCESSES, pick=PICKS, to=st.sampled_from([BatchState.UNKNOWN, BatchState.ENDED]))
    def batch_moves(self, process: int, pick: int, to: BatchState) -> None:
        batch_id, batch = _chosen(self.batches, pick)
        self.move(
            process,
            lambda tx: batches.move(tx, batch_id, to, now=self.now),
            legal=self._there(batch, to) or to in BATCH_MOVES[batch.state],
            then=lambda: setattr(batch, "state", batch.state if self._there(batch, to) else to),
        )

    @precondition(lambda self: self.batches)
    @rule(process=PROCESSES, pick=PICKS)
    def ingested(self, process: int, pick: int) -> None:
        """What the results did not mention is lost, and the batch is done: both or none."""
        batch_id, batch = _chosen(self.batches, pick)

        def work(tx: Tx) -> None:
            calls.lose_rest(tx, batch_id)
            batches.move(tx, batch_id, BatchState.INGESTED, now=self.now)

        def then() -> None:
            batch.state = BatchState.INGESTED
            for call in self.calls.values():
                if call.batch == batch_id and call.can(CallState.LOST):
                    call.state, call.delivered = CallState.LOST, []

        self.move(process, work, legal=batch.state in (BatchState.ENDED, BatchState.INGESTED), then=then)

    def _there(self, batch: Batch, target: BatchState) -> bool:
        return batch.state is target or is_past(batch.state, target)

    def _move_calls(self, batch_id: BatchId, target: CallState) -> None:
        for call in self.calls.values():
            if call.batch == batch_id and call.can(target):
                call.state = target

    # Calls.

    @precondition(lambda self: len(self.calls) < 8)
    @rule(process=PROCESSES, pick=PICKS, usd=DOLLARS)
    def intend_link(self, process: int, pick: int, usd: Decimal) -> None:
        attempt_id, _ = _chosen(self.attempts, pick)
        call_id = self.do(process, lambda tx: intend(tx, attempts.get(tx, attempt_id), str(usd), CallState.SENT))
        self.calls[call_id] = Call(attempt_id, None, usd, CallState.SENT)

    @precondition(lambda self: self.calls)
    @rule(process=PROCESSES, pick=PICKS)
    def a_unit_arrives(self, process: int, pick: int) -> None:
        call_id, call = _chosen(self.calls, pick)
        if call.state not in (CallState.SENT, CallState.RECEIVED) or call.batch is not None:
            return
        attempt = self.attempts[call.attempt]
        name = f"u{attempt.units:03d}"

        def work(tx: Tx) -> None:
            calls.mark_received(tx, call_id)
            attempts.save_units(tx, call.attempt, call_id, [unit(name)])

        self.do(process, work)
        attempt.units += 1
        call.saved.append(name)
        call.state = CallState.RECEIVED

    @precondition(lambda self: self.calls)
    @rule(process=PROCESSES, pick=PICKS)
    def first_unit_is_announced(self, process: int, pick: int) -> None:
        call_id, call = _chosen(self.calls, pick)
        self.do(process, lambda tx: calls.mark_received(tx, call_id))
        if call.can(CallState.RECEIVED):
            call.state = CallState.RECEIVED

    @precondition(lambda self: self.calls)
    @rule(process=PROCESSES, pick=PICKS, usd=DOLLARS)
    def record(self, process: int, pick: int, usd: Decimal) -> None:
        call_id, call = _chosen(self.calls, pick)
        if call.state is CallState.RECORDED:
            assert self.do(process, lambda tx: record(tx, call_id, str(usd))) is False
        elif not call.can(CallState.RECORDED):
            with pytest.raises(IllegalMove):
                self.do(process, lambda tx: record(tx, call_id, str(usd)))
        else:
            assert self.do(process, lambda tx: record(tx, call_id, str(usd))) is True
            self._settle(call, usd)

    @precondition(lambda self: any(call.can(CallState.RECORDED) for call in self.calls.values()))
    @rule(pick=PICKS, costs=st.tuples(DOLLARS, DOLLARS))
    def record_at_once(self, pick: int, costs: tuple[Decimal, Decimal]) -> None:
        """The same answer in both processes: one of them settles it."""
        open_ones = {key: call for key, call in self.calls.items() if call.can(CallState.RECORDED)}
        call_id, call = _chosen(open_ones, pick)
        settled = self._at_once(lambda process: self.do(process, lambda tx: record(tx, call_id, str(costs[process]))))
        assert sorted(settled) == [False, True]
        self._settle(call, costs[settled.index(True)])

    @precondition(lambda self: self.calls)
    @rule(process=PROCESSES, pick=PICKS)
    def nothing_came(self, process: int, pick: int) -> None:
        call_id, call = _chosen(self.calls, pick)
        settled_before = call.state is CallState.RECORDED
        self.move(
            process,
            lambda tx: calls.record_unanswered(tx, call_id, outcome="expired", error="too late", now=self.now),
            legal=settled_before or call.can(CallState.RECORDED),
            then=lambda: None if settled_before else self._settle(call, Decimal(0), delivered=[]),
        )

    def _settle(self, call: Call, usd: Decimal, delivered: Sequence[str] = ("u001",)) -> None:
        call.state, call.cost, call.delivered = CallState.RECORDED, usd, list(delivered)
        call.settled += 1
        assert call.settled == 1

    @precondition(lambda self: self.calls)
    @rule(process=PROCESSES, pick=PICKS)
    def lose_one(self, process: int, pick: int) -> None:
        call_id, call = _chosen(self.calls, pick)
        self.do(process, lambda tx: calls.lose_one(tx, call_id, "it broke off"))
        if call.can(CallState.LOST):
            call.state, call.delivered = CallState.LOST, list(call.saved)

    @rule(process=PROCESSES, pick=PICKS)
    def take_up(self, process: int, pick: int) -> None:
        """What the process before had under way is lost; what it had in batches is not."""
        attempt_id, _ = _chosen(self.attempts, pick)
        lost = [
            call
            for call in self.calls.values()
            if call.attempt == attempt_id and call.batch is None and call.can(CallState.LOST)
        ]
        assert self.do(process, lambda tx: calls.lose(tx, attempt_id)) == len(lost)
        for call in lost:
            call.state, call.delivered = CallState.LOST, list(call.saved)

    # Attempts.

    @rule(process=PROCESSES, pick=PICKS, to=st.sampled_from(AttemptStatus))
    def finish(self, process: int, pick: int, to: AttemptStatus) -> None:
        attempt_id, attempt = _chosen(self.attempts, pick)
        self.move(
            process,
            lambda tx: attempts.finish(tx, attempt_id, to, now=self.now),
            legal=to is attempt.status or to in ATTEMPT_MOVES[attempt.status],
            then=lambda: setattr(attempt, "status", to),
        )

    def _attempt(self, pick: int, *, single_pass: bool) -> tuple[AttemptId, Attempt]:
        return _chosen({key: each for key, each in self.attempts.items() if each.single_pass is single_pass}, pick)

    # Death.

    @precondition(lambda self: self.calls and self.batches)
    @rule(process=PROCESSES, pick=PICKS)
    def dies_before_its_commit(self, process: int, pick: int) -> None:
        job_id, _ = _chosen(self.jobs, pick)
        call_id, call = _chosen(self.calls, pick)
        batch_id, _ = _chosen(self.batches, pick)

        def work(tx: Tx) -> None:
            leases.take_away(tx, job_id)
            calls.lose_one(tx, call_id, "never committed")
            calls.mark_sent(tx, batch_id)
            calls.abandon(tx, batch_id)
            if call.can(CallState.RECORDED) or call.state is CallState.RECORDED:
                record(tx, call_id, "3.5")
            raise Died

        with pytest.raises(Died):
            self.do(process, work)

    # What always holds.

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
        assert {key: (row.state, row.remote_id) for key, row in batch_rows.items()} == {
            key: (batch.state, batch.remote_id) for key, batch in self.batches.items()
        }
        assert {key: (row.state, row.cost_usd, row.delivered) for key, row in call_rows.items()} == {
            key: (call.state, call.cost, call.delivered) for key, call in self.calls.items()
        }
        assert spent == {job_id: self._spent(job_id) for job_id in self.jobs}
        assert set(orphans) == {
            key
            for key, job in self.jobs.items()
            if job.status is JobStatus.RUNNING and job.owner is not None and job.free(self.now)
        }
        self._only_drawn_arrows({**call_rows, **batch_rows})
        self._costs_stay(call_rows)

    def _spent(self, job_id: JobId) -> Decimal:
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

    @rule(process=PROCESSES, pick=PICKS)
    def what_may_be_reserved_is_the_budget_without_what_is_spent(self, process: int, pick: int) -> None:
        job_id, _ = _chosen(self.jobs, pick)
        budget = Budget(job_usd=Decimal(5), day_usd=Decimal(9), day_start=NOW)
        left = self.do(process, lambda tx: calls.remaining_usd(tx, job_id, budget, simulated=False))
        total = sum((call.spent for call in self.calls.values()), Decimal(0))
        assert left == min(Decimal(5) - self._spent(job_id), Decimal(9) - total)


def _chosen(of: dict[Any, T], pick: int) -> tuple[Any, T]:
    return list(of.items())[pick % len(of)]


def test_two_processes_on_one_ledger(ledger: Engine, elsewhere: Engine):
    class Here(Ledger):
        def __init__(self) -> None:
            super().__init__([ledger, elsewhere])

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=20 if ledger.dialect.name == "sqlite" else 8,
            stateful_step_count=70,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
