"""Collecting: one look at every open batch, and at every job that waits or was left behind.

Every step looks at what is, not at what happened: it may be repeated, left out once, or done twice at the same
time, and needs no Prefect server but to resume the flow runs that wait there.
"""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from storage import attempts, calls, jobs, leases, queue
from storage.batches import Batch
from storage.engine import UNUSABLE, Tx
from tasks import batches, doubts, runtime
from tasks.deciding import expire_reviews
from tasks.flow_runs import FlowRuns, Standing, WhileItAnswers
from tasks.ingesting import ingest
from tasks.saving import read, saved
from tasks.single_pass import save_result
from throughline.domain.job import BatchId, JobId, JobStatus
from throughline.domain.ledger import BatchState
from throughline.errors import AccessRefused
from throughline.failpoints import Failpoint, reach

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Collected:
    """What one pass found and did, in numbers of batches and jobs."""

    open: int = 0
    ingested: int = 0
    in_doubt: int = 0
    found_late: int = 0
    cancelled: int = 0
    resumed: int = 0
    requeued: int = 0
    expired: int = 0
    troubled: int = 0


@dataclass(slots=True, kw_only=True)
class _Pass:
    """One pass under way."""

    flow_runs: FlowRuns
    collected: Collected = field(default_factory=Collected)
    refused: AccessRefused | None = None

    @contextmanager
    def apart(self, what: str, **which: str) -> Generator[None]:
        """Trouble with this batch or job is counted and told in the log, and stops no other.

        Only a database that is away ends the pass at once. A refused key ends it, too, but only when everything has had
        its turn: it may be the access to one batch that is refused.
        """
        try:
            yield
        except UNUSABLE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one batch or job is not wrong with the next
            if isinstance(error, AccessRefused):
                self.refused = self.refused or error
            self.collected.troubled += 1
            told = " ".join(f"{name}={value}" for name, value in which.items())
            logger.warning("%s %s reason=%s: %s", what, told, type(error).__name__, error)


async def collect_once(flow_runs: FlowRuns) -> Collected:
    """One pass. Trouble with one batch or job is put into the log and stops no other.

    What needs no Prefect server comes first: answers are not kept waiting while one is away.
    """
    runtime.current().require_key()
    under_way = _Pass(flow_runs=WhileItAnswers(flow_runs))
    await _stop_unwanted(under_way)
    with under_way.apart("batches that were given up not looked for"):
        under_way.collected.found_late += await doubts.find_late()
    await _advance_all(under_way)
    await _follow_cancelled_runs(under_way)
    await _requeue_orphans(under_way)
    await _go_on(under_way)
    with under_way.apart("reviews not expired"):
        under_way.collected.expired += await expire_reviews()
    await _close_flow_runs(under_way)
    await _let_go(under_way)
    if under_way.refused is not None:
        raise under_way.refused
    return under_way.collected


async def _stop_unwanted(under_way: _Pass) -> None:
    """Ask the API to stop the batches that nobody wants any more."""
    simulated = runtime.current().simulated
    for remote_id in await read(lambda tx: queue.unwanted(tx, simulated=simulated)):
        with under_way.apart("batch not cancelled", remote_id=remote_id):
            await batches.cancel(remote_id)
            under_way.collected.cancelled += 1


async def _advance_all(under_way: _Pass) -> None:
    simulated = runtime.current().simulated
    for batch_id in await read(lambda tx: queue.open_batches(tx, simulated=simulated)):
        under_way.collected.open += 1
        with under_way.apart("batch not settled", batch_id=batch_id):
            await _advance(batch_id, under_way.collected)


async def _advance(batch_id: BatchId, collected: Collected) -> None:
    """Take the batch as far as it comes without waiting."""
    batch = await batches.load(batch_id)
    if batch.state in (BatchState.INTENDED, BatchState.UNKNOWN):
        await _settle(batch, collected)
    if await _is_there(batch_id) and await batches.has_ended(batch_id):
        reach(Failpoint.COLLECT_BEFORE_INGEST)
        await ingest(batch_id, save_result)
        collected.ingested += 1


