"""Sending the queue: single passes of independent jobs share batches, everything else is carried out here.

A job that cannot be prepared, is over its budget or is refused by the API ends with its own reason; its
neighbours travel on.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from storage import queue
from storage.engine import Tx
from tasks import batches, context, leasing, runtime, single_pass
from tasks.batches import Intent
from tasks.conclusion import fail, put_aside
from tasks.job_life import carry_out, paths
from tasks.saving import saved
from tasks.single_pass import Requests
from throughline.claude.body import encoded_bytes
from throughline.domain.job import AttemptId, JobId, JobStatus, Path, Role
from throughline.domain.ledger import CallState
from throughline.domain.packing import Packer, most_together
from throughline.errors import (
    AccessRefused,
    BatchUnknown,
    BrokenOff,
    BudgetExceeded,
    Elsewhere,
    JobBusy,
    Rejected,
    Retryable,
    SpendLimitReached,
    ThroughlineError,
)
from throughline.failpoints import Failpoint, reach

logger = logging.getLogger(__name__)
_CLAIM = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parcel:
    """A job's single pass on its way into a batch. `more` says that the job has other work besides."""

    attempt_id: AttemptId
    intent: Intent
    more: bool
    most_together: int
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
        others = await _Sending(swept).of_claimed(limit)
        gate = asyncio.Semaphore(runtime.current().settings.sweep_concurrency)
        outcomes = await asyncio.gather(*(_carry_out(job_id, gate, swept) for job_id in others), return_exceptions=True)
    for outcome in outcomes:
        if outcome is not None:
            raise outcome
    return swept


@dataclass(slots=True)
class _Sending:
    """The sending of one sweep's batches.

    A job that stays queued is given back at the end: this very sweep would claim it again, and send it again.
    """

    swept: Swept
    packer: Packer[_Parcel] = field(default_factory=Packer[_Parcel])
    others: list[JobId] = field(default_factory=list[JobId])
    later: list[JobId] = field(default_factory=list[JobId])
    busy: bool = False  # the API takes no batch at the moment
    broken_off: int = 0  # single requests whose body was not taken to its end

    async def of_claimed(self, limit: int) -> list[JobId]:
        """Send the single passes of the claimed jobs; returns the jobs that have other work to be done."""
        while not self.busy and (claimed := await leasing.claim(min(_CLAIM, limit - self.swept.claimed))):
            self.swept.claimed += len(claimed)
            reach(Failpoint.SWEEP_CLAIMED)
            for job_id in claimed:
                await self._sort(job_id)
        for parcels in self.packer.rest():
            await self._send(parcels)
        await leasing.give_back_all(self.later)
        return self.others

    async def _sort(self, job_id: JobId) -> None:
        """Put the job's single pass into its batch, and send a batch that is full."""
        try:
            parcel = await _prepare(job_id)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one job must not stop the others
            await _fail(job_id, error, self.swept)
            return
        if parcel is None:
            self.others.append(job_id)
            return
        full = self.packer.add(
            parcel,
            encoded_bytes=parcel.encoded_bytes,
            expected_output_tokens=parcel.expected_output_tokens,
            most_together=parcel.most_together,
        )
        if full:
            await self._send(full)

    async def _send(self, parcels: Sequence[_Parcel]) -> None:
        """Send these as one batch; a refused one is halved until the request that is refused stands alone."""
        if self.busy:
            self._leave(parcels)
            return
        try:
            submission = await batches.submit([parcel.intent for parcel in parcels])
        except (Rejected, BrokenOff) as error:
            if len(parcels) > 1:
                half = len(parcels) // 2
                await self._send(parcels[:half])
                await self._send(parcels[half:])
            elif isinstance(error, Rejected):
                await self._leave_to_chain(parcels[0], error)
            else:
                self._leave(parcels)
                self.broken_off += 1
                self.busy = self.broken_off > 1  # it is not the one request
        except (Retryable, AccessRefused, SpendLimitReached, JobBusy) as error:
            self._leave(parcels)  # nothing was accepted
            logger.warning("batch not sent requests=%d reason=%s", len(parcels), error)
            self.busy = isinstance(error, Retryable)
            if isinstance(error, AccessRefused | SpendLimitReached):
                raise
        else:
            reach(Failpoint.SWEEP_AFTER_SUBMIT)
            await self._sent(parcels, dict(submission.left_out))

    async def _sent(self, parcels: Sequence[_Parcel], left_out: Mapping[JobId, ThroughlineError]) -> None:
        reserved_usd = await context.reserved_today_usd() if left_out else Decimal(0)
        for job_id, error in left_out.items():
            if isinstance(error, JobBusy) or (isinstance(error, BudgetExceeded) and error.may_fit(reserved_usd)):
                self.later.append(job_id)
                logger.info("job not sent now job_id=%s reason=%s", job_id, error)
            else:
                await _fail(job_id, error, self.swept)
        gone = [parcel for parcel in parcels if parcel.intent.job_id not in left_out]
        self.swept.batches += bool(gone)
        self.swept.sent += len(gone)
        await _let_wait([parcel.intent.job_id for parcel in gone if not parcel.more])
        self.others += [parcel.intent.job_id for parcel in gone if parcel.more]

    def _leave(self, parcels: Sequence[_Parcel]) -> None:
        """These stay queued for the next sweep."""
        self.later += [parcel.intent.job_id for parcel in parcels]

    async def _leave_to_chain(self, parcel: _Parcel, refusal: Rejected) -> None:
        """The API does not take this request: its job has a chain to carry out, unless it was cancelled meanwhile."""
        try:
            await single_pass.give_up(parcel.attempt_id, reason=str(refusal))
        except JobBusy as error:
            logger.info("job not left to its chain job_id=%s reason=%s", parcel.intent.job_id, error)
        else:
            self.others.append(parcel.intent.job_id)


