"""Sending the queue: single passes of independent jobs share batches, everything else is carried out here.

A job that cannot be prepared, is over its budget or is refused by the API ends with its own reason; its
neighbours travel on.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from storage import attempts, calls, jobs
from storage.engine import Tx
from tasks import batches, context, leasing, runtime, single_pass
from tasks.batches import Intent
from tasks.conclusion import fail, put_aside
from tasks.job_life import carry_out, paths
from tasks.saving import saved
from throughline.claude.body import encoded_bytes
from throughline.domain.job import AttemptId, JobId, JobStatus, Path, Role
from throughline.domain.ledger import CallState
from throughline.domain.packing import Packer
from throughline.errors import AccessRefused, JobBusy, Rejected, Retryable, SpendLimitReached, ThroughlineError
from throughline.failpoints import Failpoint, reach

logger = logging.getLogger(__name__)
_CLAIM = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parcel:
    """A job's single pass on its way into a batch. `more` says that the job has other work besides."""

    attempt_id: AttemptId
    intent: Intent
    more: bool
    encoded_bytes: int
    expected_output_tokens: int


@dataclass(slots=True, kw_only=True)
class Swept:
    """What one sweep did, in numbers of jobs and batches."""

    claimed: int = 0
    batches: int = 0
    sent: int = 0
    carried_out: int = 0
    failed: int = 0
    refused: bool = False  # the API takes nothing from this key


async def sweep_queue(limit: int) -> Swept:
    """Claim up to `limit` queued jobs, send their single passes in shared batches, carry out the others.

    Raises `AccessRefused`, `SpendLimitReached` or `BadInput` (no key) when nothing can be sent at all; then
    every job that was not sent is queued as before.
    """
    runtime.current().require_key()
    swept = Swept()
    async with leasing.working():
        others = await _send_claimed(limit, swept)
        gate = asyncio.Semaphore(runtime.current().settings.sweep_concurrency)
        outcomes = await asyncio.gather(*(_carry_out(job_id, gate, swept) for job_id in others), return_exceptions=True)
    for outcome in outcomes:
        if outcome is not None:
            raise outcome
    return swept


async def _send_claimed(limit: int, swept: Swept) -> list[JobId]:
    """Send the single passes of the claimed jobs; returns the jobs that have other work to be done."""
    packer: Packer[_Parcel] = Packer()
    others: list[JobId] = []
    while swept.claimed < limit and (claimed := await leasing.claim(min(_CLAIM, limit - swept.claimed))):
        swept.claimed += len(claimed)
        reach(Failpoint.SWEEP_CLAIMED)
        for job_id in claimed:
            try:
                parcel = await _prepare(job_id)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one job must not stop the others
                await _fail(job_id, error, swept)
                continue
            if parcel is None:
                others.append(job_id)
            else:
                others += await _send(_pack(parcel, packer), swept)
    for parcels in packer.rest():
        others += await _send(parcels, swept)
    return others


async def _prepare(job_id: JobId) -> _Parcel | None:
    """The job's single pass, if it has one to send."""
    job = await context.load(job_id)
    planned = paths(job.plan)
    role = next((role for path, role in planned if path is Path.SINGLE_PASS), None)
    if role is None:
        return None
    attempt = await saved(lambda tx: _to_send(tx, job_id, role), durable=False)
    if attempt is None:
        return None
    ask = single_pass.compose(job, attempt.outline)
    return _Parcel(
        attempt_id=attempt.id,
        intent=single_pass.intent_of(attempt),
        more=len(planned) > 1,
        encoded_bytes=encoded_bytes(ask),
        expected_output_tokens=job.plan.size.expected_tokens,
    )


def _pack(parcel: _Parcel, packer: Packer[_Parcel]) -> list[_Parcel]:
    """Put the parcel into its batch; returns a batch that is full."""
    return packer.add(parcel, encoded_bytes=parcel.encoded_bytes, expected_output_tokens=parcel.expected_output_tokens)


def _to_send(tx: Tx, job_id: JobId, role: Role) -> attempts.Attempt | None:
    """The job's single pass if its first request is still to be sent; later ones are for `carry_out`."""
    attempt = single_pass.begin(tx, job_id, role)
    sent = [call for call in calls.of_attempt(tx, attempt.id) if call.state is not CallState.ABANDONED]
    return None if attempt.ended or sent else attempt


async def _send(parcels: Sequence[_Parcel], swept: Swept) -> list[JobId]:
    """Send these as one batch; a refused one is halved until the request that is refused stands alone."""
    if not parcels:
        return []
    try:
        submission = await batches.submit([parcel.intent for parcel in parcels])
    except Rejected as error:
        if len(parcels) > 1:
            half = len(parcels) // 2
            return await _send(parcels[:half], swept) + await _send(parcels[half:], swept)
        await single_pass.give_up(parcels[0].attempt_id, reason=str(error))
        return [parcels[0].intent.job_id]
    except (Retryable, AccessRefused, SpendLimitReached, JobBusy) as error:
        for parcel in parcels:  # nothing was accepted: they stay queued for the next sweep
            await leasing.give_back(parcel.intent.job_id)
        logger.warning("batch not sent requests=%d reason=%s", len(parcels), error)
        if isinstance(error, AccessRefused | SpendLimitReached):
            raise
        return []
    reach(Failpoint.SWEEP_AFTER_SUBMIT)
    left_out = dict(submission.left_out)
    for job_id, error in left_out.items():
        if not isinstance(error, JobBusy):
            await _fail(job_id, error, swept)
    gone = [parcel for parcel in parcels if parcel.intent.job_id not in left_out]
    swept.batches += bool(gone)
    swept.sent += len(gone)
    await _let_wait([parcel.intent.job_id for parcel in gone if not parcel.more])
    return [parcel.intent.job_id for parcel in gone if parcel.more]


async def _let_wait(waiting: Sequence[JobId]) -> None:
    """These jobs wait for their batch, and nobody holds them meanwhile."""
    for job_id in waiting:
        try:
            await put_aside(job_id)
        except JobBusy as error:  # cancelled while the batch was posted; its answer is ingested all the same
            logger.info("job not put aside job_id=%s reason=%s", job_id, error)
        await leasing.give_back(job_id)


async def _fail(job_id: JobId, error: Exception, swept: Swept) -> None:
    logger.warning("job failed job_id=%s reason=%s", job_id, error)
    swept.failed += 1
    known = error if isinstance(error, ThroughlineError) else ThroughlineError(f"{type(error).__name__}: {error}")
    try:
        await fail(job_id, known)
    except JobBusy:
        logger.info("job taken by another worker job_id=%s", job_id)
    await leasing.give_back(job_id)


async def _carry_out(job_id: JobId, gate: asyncio.Semaphore, swept: Swept) -> None:
    async with gate:
        if swept.refused:
            return  # it stays queued, and is given back with the rest
        try:
            await carry_out(job_id, hold=False)
        except JobBusy:
            logger.info("job taken by another worker job_id=%s", job_id)
        except (AccessRefused, SpendLimitReached):
            swept.refused = True
            raise
        except Retryable as error:  # it is queued again
            logger.warning("job put back job_id=%s reason=%s", job_id, error)
        except Exception as error:  # noqa: BLE001 - `carry_out` has put down why; the other jobs go on
            logger.warning("job stopped job_id=%s reason=%s", job_id, error)
            swept.failed += 1
        else:
            swept.carried_out += 1


async def enqueue(job_id: JobId) -> None:
    """Leave the job to the next sweep."""
    await saved(lambda tx: jobs.set_status(tx, job_id, JobStatus.QUEUED, now=runtime.now()))