async def _is_there(batch_id: BatchId) -> bool:
    return (await batches.load(batch_id)).state in (BatchState.SUBMITTED, BatchState.ENDED)


async def _settle(batch: Batch, collected: Collected) -> None:
    """Find a batch in doubt whose worker is gone; one that a worker still holds is its own to settle."""
    now = runtime.now()
    if await read(lambda tx: queue.is_worked_on(tx, batch.id, now)):
        return
    # Its jobs are written down one after another: one that has none yet is not held by them.
    is_new = batch.post_until is None and now < batch.intended_at + timedelta(
        seconds=runtime.current().settings.lease_s
    )
    if is_new or not await doubts.settle_now(batch):
        collected.in_doubt += 1


async def _requeue_orphans(under_way: _Pass) -> None:
    """Jobs whose worker died go back into the queue: the next worker goes on from the last link.

    A flow run that a person cancelled has its job cancelled.
    """
    simulated = runtime.current().simulated
    for job_id, flow_run_id in await read(lambda tx: queue.orphans(tx, runtime.now(), simulated=simulated)):
        with under_way.apart("job not queued again", job_id=job_id):
            standing = await _standing(under_way.flow_runs, flow_run_id)
            if standing is Standing.CANCELLED and flow_run_id is not None:
                await _cancel_with_run(job_id, flow_run_id, under_way.collected)
                continue
            gone = standing in (Standing.GONE, Standing.ENDED)
            if standing in (Standing.UNDER_WAY, Standing.UNKNOWN):
                gone = await _left_behind(job_id)
            if standing is Standing.UNKNOWN and not gone:
                continue  # a person may have cancelled the run, which a Prefect that is away does not tell
            again = await saved(lambda tx, job_id=job_id, gone=gone: _requeue(tx, job_id, gone=gone))
            under_way.collected.requeued += again


def _requeue(tx: Tx, job_id: JobId, *, gone: bool) -> bool:
    """Queue the job unless, now that it is locked, somebody holds it or its flow run may still go on with it."""
    unheld = leases.holder(tx, job_id, locked=True) is None
    run_out = leases.has_run_out(tx, job_id, runtime.now())
    if jobs.get(tx, job_id).status not in queue.IN_WORK or not (run_out or (unheld and gone)):
        return False
    leases.take_away(tx, job_id)
    jobs.set_status(tx, job_id, JobStatus.QUEUED, reason="its worker stopped", now=runtime.now())
    return True


async def _go_on(under_way: _Pass) -> None:
    """Wake what waited for a batch that is settled now: the suspended flow run, or the next sweep."""
    simulated = runtime.current().simulated
    for job_id, flow_run_id in await read(lambda tx: queue.ready(tx, simulated=simulated)):
        with under_way.apart("job not gone on with", job_id=job_id):
            await _go_on_with(job_id, flow_run_id, under_way)


async def _go_on_with(job_id: JobId, flow_run_id: str | None, under_way: _Pass) -> None:
    match await _standing(under_way.flow_runs, flow_run_id):
        case Standing.SUSPENDED if flow_run_id is not None:
            reach(Failpoint.COLLECT_BEFORE_RESUME)
            under_way.collected.resumed += await under_way.flow_runs.resume(flow_run_id)
        case Standing.GONE | Standing.ENDED:
            under_way.collected.requeued += await saved(lambda tx: _queue_if_waiting(tx, job_id))
        case Standing.UNDER_WAY if await _left_behind(job_id):
            # Its worker died with nobody to tell Prefect. The run keeps the job, so that one which is late after
            # all finds it done.
            under_way.collected.requeued += await saved(lambda tx: _queue_if_waiting(tx, job_id, keeps_run=True))
        case _:
            pass  # it is on its way, or the server is away: the next pass looks again


async def _close_flow_runs(under_way: _Pass) -> None:
    """A flow run that waits for a job which ended elsewhere is woken once more, to end as well."""
    simulated = runtime.current().simulated
    for job_id, flow_run_id in await read(lambda tx: queue.ended_in_flow_runs(tx, simulated=simulated)):
        with under_way.apart("flow run not closed", job_id=job_id):
            match await _standing(under_way.flow_runs, flow_run_id):
                case Standing.SUSPENDED if flow_run_id is not None:
                    under_way.collected.resumed += await under_way.flow_runs.resume(flow_run_id)
                case Standing.GONE | Standing.ENDED | Standing.CANCELLED if flow_run_id is not None:
                    await _release_run(job_id, flow_run_id)
                case _:
                    pass


