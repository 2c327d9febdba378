"""Calls: paid requests, from the intent that reserves their money to the answer that settles it.

A call that may be sent has reserved the most it can cost. Spent money is what recorded calls cost, plus
what the open and lost ones have reserved; a budget is checked against that sum in the same transaction
that makes the reservation, so jobs side by side cannot overspend together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Row, bindparam, case, delete, func, insert, or_, select, text, update

from storage import ids
from storage.engine import Tx
from storage.tables import calls, jobs, units
from throughline.domain.ask import Ask, Reply
from throughline.domain.chain import Link
from throughline.domain.job import AttemptId, BatchId, CallId, JobId
from throughline.domain.ledger import OPEN_CALL, CallState, IllegalMove, call_sources
from throughline.domain.pricing import Price

_LINK = TypeAdapter(Link)
_BUDGET_LOCK = 7_266_143  # any constant: one advisory lock for the day's budget on PostgreSQL

_RECORDABLE = or_(*(calls.c.state == state for state in call_sources(CallState.RECORDED)))  # cheaper to run than IN
_GET = select(calls).where(calls.c.id == bindparam("call"))
_INTEND = insert(calls)
_SETTLE = update(calls).where(calls.c.id == bindparam("call"), _RECORDABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent: by this job, and since `day_start` by all real jobs."""

    job_usd: Decimal | None
    day_usd: Decimal | None
    day_start: datetime


class Left(NamedTuple):
    """What may still be reserved; `of_day` where it is the day's budget that leaves no more."""

    usd: Decimal
    of_day: bool = False


@dataclass(slots=True)
class Today:
    """The day's spending, for many reservations in one transaction: summed at the first, carried on from there.

    The lock that comes with the sum lasts as long as the transaction, so nobody else reserves meanwhile.
    """

    spent_usd: Decimal | None = None

    def add(self, reserved_usd: Decimal) -> None:
        """One more reservation of this transaction."""
        if self.spent_usd is not None:
            self.spent_usd += reserved_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One paid request as the ledger has it."""

    id: CallId
    attempt_id: AttemptId
    batch_id: BatchId | None
    link: Link
    model: str
    state: CallState
    outcome: str | None
    stop_reason: str | None
    delivered: frozenset[str]
    errors: tuple[str, ...]
    reserved_usd: Decimal
    intended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a call's answer was worth: the units it delivered and the tokens that nobody can use."""

    delivered: Sequence[str]
    errors: Sequence[str]
    wasted_tokens: int


def intend(
    tx: Tx,
    *,
    job_id: JobId,
    attempt_id: AttemptId,
    link: Link,
    ask: Ask,
    reserved_usd: Decimal,
    state: CallState,
    simulated: bool,
    now: datetime,
    batch_id: BatchId | None = None,
) -> CallId:
    """Commit to one request before it leaves, reserving the most that it can cost."""
    call_id = CallId(ids.new_id())
    row = {
        "id": call_id,
        "job_id": job_id,
        "attempt_id": attempt_id,
        "batch_id": batch_id,
        "link": _LINK.dump_python(link, mode="json"),
        "state": state,
        "fingerprint": ask.fingerprint,
        "model": ask.model,
        "max_tokens": ask.max_tokens,
        "reserved_usd": reserved_usd,
        "simulated": simulated,
        "intended_at": now,
    }
    tx.execute(_INTEND, row)
    return call_id


def take_back(tx: Tx, intended: list[CallId]) -> None:
    """Forget intents that this work made before, in a transaction whose commit was not confirmed and may have taken
    place: it is done again, and nothing of them was sent. They stay named: this transaction may fail as well."""
    if intended:
        tx.execute(delete(calls).where(calls.c.id.in_(intended)))


def remaining(tx: Tx, job_id: JobId, budget: Budget, *, simulated: bool, today: Today | None = None) -> Left | None:
    """What may still be reserved, under a lock until the transaction ends; None without any budget."""
    left: list[Left] = []
    if budget.job_usd is not None:
        _lock(tx, job_id)
        left.append(Left(budget.job_usd - spent_usd(tx, calls.c.job_id == job_id)))
    if budget.day_usd is not None:
        today = today or Today()
        if today.spent_usd is None:
            _lock(tx, None)
            since = (calls.c.intended_at >= budget.day_start) & (calls.c.simulated == simulated)
            today.spent_usd = spent_usd(tx, since)
        left.append(Left(budget.day_usd - today.spent_usd, of_day=True))
    return min(left, default=None)


def reserved_usd(tx: Tx, since: datetime, *, simulated: bool) -> Decimal:
    """What the calls of that time that are still to be answered have reserved."""
    open_ones = calls.c.state.in_(OPEN_CALL) & (calls.c.intended_at >= since) & (calls.c.simulated == simulated)
    total = select(func.coalesce(func.sum(calls.c.reserved_usd, type_=calls.c.reserved_usd.type), 0)).where(open_ones)
    return Decimal(tx.execute(total).scalar_one() or 0)


def spent_usd(tx: Tx, which: ColumnElement[bool]) -> Decimal:
    """Known costs, and the reservations of calls whose cost is not known (yet)."""
    settled = calls.c.cost_usd.is_not(None) | (calls.c.state == CallState.ABANDONED)
    amount = case((settled, func.coalesce(calls.c.cost_usd, 0)), else_=calls.c.reserved_usd)
    total = select(func.coalesce(func.sum(amount, type_=calls.c.cost_usd.type), 0)).where(which)
    return Decimal((tx.execute(total)).scalar_one() or 0)


def _lock(tx: Tx, job_id: JobId | None) -> None:
    """Make budget checks queue up. SQLite's writing transactions already exclude each other."""
    if tx.dialect.name != "postgresql":
        return
    if job_id is None:
        tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _BUDGET_LOCK})
    else:
        tx.execute(select(jobs.c.id).where(jobs.c.id == job_id).with_for_update())


