"""The single pass: the whole job as one item of a Message Batch, with up to 300,000 tokens of output."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from storage import attempts, batches, calls, jobs
from storage.attempts import Attempt
from storage.calls import Call, Left, Settled, Today
from storage.engine import Tx
from tasks import batches as batch_steps
from tasks import context, doubts, leasing, runtime
from tasks.batches import Intent
from tasks.context import JobContext
from tasks.ingesting import Arrived, ingest
from tasks.saving import read, saved
from tasks.step import step
from throughline.domain import documents, estimates, prompts
from throughline.domain.ask import Ask, Reply, StopReason, Unanswered
from throughline.domain.chain import Link, LinkKind
from throughline.domain.job import AttemptId, AttemptStatus, BatchId, CallId, JobId, Kind, Path, Role
from throughline.domain.ledger import CallState
from throughline.domain.outline import Outline
from throughline.domain.salvage import Answer
from throughline.domain.settlement import TOO_LATE, Settlement, Wanted, settle
from throughline.errors import Rejected, Retryable, UnderWay

logger = logging.getLogger(__name__)
_IN_VAIN = 3  # posts that provably never arrived, before the chain takes over
_SUBMISSIONS = 2  # an item that errored, expired or was canceled cost nothing and is sent once more


@step
async def begin_single_pass(job_id: JobId, role: Role) -> Attempt:
    """The job's single pass of that role."""
    return await saved(lambda tx: begin(tx, job_id, role), durable=False)  # worth nothing before its intent


def begin(tx: Tx, job_id: JobId, role: Role) -> Attempt:
    """The job's single pass of that role: the existing one, or one begun now."""
    return attempts.begin(
        tx,
        job_id=job_id,
        path=Path.SINGLE_PASS,
        role=role,
        outline=jobs.outline(tx, job_id),
        now=runtime.now(),
    )


@step
async def submit_single_pass(attempt_id: AttemptId, *, hold: bool) -> BatchId | None:
    """The batch that carries the attempt: the one on its way, or a new one. None once the attempt has ended.

    A batch in doubt is looked for until it is settled (`hold`), or left to the collector.
    """
    while True:
        sent = await read(lambda tx: requests_of(tx, attempt_id))
        if sent.attempt.ended:
            return None
        if sent.batch is not None and sent.is_under_way:
            if not hold or await doubts.settle_doubt(sent.batch.id):
                return sent.batch.id
            continue  # it never arrived; what that leaves is read anew
        try:
            await _send_or_give_up(sent)
        except UnderWay as error:
            logger.info("read anew attempt_id=%s reason=%s", attempt_id, error)  # it arrived after all


async def _send_or_give_up(sent: "Requests") -> None:
    if (why := sent.no_more) is not None:
        await give_up(sent.attempt.id, reason=why)
        return
    try:
        submission = await batch_steps.submit([intent_of(sent.attempt)])
    except Rejected as error:
        await give_up(sent.attempt.id, reason=str(error))
        return
    for _, error in submission.left_out:
        raise error


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """An attempt with what was sent for it so far, in order; `in_vain` as `storage.batches.in_vain` tells it."""

    attempt: Attempt
    calls: Sequence[Call]
    batch: batches.Batch | None
    in_vain: Sequence[int]
    is_under_way: bool  # a request of it may still be answered

    @property
    def no_more(self) -> str | None:
        """Why the request is not sent again; None while it may be."""
        fruitless = [call for call in self.calls if call.outcome is not None or call.state is CallState.LOST]
        if len(fruitless) >= _SUBMISSIONS:
            return "; ".join(fruitless[-1].errors)
        # One that never arrived beside others may have been harmed by one of them.
        if self.in_vain.count(1) >= _IN_VAIN:
            return f"the batch was not accepted in {_IN_VAIN} tries"
        return None


def requests_of(tx: Tx, attempt_id: AttemptId) -> Requests:
    """What was sent for the attempt so far."""
    return Requests(
        attempt=attempts.get(tx, attempt_id),
        calls=calls.of_attempt(tx, attempt_id),
        batch=batches.latest_of(tx, attempt_id),
        in_vain=batches.in_vain(tx, attempt_id),
        is_under_way=batches.is_under_way(tx, attempt_id),
    )


@step
async def wait_for_batch(batch_id: BatchId, *, hold: bool) -> bool:
    """Whether the batch has ended: after waiting for it in this process (`hold`), or at one look."""
    if not hold:
        return await batch_steps.has_ended(batch_id)
    await batch_steps.wait(batch_id)
    return True


@step
async def ingest_single_pass(attempt_id: AttemptId, batch_id: BatchId) -> Attempt:
    """Save the batch's results. An attempt that they do not end may be submitted once more.

    That a neighbour's result is lacking, or cannot be saved, is nothing to a job whose own is there.
    """
    try:
        await ingest(batch_id, save_result)
    except Retryable:
        if await read(lambda tx: batches.is_under_way(tx, attempt_id)):
            raise
    return await read(lambda tx: attempts.get(tx, attempt_id))


def compose(job: JobContext, outline: Outline | None) -> Ask:
    """The request for everything at once. The cap on output is also the cap on spending."""
    spec = job.job.spec
    planned = estimates.planned_units(spec, len(job.sources))
    return prompts.compose(
        spec=spec,
        model=job.model,
        documents=documents.whole(job.sources, spec.kind),
        instruction=prompts.whole_job(spec, outline, planned),
        max_tokens=job.model.batch_output_tokens,
        schema_in_prompt=False,
        cache_documents=False,
    )


