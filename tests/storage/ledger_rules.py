"""What processes do with jobs and batches, each in the transaction in which the steps do it."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import rule

from storage import attempts, batches, calls, jobs, leases, queue
from storage.engine import Engine, Tx
from tests.storage.ledger_model import DOLLARS, PICKS, PROCESSES, Attempt, Batch, Call, Job, Modelled, chosen, when
from tests.storage.support import begin, intend, intend_batch, register
from throughline.domain.job import AttemptId, BatchId, CallId, JobId, JobStatus, Path
from throughline.domain.ledger import BATCH_MOVES, JOB_MOVES, BatchState, CallState, is_past

OWNERS = ("first:1:x", "second:2:x")
LEASE = timedelta(seconds=60)
LEAVE = timedelta(seconds=10)


class JobRules(Modelled):
    """Jobs and their leases."""

    @rule(process=PROCESSES)
    @when(lambda self: len(self.jobs) < 3)
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
        job_id, job = chosen(self.jobs, pick)
        self.move(
            process,
            lambda tx: jobs.set_status(tx, job_id, to, now=self.now),
            legal=to is job.status or to in JOB_MOVES[job.status],
            then=lambda: setattr(job, "status", to),
        )

    @rule(process=PROCESSES, pick=PICKS)
    def cancel(self, process: int, pick: int) -> None:
        """A status and a lease in one transaction: both change, or none."""
        job_id, job = chosen(self.jobs, pick)

        def work(tx: Tx) -> None:
            leases.take_away(tx, job_id)
            jobs.set_status(tx, job_id, JobStatus.CANCELLED, now=self.now)

        def then() -> None:
            job.status, job.owner, job.until = JobStatus.CANCELLED, None, None

        self.move(process, work, legal=JobStatus.CANCELLED in JOB_MOVES[job.status], then=then)

    @rule(process=PROCESSES, pick=PICKS, knows_dead=st.booleans())
    def acquire(self, process: int, pick: int, knows_dead: bool) -> None:
        job_id, job = chosen(self.jobs, pick)
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
        job_id, job = chosen(self.jobs, pick)
        self.do(process, lambda tx: leases.release(tx, job_id, owner=OWNERS[process]))
        if job.owner == OWNERS[process]:
            job.owner = job.until = None

    @rule(process=PROCESSES, limit=st.integers(1, 3))
    def claim(self, process: int, limit: int) -> None:
        """The oldest free ones, but none that it holds already: its lease may have run out while it worked."""
        jobs = sorted(self.jobs.items())
        free = [job_id for job_id, job in jobs if self._is_claimable(job) and job.owner != OWNERS[process]]
        assert self.do(process, lambda tx: self._claim(tx, process, limit)) == free[:limit]
        for job_id in free[:limit]:
            self._give(job_id, process)

    @rule()
    def claim_at_once(self) -> None:
        """Between them they take every free job, and none twice."""
        free = {job_id for job_id, job in self.jobs.items() if self._is_claimable(job)}
        taken = self.at_once(lambda process: self.do(process, lambda tx: self._claim(tx, process, 4)))
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

    @rule(seconds=st.sampled_from([10, 61]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)


class BatchRules(Modelled):
    """Batches, from their intent to their results.

    A process gives a batch up by what it saw of it when it looked, which another may have changed meanwhile.
    """

    def __init__(self, processes: Sequence[Engine]) -> None:
        super().__init__(processes)
        self.looks: dict[tuple[int, BatchId], batches.Batch] = {}

    @rule(process=PROCESSES, picks=st.lists(PICKS, min_size=1, max_size=3), usd=DOLLARS)
    @when(lambda self: len(self.batches) < 3)
    def intend_batch(self, process: int, picks: list[int], usd: Decimal) -> None:
        chosen = {self.attempt_of_path(pick, single_pass=True)[0] for pick in picks}

        def work(tx: Tx) -> tuple[BatchId, list[tuple[AttemptId, CallId]]]:
            batch_id = intend_batch(tx, len(chosen))
            rows = [attempts.get(tx, attempt_id) for attempt_id in sorted(chosen)]
            made = [intend(tx, row, str(usd), CallState.INTENDED, batch_id=batch_id) for row in rows]
            return batch_id, list(zip([row.id for row in rows], made, strict=True))

        batch_id, made = self.do(process, work)
        self.batches[batch_id] = Batch()
        for attempt_id, call_id in made:
            self.calls[call_id] = Call(attempt_id, batch_id, usd, CallState.INTENDED)

    @rule(process=PROCESSES, pick=PICKS, right_id=st.booleans())
    @when(lambda self: self.batches)
    def submitted(self, process: int, pick: int, right_id: bool) -> None:
        batch_id, batch = chosen(self.batches, pick)
        remote_id = f"{'msgbatch' if right_id else 'another'}_{batch_id}"

        def work(tx: Tx) -> None:
            calls.mark_sent(tx, batch_id)
            batches.move(tx, batch_id, BatchState.SUBMITTED, remote_id=remote_id, now=self.now)

        def then() -> None:
            if BatchState.SUBMITTED in BATCH_MOVES[batch.state]:
                batch.state, batch.remote_id = BatchState.SUBMITTED, remote_id
            self.move_calls(batch_id, CallState.SENT)

        there = is_past(batch.state, BatchState.SUBMITTED) and batch.remote_id == remote_id
        self.move(process, work, legal=there or BatchState.SUBMITTED in BATCH_MOVES[batch.state], then=then)

    @rule(process=PROCESSES, pick=PICKS)
    @when(lambda self: self.batches)
    def abandoned(self, process: int, pick: int) -> None:
        batch_id, batch = chosen(self.batches, pick)

        def work(tx: Tx) -> None:
            calls.abandon(tx, batch_id)
            batches.move(tx, batch_id, BatchState.ABANDONED, now=self.now)

        def then() -> None:
            batch.state = BatchState.ABANDONED
            self.move_calls(batch_id, CallState.ABANDONED)

        there = batch.state is BatchState.ABANDONED
        self.move(process, work, legal=there or BatchState.ABANDONED in BATCH_MOVES[batch.state], then=then)

    @rule(process=PROCESSES, pick=PICKS)
    @when(lambda self: self.batches)
    def let_post(self, process: int, pick: int) -> None:
        """A POST may leave only while nobody has settled what became of its batch."""
        batch_id, batch = chosen(self.batches, pick)
        until = self.now + LEAVE
        allowed = self.do(process, lambda tx: batches.let_post(tx, batch_id, until=until))
        assert allowed == (batch.state is BatchState.INTENDED)
        if allowed:
            batch.post_until = until

    @rule(process=PROCESSES, pick=PICKS)
    @when(lambda self: self.batches)
    def refused(self, process: int, pick: int) -> None:
        batch_id, batch = chosen(self.batches, pick)
        self.do(process, lambda tx: batches.none_on_its_way(tx, batch_id))
        batch.post_until = None

    @rule(process=PROCESSES, pick=PICKS)
    @when(lambda self: self.batches)
    def in_doubt(self, process: int, pick: int) -> None:
        batch_id, batch = chosen(self.batches, pick)

        def then() -> None:
            batch.state, batch.post_until = BatchState.UNKNOWN, self.now

        self.move(
            process,
            lambda tx: batches.in_doubt(tx, batch_id, note="no answer came", now=self.now),
            legal=batch.state in (BatchState.INTENDED, BatchState.UNKNOWN),
            then=then,
        )

    @rule(process=PROCESSES, pick=PICKS)
    @when(lambda self: self.batches)
    def look(self, process: int, pick: int) -> None:
        batch_id, _ = chosen(self.batches, pick)
        self.looks[process, batch_id] = self.do(process, lambda tx: batches.get(tx, batch_id))

    @rule(pick=PICKS)
    @when(lambda self: self.looks)
    def give_up(self, pick: int) -> None:
        """Whoever looked in vain gives up only what is still as it was when it was looked for."""
        (process, batch_id), seen = chosen(self.looks, pick)
        batch = self.batches[batch_id]

        def work(tx: Tx) -> bool:
            given_up = batches.give_up(tx, seen, looked_at=self.now, note="not found")
            if given_up:
                calls.abandon(tx, batch_id)
            return given_up

        undecided = batch.state in (BatchState.INTENDED, BatchState.UNKNOWN)
        given_up = self.do(process, work)
        assert given_up == (undecided and batch.post_until == seen.post_until)
        if given_up:
            batch.state = BatchState.ABANDONED
            self.move_calls(batch_id, CallState.ABANDONED)

    @rule(process=PROCESSES, pick=PICKS)
    @when(lambda self: any(batch.state is BatchState.INTENDED for batch in self.batches.values()))
    def its_sender_wakes_after_the_look(self, process: int, pick: int) -> None:
        """Who let the POST go after it was looked for keeps the batch from being given up."""
        intended = {key: each for key, each in self.batches.items() if each.state is BatchState.INTENDED}
        batch_id, batch = chosen(intended, pick)
        self.now += timedelta(seconds=1)
        until = self.now + LEAVE
        seen = self.do(process, lambda tx: batches.get(tx, batch_id))
        assert self.do(1 - process, lambda tx: batches.let_post(tx, batch_id, until=until))
        batch.post_until = until
        assert not self.do(process, lambda tx: batches.give_up(tx, seen, looked_at=self.now, note="not found"))

    @rule(pick=PICKS)
    @when(lambda self: self.batches)
    def let_post_and_give_up_at_once(self, pick: int) -> None:
        """One process sends while the other gives the batch up: never both."""
        batch_id, batch = chosen(self.batches, pick)
        until = self.now + LEAVE
        seen = self.do(0, lambda tx: batches.get(tx, batch_id))

        def work(process: int) -> bool:
            if process == 0:
                return self.do(0, lambda tx: batches.let_post(tx, batch_id, until=until))
            return self.do(1, lambda tx: batches.give_up(tx, seen, looked_at=self.now, note="not found"))

        posts, gives_up = self.at_once(work)
        # A leave until the very moment that was seen before is the same leave: who looked has waited for its end.
        assert not (posts and gives_up) or batch.post_until == until
        if posts:
            batch.post_until = until
        if gives_up:
            batch.state = BatchState.ABANDONED

    @rule(process=PROCESSES, pick=PICKS, to=st.sampled_from([BatchState.UNKNOWN, BatchState.ENDED]))
    @when(lambda self: self.batches)
    def batch_moves(self, process: int, pick: int, to: BatchState) -> None:
        batch_id, batch = chosen(self.batches, pick)
        self.move(
            process,
            lambda tx: batches.move(tx, batch_id, to, now=self.now),
            legal=self._there(batch, to) or to in BATCH_MOVES[batch.state],
            then=lambda: setattr(batch, "state", batch.state if self._there(batch, to) else to),
        )

    @rule(process=PROCESSES, pick=PICKS)
    @when(lambda self: self.batches)
    def ingested(self, process: int, pick: int) -> None:
        """What the results did not mention is lost, and the batch is done: both or none."""
        batch_id, batch = chosen(self.batches, pick)

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