async def _let_go(under_way: _Pass) -> None:
    """A flow run that ended while its job waits for a person leaves the job in the inbox, for any other to take up."""
    simulated = runtime.current().simulated
    for job_id, flow_run_id in await read(lambda tx: queue.asked_in_flow_runs(tx, simulated=simulated)):
        with under_way.apart("flow run not let go", job_id=job_id):
            standing = await _standing(under_way.flow_runs, flow_run_id)
            over = standing in (Standing.GONE, Standing.ENDED, Standing.CANCELLED)
            if over and flow_run_id is not None:
                await _release_run(job_id, flow_run_id)


async def _release_run(job_id: JobId, flow_run_id: str) -> None:
    await saved(lambda tx: jobs.let_go(tx, job_id, flow_run_id))


async def _standing(flow_runs: FlowRuns, flow_run_id: str | None) -> Standing:
    return Standing.GONE if flow_run_id is None else await flow_runs.standing(flow_run_id)


def _queue_if_waiting(tx: Tx, job_id: JobId, *, keeps_run: bool = False) -> bool:
    """Queue the job unless, now that it is locked, somebody else did or goes on with it; whether that was done."""
    leases.holder(tx, job_id, locked=True)  # else a worker that takes the job up at this moment is not seen
    if jobs.get(tx, job_id).status is not JobStatus.WAITING:
        return False
    if not keeps_run:
        jobs.belongs_to(tx, job_id, None)
    jobs.set_status(tx, job_id, JobStatus.QUEUED, now=runtime.now())
    return True


async def _left_behind(job_id: JobId) -> bool:
    since = runtime.now() - timedelta(seconds=2 * runtime.current().settings.lease_s)
    return await read(lambda tx: queue.left_behind(tx, job_id, since))


async def _follow_cancelled_runs(under_way: _Pass) -> None:
    """A person cancelled the flow run of a job that waits for its batch or its turn: the job is cancelled, too."""
    simulated = runtime.current().simulated
    before = under_way.collected.cancelled
    for job_id, flow_run_id in await read(lambda tx: queue.unheld_in_flow_runs(tx, runtime.now(), simulated=simulated)):
        with under_way.apart("job not cancelled", job_id=job_id):
            standing = await _standing(under_way.flow_runs, flow_run_id)
            if standing is Standing.CANCELLED and flow_run_id is not None:
                await _cancel_with_run(job_id, flow_run_id, under_way.collected)
    if under_way.collected.cancelled > before:
        await _stop_unwanted(under_way)


async def _cancel_with_run(job_id: JobId, flow_run_id: str, collected: Collected) -> None:
    """Cancel the job unless it came to its end, or into other hands, while Prefect was asked.

    It is that run's no longer: whoever takes the job up again is not cancelled with the run once more.
    """

    def write(tx: Tx) -> bool:
        held = leases.holder(tx, job_id, locked=True)
        if held is not None and held.until >= runtime.now():
            return False
        if jobs.get(tx, job_id).ended or jobs.flow_run_of(tx, job_id) != flow_run_id:
            return False
        _cancel(tx, job_id)
        jobs.let_go(tx, job_id, flow_run_id)
        return True

    collected.cancelled += await saved(write)


async def cancel_job(job_id: JobId) -> None:
    """Nothing more is sent for this job. What is under way is stopped where it can be; what is paid is kept."""
    await saved(lambda tx: _cancel(tx, job_id))


def _cancel(tx: Tx, job_id: JobId) -> None:
    jobs.set_status(tx, job_id, JobStatus.CANCELLED, reason="cancelled by a person", now=runtime.now())
    leases.take_away(tx, job_id)
    for attempt in attempts.of_job(tx, job_id):
        calls.lose(tx, attempt.id)  # what is still streamed to a live worker is recorded when it arrives