def intent_of(attempt: Attempt) -> Intent:
    """The attempt's one request, written down under the job's lease, its cap within what the budget buys."""
    job_id, attempt_id = attempt.job_id, attempt.id  # nothing large: it may wait beside ten thousand others

    def write(tx: Tx, batch_id: BatchId, today: Today) -> tuple[CallId, Ask]:
        rt = runtime.current()
        leasing.require(tx, job_id)
        job = context.of_job(tx, job_id)
        attempt = attempts.get(tx, attempt_id)
        # A batch that was taken for lost may have turned up since the attempt was looked at.
        if attempt.ended or batches.is_under_way(tx, attempt_id):
            raise UnderWay(f"Job {job_id}: its request was answered, or is under way; it is not sent a second time.")
        left = calls.remaining(tx, job_id, job.budget(), simulated=rt.simulated, today=today)
        if left is not None and (budget_usd := job.job.spec.budget_usd) is not None:
            left = min(left, Left(job.plan.single_pass_usd(budget_usd)))
        ask = job.within(compose(job, attempt.outline), left, batch=True)
        reserved_usd = job.worst_usd(ask, batch=True)
        call_id = calls.intend(
            tx,
            job_id=job_id,
            attempt_id=attempt_id,
            batch_id=batch_id,
            link=Link(kind=LinkKind.PART, with_outline=attempt.outline is None, with_closing=True),
            ask=ask,
            reserved_usd=reserved_usd,
            state=CallState.INTENDED,
            simulated=rt.simulated,
            now=runtime.now(),
        )
        today.add(reserved_usd)
        return call_id, ask

    return Intent(job_id=job_id, write=write)


def save_result(tx: Tx, arrived: Arrived) -> None:
    """Settle the call of one result line, once; a line that comes again changes nothing."""
    item = arrived.item
    call = calls.get(tx, item.call_id)
    if call is None or call.state is CallState.RECORDED:
        return
    attempt = attempts.get(tx, call.attempt_id)
    match item.result:
        case Unanswered() as unanswered:
            _save_unanswered(tx, call, unanswered)
        case Reply() as reply:
            _save_reply(tx, call, attempt, arrived.kind, reply, arrived.answer)


def _save_unanswered(tx: Tx, call: Call, result: Unanswered) -> None:
    said = f"{result.outcome}: {result.error_type}: {result.message}" if result.message else result.outcome
    calls.record_unanswered(tx, call.id, outcome=result.outcome, error=said, now=runtime.now())
    if not result.resendable and not attempts.get(tx, call.attempt_id).ended:
        attempts.finish(tx, call.attempt_id, AttemptStatus.FAILED, reason=said, now=runtime.now())


def _save_reply(tx: Tx, call: Call, attempt: Attempt, kind: Kind, reply: Reply, answer: Answer | None) -> None:
    if attempt.ended:
        _save_late(tx, call, reply)
        return
    asked = frozenset(attempt.outline.unit_ids if attempt.outline else ())
    wanted = Wanted(outline=attempt.outline, unit_ids=asked, closing=True)
    settlement = settle(reply, kind, wanted, answer=answer)
    status, reason = judge(reply, settlement)
    settled = Settled(delivered=settlement.delivered, errors=settlement.errors, wasted_tokens=settlement.wasted_tokens)
    cost = context.cost_of(call.model, reply, batch=True, at=call.intended_at)
    if not calls.record(tx, call.id, reply=reply, cost=cost, settled=settled, now=runtime.now()):
        return  # another process has just saved the same line
    attempts.save_units(tx, attempt.id, call.id, settlement.units, settlement.places)
    attempts.finish(
        tx,
        attempt.id,
        status,
        stop_reason=reply.stop_reason,
        reason=reason,
        outline=settlement.outline if attempt.outline is None else None,
        closing=settlement.closing,
        now=runtime.now(),
    )


def _save_late(tx: Tx, call: Call, reply: Reply) -> None:
    """A batch turned up after its work was done by another: what it cost is put down, and its text kept as waste."""
    visible = reply.usage.output_tokens - reply.usage.thinking_tokens
    settled = Settled(delivered=(), errors=(TOO_LATE,), wasted_tokens=visible)
    cost = context.cost_of(call.model, reply, batch=True, at=call.intended_at)
    calls.record(tx, call.id, reply=reply, cost=cost, settled=settled, now=runtime.now())


def judge(reply: Reply, settlement: Settlement) -> tuple[AttemptStatus, str | None]:
    """What a single pass amounts to: `succeeded` on the wire is not success."""
    if reply.stop_reason is StopReason.REFUSAL:
        return AttemptStatus.FAILED, settlement.errors[0]
    if settlement.outline is None:
        return AttemptStatus.FAILED, "; ".join(settlement.errors)
    missing = len(settlement.outline.units) - len(settlement.units)
    if not missing and settlement.closing is not None:
        return AttemptStatus.COMPLETE, None
    lacking = [f"{missing} of {len(settlement.outline.units)} units"] if missing else []
    lacking += ["the closing"] if settlement.closing is None else []
    return AttemptStatus.SHORT, f"stopped by {reply.stop_reason} without {' and '.join(lacking)}"


async def give_up(attempt_id: AttemptId, *, reason: str) -> None:
    """End the attempt without an output; the chain takes over."""

    def write(tx: Tx) -> None:
        attempt = attempts.get(tx, attempt_id)
        leasing.require(tx, attempt.job_id)
        if attempt.ended or batches.is_under_way(tx, attempt_id):
            raise UnderWay(f"Job {attempt.job_id}: its request turned up after all; it is not given up.")
        attempts.finish(tx, attempt_id, AttemptStatus.FAILED, reason=reason, now=runtime.now())

    await saved(write)