def record(tx: Tx, call_id: CallId, *, reply: Reply, cost: Price | None, settled: Settled, now: datetime) -> bool:
    """Settle a call with its answer. False when it was settled before: the same result may come twice."""
    usage = reply.usage
    reserved = None
    if cost is None:
        reserved = tx.execute(select(calls.c.reserved_usd).where(calls.c.id == call_id)).scalar_one()
    values = {
        "call": call_id,
        "state": CallState.RECORDED,
        "outcome": "answered",
        "received_at": now,
        "stop_reason": reply.stop_reason,
        "request_id": reply.request_id,
        "response_text": reply.text,
        "usage": reply.raw_usage,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "thinking_tokens": usage.thinking_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "wasted_tokens": settled.wasted_tokens,
        "cost_usd": reserved if cost is None else cost.usd,
        "price_row": "usage unreadable: the reservation counts" if cost is None else cost.row,
        "delivered": list(settled.delivered),
        "errors": list(settled.errors),
    }
    moved = tx.execute(_SETTLE, values)
    if moved.rowcount == 0:
        _must_be(tx, call_id, CallState.RECORDED)
    return moved.rowcount == 1


def record_unanswered(tx: Tx, call_id: CallId, *, outcome: str, error: str, now: datetime) -> None:
    """A call that brought no message and cost nothing: refused, errored, expired or canceled."""
    moved = tx.execute(
        update(calls)
        .where(calls.c.id == call_id, calls.c.state.in_(call_sources(CallState.RECORDED)))
        .values(
            state=CallState.RECORDED,
            outcome=outcome,
            received_at=now,
            cost_usd=Decimal(0),
            wasted_tokens=0,
            delivered=[],
            errors=[error],
        )
    )
    if moved.rowcount == 0:
        _must_be(tx, call_id, CallState.RECORDED)


def mark_received(tx: Tx, call_id: CallId) -> None:
    """The first complete units of a streamed answer are saved; the rest is still to come."""
    receivable = calls.c.state.in_(call_sources(CallState.RECEIVED))
    tx.execute(update(calls).where(calls.c.id == call_id, receivable).values(state=CallState.RECEIVED))


def lose(tx: Tx, attempt_id: AttemptId) -> list[CallId]:
    """Mark the attempt's open calls outside a batch as lost: their process died before the whole answer came."""
    open_ones = select(calls.c.id).where(
        calls.c.attempt_id == attempt_id,
        calls.c.batch_id.is_(None),
        calls.c.state.in_(call_sources(CallState.LOST)),
    )
    lost = [CallId(call_id) for call_id in tx.execute(open_ones).scalars()]
    for call_id in lost:
        lose_one(tx, call_id, "the answer never arrived as a whole")
    return lost


def lose_one(tx: Tx, call_id: CallId, error: str) -> None:
    """Mark one open call as lost: its answer broke off and its cost was not told. Saved units stay delivered."""
    saved = list(tx.execute(select(units.c.unit_id).where(units.c.call_id == call_id).order_by(units.c.id)).scalars())
    tx.execute(
        update(calls)
        .where(calls.c.id == call_id, calls.c.state.in_(call_sources(CallState.LOST)))
        .values(state=CallState.LOST, errors=[error], delivered=saved)
    )


def lose_rest(tx: Tx, batch_id: BatchId) -> None:
    """Mark what the batch's results did not mention as lost: paid perhaps, never knowable."""
    tx.execute(
        update(calls)
        .where(calls.c.batch_id == batch_id, calls.c.state.in_(call_sources(CallState.LOST)))
        .values(state=CallState.LOST, errors=["the results do not mention this request"], delivered=[])
    )


def mark_sent(tx: Tx, batch_id: BatchId) -> None:
    """The batch is submitted, so its requests are on their way."""
    _move_batch(tx, batch_id, CallState.SENT)


def abandon(tx: Tx, batch_id: BatchId) -> None:
    """The batch was never accepted, so its requests cost nothing."""
    _move_batch(tx, batch_id, CallState.ABANDONED)


def _move_batch(tx: Tx, batch_id: BatchId, target: CallState) -> None:
    tx.execute(
        update(calls).where(calls.c.batch_id == batch_id, calls.c.state.in_(call_sources(target))).values(state=target)
    )


def of_attempt(tx: Tx, attempt_id: AttemptId) -> list[Call]:
    """The attempt's calls in the order in which they were intended."""
    rows = tx.execute(select(calls).where(calls.c.attempt_id == attempt_id).order_by(calls.c.id))
    return [_call(row) for row in rows]


def get(tx: Tx, call_id: CallId) -> Call | None:
    """The call of that id, if it is ours."""
    row = tx.execute(_GET, {"call": call_id}).one_or_none()
    return None if row is None else _call(row)


def _must_be(tx: Tx, call_id: CallId, state: CallState) -> None:
    found = (tx.execute(select(calls.c.state).where(calls.c.id == call_id))).scalar_one_or_none()
    if found != state:
        raise IllegalMove(f"Call {call_id} cannot go from {found} to {state}.")


def _call(row: Row[Any]) -> Call:  # Any: a row's columns are known to the table only
    return Call(
        id=CallId(row.id),
        attempt_id=AttemptId(row.attempt_id),
        batch_id=row.batch_id,
        link=_LINK.validate_python(row.link),
        model=row.model,
        state=CallState(row.state),
        outcome=row.outcome,
        stop_reason=row.stop_reason,
        delivered=frozenset(row.delivered or ()),
        errors=tuple(row.errors or ()),
        reserved_usd=row.reserved_usd,
        intended_at=row.intended_at,
    )