async def _prepare(job_id: JobId) -> _Parcel | None:
    """The job's single pass, if it has one to send."""
    job = await context.load(job_id)
    planned = paths(job.plan)
    role = next((role for path, role in planned if path is Path.SINGLE_PASS), None)
    if role is None:
        return None
    unsent = await saved(lambda tx: _unsent(tx, job_id, role), durable=False)
    if unsent is None:
        return None
    ask = single_pass.compose(job, unsent.attempt.outline)
    return _Parcel(
        attempt_id=unsent.attempt.id,
        intent=single_pass.intent_of(unsent.attempt),
        more=len(planned) > 1,
        most_together=most_together(unsent.in_vain),
        encoded_bytes=encoded_bytes(ask),
        expected_output_tokens=job.plan.size.expected_tokens,
    )


def _unsent(tx: Tx, job_id: JobId, role: Role) -> Requests | None:
    """The job's single pass if its first request is still to be sent; later ones are for `carry_out`."""
    sent = single_pass.requests_of(tx, single_pass.begin(tx, job_id, role).id)
    arrived = any(call.state is not CallState.ABANDONED for call in sent.calls)
    return None if sent.attempt.ended or arrived or sent.no_more else sent


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
        except (Retryable, BatchUnknown, Elsewhere) as error:  # it is queued again, or waits
            logger.warning("job put back job_id=%s reason=%s", job_id, error)
        except BudgetExceeded as error:
            logger.info("job does not fit the budget job_id=%s reason=%s", job_id, error)
            swept.failed += not error.may_fit(await context.reserved_today_usd())
        except Exception as error:  # noqa: BLE001 - `carry_out` has put down why; the other jobs go on
            logger.warning("job stopped job_id=%s reason=%s", job_id, error)
            swept.failed += 1
        else:
            swept.carried_out += 1


async def enqueue(job_id: JobId) -> JobStatus:
    """Leave the job to the next sweep, unless it is on its way or came to its end; where it stands then."""
    return await saved(lambda tx: queue.leave_to_sweep(tx, job_id, now=runtime.now()))
