"""Collecting: one look at every open batch, and at every job that waits or was left behind.

Every step looks at what is, not at what happened: it may be repeated, left out once, or done twice at the same
time, and needs no Prefect server but to resume the flow runs that wait there.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from storage import attempts, calls, jobs, leases, queue
from storage.batches import Batch
from storage.engine import Tx
from tasks import batches, doubts, runtime
from tasks.deciding import expire_reviews
from tasks.flow_runs import FlowRuns, Standing
from tasks.ingesting import ingest
from tasks.saving import read, saved
from tasks.single_pass import save_result
from throughline.domain.job import BatchId, JobId, JobStatus
from throughline.domain.ledger import BatchState
from throughline.errors import AccessRefused, ThroughlineError
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


async def collect_once(flow_runs: FlowRuns) -> Collected:
    """One pass. Trouble with one batch or job is put into the log and stops no other."""
    rt = runtime.current()
    rt.require_key()
    collected = Collected()
    await _follow_cancelled_runs(flow_runs, collected)
    for remote_id in await read(lambda tx: queue.unwanted(tx, simulated=rt.simulated)):
        await batches.cancel(remote_id)
        collected.cancelled += 1
    await _find_late(collected)
    for batch_id in await read(lambda tx: queue.open_batches(tx, simulated=rt.simulated)):
        collected.open += 1
        try:
            await _advance(batch_id, collected)
        except AccessRefused:
            raise
        except ThroughlineError as error:
            collected.troubled += 1
            logger.warning("batch not settled batch_id=%s reason=%s", batch_id, error)
    await _requeue_orphans(flow_runs, collected)
    await _go_on(flow_runs, collected)
    collected.expired += await expire_reviews()
    await _close_flow_runs(flow_runs, collected)
    await _let_go(flow_runs)
    return collected


async def _find_late(collected: Collected) -> None:
    try:
        collected.found_late += await doubts.find_late()
    except AccessRefused:
        raise
    except ThroughlineError as error:
        collected.troubled += 1
        logger.warning("batches that were given up not looked for reason=%s", error)


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


async def _requeue_orphans(flow_runs: FlowRuns, collected: Collected) -> None:
    """Jobs whose worker died go back into the queue: the next worker goes on from the last link.

    A flow run that a person cancelled has its job cancelled; one that is alive keeps a job that it gave back.
    """
    rt = runtime.current()
    now = runtime.now()
    for job_id, flow_run_id in await read(lambda tx: queue.orphans(tx, now, simulated=rt.simulated)):
        match await _standing(flow_runs, flow_run_id):
            case Standing.CANCELLED:
                await cancel_job(job_id)
                collected.cancelled += 1
            case standing:
                gone = standing in (Standing.GONE, Standing.ENDED)
                collected.requeued += await saved(lambda tx, job_id=job_id, gone=gone: _requeue(tx, job_id, gone=gone))


def _requeue(tx: Tx, job_id: JobId, *, gone: bool) -> bool:
    """Queue the job unless, now that it is locked, somebody holds it or its flow run may still go on with it."""
    found = leases.holder(tx, job_id, locked=True)
    is_dead = found is not None and found.until < runtime.now()
    if jobs.get(tx, job_id).status is not JobStatus.RUNNING or not (is_dead or (found is None and gone)):
        return False
    leases.take_away(tx, job_id)
    jobs.set_status(tx, job_id, JobStatus.QUEUED, reason="its worker stopped", now=runtime.now())
    return True


async def _go_on(flow_runs: FlowRuns, collected: Collected) -> None:
    """Wake what waited for a batch that is settled now: the suspended flow run, or the next sweep."""
    rt = runtime.current()
    for job_id, flow_run_id in await read(lambda tx: queue.ready(tx, simulated=rt.simulated)):
        match await _standing(flow_runs, flow_run_id):
            case Standing.SUSPENDED if flow_run_id is not None:
                reach(Failpoint.COLLECT_BEFORE_RESUME)
                collected.resumed += await flow_runs.resume(flow_run_id)
            case Standing.GONE | Standing.ENDED:
                collected.requeued += await saved(lambda tx, job_id=job_id: _queue_if_waiting(tx, job_id))
            case Standing.UNDER_WAY if await _left_behind(job_id):
                # Its worker died with nobody to tell Prefect. The run keeps the job, so that one which is late after
                # all finds it done.
                late = await saved(lambda tx, job_id=job_id: _queue_if_waiting(tx, job_id, keeps_run=True))
                collected.requeued += late
            case _:
                pass  # it is on its way, or the server is away: the next pass looks again


async def _close_flow_runs(flow_runs: FlowRuns, collected: Collected) -> None:
    """A flow run that waits for a job which ended elsewhere is woken once more, to end as well."""
    rt = runtime.current()
    for job_id, flow_run_id in await read(lambda tx: queue.ended_in_flow_runs(tx, simulated=rt.simulated)):
        match await _standing(flow_runs, flow_run_id):
            case Standing.SUSPENDED if flow_run_id is not None:
                collected.resumed += await flow_runs.resume(flow_run_id)
            case Standing.GONE | Standing.ENDED | Standing.CANCELLED:
                await saved(lambda tx, job_id=job_id: jobs.belongs_to(tx, job_id, None))
            case _:
                pass


async def _let_go(flow_runs: FlowRuns) -> None:
    """A flow run that ended while its job waits for a person leaves the job in the inbox, for any other to take up."""
    rt = runtime.current()
    for job_id, flow_run_id in await read(lambda tx: queue.asked_in_flow_runs(tx, simulated=rt.simulated)):
        if await _standing(flow_runs, flow_run_id) in (Standing.GONE, Standing.ENDED, Standing.CANCELLED):
            await saved(lambda tx, job_id=job_id: jobs.belongs_to(tx, job_id, None))


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


async def _follow_cancelled_runs(flow_runs: FlowRuns, collected: Collected) -> None:
    """A person cancelled the flow run of a waiting job: then the job is cancelled, too."""
    rt = runtime.current()
    for job_id, flow_run_id in await read(lambda tx: queue.suspended(tx, simulated=rt.simulated)):
        if await _standing(flow_runs, flow_run_id) is Standing.CANCELLED:
            await cancel_job(job_id)
            collected.cancelled += 1


async def cancel_job(job_id: JobId) -> None:
    """Nothing more is sent for this job. What is under way is stopped where it can be; what is paid is kept."""

    def write(tx: Tx) -> None:
        jobs.set_status(tx, job_id, JobStatus.CANCELLED, reason="cancelled by a person", now=runtime.now())
        leases.take_away(tx, job_id)
        for attempt in attempts.of_job(tx, job_id):
            calls.lose(tx, attempt.id)  # what is still streamed to a live worker is recorded when it arrives

    await saved(write)
