"""The chunked chain: send the links that are still missing until the outline is written.

What to send is decided by `throughline.domain.chain` from the ledger's rows. Every finished link is a row
before a later one starts, so a chain that dies goes on from there and pays only for the rest.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from storage import attempts, calls, jobs
from storage.attempts import Attempt
from storage.calls import Call, Settled
from storage.engine import Tx
from tasks import context, leasing, links, runtime
from tasks.context import JobContext
from tasks.saving import read, saved, saved_beside, try_saved
from tasks.step import step
from throughline.domain.ask import Ask, Reply, StopReason
from throughline.domain.chain import ChainState, Finished, Link, PastLink, Stuck, next_links
from throughline.domain.job import AttemptId, AttemptStatus, CallId, JobId, JobStatus, Path, Role
from throughline.domain.ledger import CallState
from throughline.domain.losses import PaidLink, lost_too_often
from throughline.domain.outline import Outline
from throughline.domain.output import Closing, Unit
from throughline.domain.settlement import TOO_LATE, Settlement, Wanted, settle, settle_late, settle_partial
from throughline.errors import Ambiguous, BudgetExceeded, ThroughlineError
from throughline.failpoints import Failpoint, reach

logger = logging.getLogger(__name__)
Rewrites = Mapping[str, tuple[str, ...]]
_LOST_LINKS = 3  # broken answers that one run of a chain pays for before it stops


@dataclass(slots=True, kw_only=True)
class _Chain:
    """One run of a chain: what is fixed, and what the ledger has so far."""

    context: JobContext
    attempt: Attempt
    outline: Outline | None
    units: dict[str, Unit]
    closing: Closing | None
    past: list[PastLink]
    lost: int = 0
    stopped: bool = False
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))

    @property
    def state(self) -> ChainState:
        return ChainState(
            outline=self.outline,
            written=frozenset(self.units),
            closing_written=self.closing is not None,
            past=tuple(self.past),
            rewrites=self.attempt.rewrites,
        )


@step
async def run_chain(
    job_id: JobId, role: Role, continues: AttemptId | None = None, rewrites: Rewrites | None = None
) -> Attempt:
    """Run, or go on with, the job's chain of that role.

    `continues` names the attempt whose output it completes, or of which it writes the parts in `rewrites` anew.
    """
    chain = await _open(job_id, role, continues, rewrites)
    limits = chain.context.plan.part_limits
    while not chain.attempt.ended:
        match next_links(chain.state, limits):
            case Finished():
                if not await _finish(chain, AttemptStatus.COMPLETE):
                    chain = await _read_again(chain)
            case Stuck(reason=reason):
                await _finish(chain, AttemptStatus.SHORT, reason)
            case due:
                await _send_all(chain, due)
    return chain.attempt


async def _open(job_id: JobId, role: Role, continues: AttemptId | None, rewrites: Rewrites | None) -> _Chain:
    job = await context.load(job_id)
    too_often: list[str] = []  # kept over the tries: after a commit that was not confirmed, no loss is new

    def write(tx: Tx) -> _Chain:
        leasing.require(tx, job_id)
        attempt = _begin(tx, job_id, role, continues, rewrites)
        lost = calls.lose(tx, attempt.id)
        sent = calls.of_attempt(tx, attempt.id)
        reason = _lost_too_often([call for call in sent if call.id in lost], sent)
        if reason is not None:  # together with the losses: whoever finds them old goes on, being a person
            too_often.append(reason)
            jobs.set_status(tx, job_id, JobStatus.FAILED, reason=reason, now=runtime.now())
        return _as_written(tx, job, attempt, sent)

    chain = await saved(write)
    if too_often:
        raise Ambiguous(too_often[0])
    reach(Failpoint.ATTEMPT_BEGUN)
    return chain


def _lost_too_often(lost: Sequence[Call], sent: Sequence[Call]) -> str | None:
    """Why one of these lost links is not sent again without a person. One that was refused cost nothing."""
    if not lost:
        return None
    paid = [
        PaidLink(
            link=call.link,
            lost=call.state is CallState.LOST,
            delivered=call.delivered,
            at_most_usd=call.reserved_usd,
        )
        for call in sent
        if call.state is CallState.LOST or call.outcome == "answered"
    ]
    return next((reason for call in lost if (reason := lost_too_often(call.link, paid)) is not None), None)


def _begin(tx: Tx, job_id: JobId, role: Role, continues: AttemptId | None, rewrites: Rewrites | None) -> Attempt:
    outline = jobs.outline(tx, job_id) if continues is None else attempts.get(tx, continues).outline
    return attempts.begin(
        tx,
        job_id=job_id,
        path=Path.CHUNKED,
        role=role,
        outline=outline,
        continues=continues if outline else None,
        rewrites=rewrites,
        now=runtime.now(),
    )


async def _read_again(chain: _Chain) -> _Chain:
    """The chain as the ledger has it by now: units that it took over may have been taken back."""

    def look(tx: Tx) -> _Chain:
        attempt = attempts.get(tx, chain.attempt.id)
        return _as_written(tx, chain.context, attempt, calls.of_attempt(tx, attempt.id))

    return replace(await read(look), lost=chain.lost)


def _as_written(tx: Tx, job: JobContext, attempt: Attempt, sent: Sequence[Call]) -> _Chain:
    """The chain as the ledger has it; `sent` are its calls."""
    new = not sent and attempt.continues_attempt_id is None
    return _Chain(
        context=job,
        attempt=attempt,
        outline=attempt.outline,
        units={} if new else attempts.written_units(tx, attempt, job.job.spec.kind),
        closing=None if new else attempts.closing(tx, attempt, job.job.spec.kind),
        past=[_past(call) for call in sent if call.outcome == "answered" and TOO_LATE not in call.errors],
        gate=asyncio.Semaphore(runtime.current().settings.chain_concurrency),
    )


def _past(call: Call) -> PastLink:
    truncated = call.stop_reason is not None and StopReason(call.stop_reason).truncated
    return PastLink(link=call.link, delivered=call.delivered, truncated=truncated, errors=call.errors)


async def _finish(chain: _Chain, status: AttemptStatus, reason: str | None = None) -> bool:
    """End the attempt; False where it is not complete after all, because a refusal came late: see `_take_back`."""
    now = runtime.now()

    def write(tx: Tx) -> bool:
        leasing.require(tx, chain.context.job.id)
        if status is AttemptStatus.COMPLETE and not attempts.is_whole(
            tx, replace(chain.attempt, outline=chain.outline)
        ):
            return False
        attempts.finish(tx, chain.attempt.id, status, reason=reason, now=now)
        return True

    reach(Failpoint.CHAIN_BEFORE_FINISH)
    if not await saved(write):
        return False
    chain.attempt = replace(chain.attempt, status=status, reason=reason, finished_at=now)
    reach(Failpoint.ATTEMPT_FINISHED)
    return True


async def _send_all(chain: _Chain, due: Sequence[Link]) -> None:
    """Send independent links side by side. One that fails does not waste its neighbours' paid answers."""
    results = await asyncio.gather(*(_gated(chain, link) for link in due), return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    # Reservations are worst cases: what did not fit beside its neighbours may fit once they are settled.
    fatal = [error for error in failures if not isinstance(error, BudgetExceeded)]
    if fatal:
        raise fatal[0]
    if failures and len(failures) == len(results):
        raise failures[0]


async def _gated(chain: _Chain, link: Link) -> None:
    """Send one link when its turn comes, unless one before it has shown that there is no use."""
    async with chain.gate:
        if chain.stopped:
            return
        try:
            await _send(chain, link)
        except BudgetExceeded:
            raise  # one that asks for less may still fit
        except ThroughlineError:
            chain.stopped = True
            raise


async def _send(chain: _Chain, link: Link) -> None:
    """One link: reserve its money, ask, settle the answer."""
    rt = runtime.current()
    job = chain.context
    ask = links.compose(job, chain.outline, link, chain.units)
    # Before the transaction, which must be short: this may run a tokenizer over a whole corpus.
    counted = await asyncio.to_thread(job.counted_tokens, ask) if job.is_limited() else None
    reach(Failpoint.LINK_BEFORE_INTENT)

    intended: list[CallId] = []

    def intend(tx: Tx) -> tuple[CallId, Ask, datetime]:
        leasing.require(tx, job.job.id)
        calls.take_back(tx, intended)
        budget = replace(job.budget(), job_usd=jobs.budget_usd(tx, job.job.id))  # it may have changed since the start
        left = calls.remaining(tx, job.job.id, budget, simulated=rt.simulated)
        prompt_tokens = job.counted_tokens(ask) if left is not None and counted is None else counted
        affordable = job.within(ask, left, batch=False, prompt_tokens=prompt_tokens)
        now = runtime.now()
        call_id = calls.intend(
            tx,
            job_id=job.job.id,
            attempt_id=chain.attempt.id,
            link=link,
            ask=affordable,
            reserved_usd=job.worst_usd(affordable, batch=False, prompt_tokens=prompt_tokens),
            state=CallState.SENT,
            simulated=rt.simulated,
            now=now,
        )
        intended.append(call_id)
        return call_id, affordable, now

    looked_at = time.monotonic()
    # Without the answer's own, durable commit this row is worth nothing: the answer would be lost as well.
    call_id, affordable, intended_at = await saved(intend, durable=False)
    reach(Failpoint.LINK_AFTER_INTENT)
    arriving = _Arriving(chain=chain, call_id=call_id, wanted=_wanted(chain.outline, link), looked_at=looked_at)
    try:
        reply = await rt.claude.stream(affordable, before=arriving.begin, arrived=arriving.add)
    except Ambiguous as error:
        await arriving.save()
        await _lose(chain, call_id, error)
    except asyncio.CancelledError:
        await arriving.save(try_saved)  # whoever goes on asks only for the rest
        raise
    except ThroughlineError as error:
        said = str(error)
        await saved(lambda tx: calls.record_unanswered(tx, call_id, outcome="refused", error=said, now=runtime.now()))
        raise
    else:
        await _record(chain, call_id, link, reply, intended_at)


@dataclass(slots=True, kw_only=True)
class _Arriving:
    """A streamed answer on its way: its complete units are saved every few seconds, so that a death keeps them."""

    chain: _Chain
    call_id: CallId
    wanted: Wanted
    looked_at: float
    text: list[str] = field(default_factory=list[str])
    saved_at: float = field(default_factory=time.monotonic)
    tries: int = 0

    async def begin(self) -> None:
        """Ahead of each try: a worker that lost the job while it waited, or was held up, must not ask any more."""
        self.tries += 1
        look = self.tries > 1
        while look or time.monotonic() - self.looked_at > runtime.current().settings.lease_s / 4:
            look = False
            self.looked_at = time.monotonic()
            await saved(lambda tx: leasing.require(tx, self.chain.context.job.id))

    async def add(self, text: str) -> None:
        """Take a piece of text."""
        self.text.append(text)
        if time.monotonic() - self.saved_at >= runtime.current().settings.partial_save_s:
            await self.save(try_saved)  # a database that is away must not hold up the stream
            self.saved_at = time.monotonic()

    async def save(self, save: Callable[[Callable[[Tx], bool]], Awaitable[bool | None]] = saved) -> None:
        """Save the units that are complete by now."""
        chain = self.chain
        units = settle_partial("".join(self.text), chain.context.job.spec.kind, self.wanted)
        fresh = [unit for unit in units if unit.unit_id not in chain.units]
        if not fresh:
            return

        def write(tx: Tx) -> bool:
            if _is_too_late(tx, chain):
                return False
            calls.mark_received(tx, self.call_id)
            attempts.save_units(tx, chain.attempt.id, self.call_id, fresh)
            return True

        if await save(write):
            reach(Failpoint.LINK_PARTLY_SAVED)
            chain.units |= {unit.unit_id: unit for unit in fresh}


async def _lose(chain: _Chain, call_id: CallId, error: Ambiguous) -> None:
    """The answer broke off: paid perhaps, never knowable. Its reservation stays counted."""
    said = str(error)

    def write(tx: Tx) -> str | None:
        calls.lose_one(tx, call_id, said)
        sent = calls.of_attempt(tx, chain.attempt.id)
        return _lost_too_often([call for call in sent if call.id == call_id], sent)

    reason = await saved(write)
    chain.lost += 1
    logger.warning("answer lost call_id=%s reason=%s", call_id, error)
    if reason is not None:
        raise Ambiguous(f"{said} {reason}") from error
    if chain.lost >= _LOST_LINKS:
        raise error


async def _record(chain: _Chain, call_id: CallId, link: Link, reply: Reply, intended_at: datetime) -> None:
    settlement = settle(reply, chain.context.job.spec.kind, _wanted(chain.outline, link))
    fresh = [unit for unit in settlement.units if unit.unit_id not in chain.units]
    cost = context.cost_of(chain.context.model.id, reply, batch=False, at=intended_at)
    refused = reply.stop_reason is StopReason.REFUSAL

    def write(tx: Tx) -> None:
        late = _is_too_late(tx, chain)
        counts = settle_late(reply, settlement, attempts.saved_by(tx, call_id)) if late else settlement
        if not calls.record(tx, call_id, reply=reply, cost=cost, settled=_settled(counts), now=runtime.now()):
            return
        if refused and late:
            _take_back(tx, chain, call_id)
        if late:
            return
        if refused:
            attempts.drop_units(tx, call_id)
        attempts.save_units(tx, chain.attempt.id, call_id, fresh, settlement.places)
        if chain.outline is None and settlement.outline is not None:
            attempts.save_outline(tx, chain.attempt.id, settlement.outline)
        if settlement.closing is not None:
            attempts.save_closing(tx, chain.attempt.id, settlement.closing)

    await saved_beside(write)
    reach(Failpoint.LINK_AFTER_RECORD)
    logger.info(
        "link answered kind=%s units=%d of %d output_tokens=%d cost_usd=%s stop=%s",
        link.kind,
        len(fresh),
        len(link.unit_ids),
        reply.usage.output_tokens,
        "unknown" if cost is None else f"{cost.usd:.4f}",
        reply.stop_reason,
    )
    if refused:
        chain.units = {unit_id: unit for unit_id, unit in chain.units.items() if unit_id not in link.unit_ids}
    chain.outline = chain.outline or settlement.outline
    chain.closing = settlement.closing or chain.closing
    chain.units |= {unit.unit_id: unit for unit in fresh}
    chain.past.append(
        PastLink(
            link=link,
            delivered=frozenset(settlement.delivered),
            truncated=reply.stop_reason.truncated,
            errors=settlement.errors,
        )
    )


def _is_too_late(tx: Tx, chain: _Chain) -> bool:
    """Whether this worker was held up past its lease and somebody else has gone on with the attempt.

    What it brings is then paid and recorded, but must not stand beside what the other asks for, or in its place.
    The answer of a job that was only cancelled is kept for the day on which it is taken up again.
    """
    held = leasing.hold(tx, chain.context.job.id)
    if held is not leasing.Hold.NOBODYS:
        return held is leasing.Hold.ANOTHERS
    attempt = attempts.get(tx, chain.attempt.id)
    return attempt.ended or (chain.outline is None and attempt.outline is not None)


def _take_back(tx: Tx, chain: _Chain, call_id: CallId) -> None:
    """Partial text of a refusal is never used, though somebody went on from it before the refusal came.

    A chain that is at work on it finds its units missing at its end, and has them written. Where the attempt has ended,
    `conclude` finds them missing, and a person is asked. Only what was published before stays as people have read it.
    """
    brought = attempts.saved_by(tx, call_id)
    job = jobs.get(tx, chain.context.job.id)
    told = f"The model refused an answer in the end, after this was taken from it: {', '.join(sorted(brought))}."
    if brought and job.status is JobStatus.DONE:
        jobs.say(tx, job.id, f"{told} Read it before you rely on it.")
        return
    attempts.drop_units(tx, call_id)
    if brought and job.status.asks:
        jobs.say(tx, job.id, f"{told} It is taken back.")


def _wanted(outline: Outline | None, link: Link) -> Wanted:
    return Wanted(outline=outline, unit_ids=frozenset(link.unit_ids), closing=link.with_closing)


def _settled(settlement: Settlement) -> Settled:
    return Settled(
        delivered=settlement.delivered,
        errors=settlement.errors,
        wasted_tokens=settlement.wasted_tokens,
    )
