"""Batches: submissions to the Message Batches API, written down before they are paid for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, insert, or_, select, update

from storage import ids
from storage.engine import Tx
from storage.tables import attempts, batches, calls, jobs
from throughline.domain.job import AttemptId, AttemptStatus, BatchId, CallId, Kind
from throughline.domain.ledger import OPEN_BATCH, OPEN_CALL, BatchState, IllegalMove, batch_sources, is_past

_TIMES = {
    BatchState.SUBMITTED: batches.c.submitted_at,
    BatchState.ENDED: batches.c.ended_at,
    BatchState.INGESTED: batches.c.ingested_at,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One submission as the ledger has it."""

    id: BatchId
    state: BatchState
    remote_id: str | None
    host: str
    key_fingerprint: str
    simulated: bool
    request_count: int
    intended_at: datetime
    post_until: datetime | None
    looked_at: datetime | None


def intend(tx: Tx, *, host: str, key_fingerprint: str, request_count: int, simulated: bool, now: datetime) -> BatchId:
    """Commit to a submission before its POST."""
    batch_id = BatchId(ids.new_id())
    tx.execute(
        insert(batches).values(
            id=batch_id,
            state=BatchState.INTENDED,
            host=host,
            key_fingerprint=key_fingerprint,
            request_count=request_count,
            simulated=simulated,
            intended_at=now,
        )
    )
    return batch_id


def move(
    tx: Tx,
    batch_id: BatchId,
    target: BatchState,
    *,
    now: datetime,
    remote_id: str | None = None,
    note: str | None = None,
) -> None:
    """Take the batch to its next state; to be there or further is fine, any other way raises `IllegalMove`."""
    values: dict[str, Any] = {"state": target}
    if target in _TIMES:
        values[_TIMES[target].name] = now
    if remote_id is not None:
        values["remote_id"] = remote_id
    if note is not None:
        values["note"] = note
    moved = tx.execute(
        update(batches).where(batches.c.id == batch_id, batches.c.state.in_(batch_sources(target))).values(**values)
    )
    if moved.rowcount == 0:
        found = get(tx, batch_id)
        there = found.state is target or is_past(found.state, target)
        if not there or remote_id not in (None, found.remote_id):
            raise IllegalMove(f"Batch {batch_id} ({found.remote_id}) cannot go from {found.state} to {target}.")


def require_intended(tx: Tx, batch_id: BatchId) -> None:
    """Keep the batch as it is until the transaction ends; `IllegalMove` unless it is still to be posted."""
    state = tx.execute(select(batches.c.state).where(batches.c.id == batch_id).with_for_update()).scalar_one()
    if state != BatchState.INTENDED:
        raise IllegalMove(f"Batch {batch_id} was settled as {state} by another process; nothing is added to it.")


def let_post(tx: Tx, batch_id: BatchId, *, until: datetime) -> bool:
    """Whether its POST may leave, until that moment. Not once another process has settled what became of it."""
    mine = (batches.c.id == batch_id) & (batches.c.state == BatchState.INTENDED)
    return tx.execute(update(batches).where(mine).values(post_until=until)).rowcount == 1


def none_on_its_way(tx: Tx, batch_id: BatchId) -> None:
    """The API refused the POST, so that nothing was accepted, and nothing more is sent for now."""
    tx.execute(update(batches).where(batches.c.id == batch_id).values(post_until=None))


def in_doubt(tx: Tx, batch_id: BatchId, *, note: str, now: datetime) -> None:
    """The POST was sent and no id came back. Its sender is done with it, so none leaves after this moment."""
    move(tx, batch_id, BatchState.UNKNOWN, note=note, now=now)
    found = (batches.c.id == batch_id) & (batches.c.state == BatchState.UNKNOWN)
    tx.execute(update(batches).where(found).values(post_until=now))


def give_up(tx: Tx, batch: Batch, *, looked_at: datetime, note: str) -> bool:
    """Put down that the batch was never accepted, unless its POST was let go since it was read, or it was found."""
    values = {"state": BatchState.ABANDONED, "looked_at": looked_at, "note": note}
    return tx.execute(update(batches).where(_as_it_was_read(batch)).values(values)).rowcount == 1


def expire(tx: Tx, batch: Batch, *, note: str, now: datetime) -> bool:
    """Put down that the batch may have been answered and that nobody can read it any more; unless, as above."""
    values = {"state": BatchState.SUBMITTED, "submitted_at": now, "note": note}
    if tx.execute(update(batches).where(_as_it_was_read(batch)).values(values)).rowcount == 0:
        return False
    move(tx, batch.id, BatchState.ENDED, now=now)
    move(tx, batch.id, BatchState.INGESTED, now=now)
    return True


def _as_it_was_read(batch: Batch) -> ColumnElement[bool]:
    """The batch if it is still in doubt and nobody let it be posted meanwhile."""
    unchanged = batches.c.post_until == batch.post_until if batch.post_until else batches.c.post_until.is_(None)
    undecided = batches.c.state.in_((BatchState.INTENDED, BatchState.UNKNOWN))
    return (batches.c.id == batch.id) & undecided & unchanged


def given_up(tx: Tx, *, since: datetime, host: str, key_fingerprint: str, simulated: bool) -> list[Batch]:
    """Batches that were posted after `since` with this key and given up because no look found them."""
    mine = (batches.c.host == host) & batches.c.key_fingerprint.in_(("", key_fingerprint))
    query = select(batches).where(
        batches.c.state == BatchState.ABANDONED, batches.c.post_until > since, mine, batches.c.simulated == simulated
    )
    return [_batch(row) for row in tx.execute(query.order_by(batches.c.id))]


def looked_in_vain(tx: Tx, batch_id: BatchId, *, at: datetime) -> None:
    """The batch was given up and looked for once more; it was still not there."""
    gone = (batches.c.id == batch_id) & (batches.c.state == BatchState.ABANDONED)
    tx.execute(update(batches).where(gone).values(looked_at=at))


def set_request_count(tx: Tx, batch_id: BatchId, request_count: int) -> None:
    """How many requests the batch has after all: the API is asked for a batch of exactly that many."""
    tx.execute(update(batches).where(batches.c.id == batch_id).values(request_count=request_count))


def get(tx: Tx, batch_id: BatchId) -> Batch:
    """The batch of that id; `LookupError` if there is none."""
    row = (tx.execute(select(batches).where(batches.c.id == batch_id))).one_or_none()
    if row is None:
        raise LookupError(batch_id)
    return _batch(row)


def latest_of(tx: Tx, attempt_id: AttemptId) -> Batch | None:
    """The newest batch that holds a request of this attempt; one that may still bring an answer comes first."""
    query = (
        select(batches)
        .join(calls, calls.c.batch_id == batches.c.id)
        .where(calls.c.attempt_id == attempt_id)
        .order_by(batches.c.state.in_(OPEN_BATCH).desc(), batches.c.id.desc())
        .limit(1)
    )
    row = (tx.execute(query)).one_or_none()
    return None if row is None else _batch(row)


def in_vain(tx: Tx, attempt_id: AttemptId) -> tuple[int, ...]:
    """The attempt's batches that were posted, looked for and never found: how many requests each had, in order."""
    query = (
        select(batches.c.request_count)
        .join(calls, calls.c.batch_id == batches.c.id)
        .where(
            calls.c.attempt_id == attempt_id,
            batches.c.state == BatchState.ABANDONED,
            batches.c.post_until.is_not(None),  # a refusal leaves none
        )
        .order_by(batches.c.id)
    )
    return tuple(tx.execute(query).scalars())


def is_under_way(tx: Tx, attempt_id: AttemptId) -> bool:
    """Whether a request of the attempt may still be answered: an open call in an open batch."""
    query = select(calls.c.id).join(batches, batches.c.id == calls.c.batch_id)
    still = (calls.c.attempt_id == attempt_id) & calls.c.state.in_(OPEN_CALL) & batches.c.state.in_(OPEN_BATCH)
    return tx.execute(query.where(still).limit(1)).first() is not None


def is_under_way_elsewhere(tx: Tx, batch_id: BatchId) -> bool:
    """Whether an attempt with a request in this batch has ended, or another request of it may still be answered."""
    other = calls.alias("other")
    open_batch = batches.alias("open_batch")
    elsewhere = (
        exists()
        .where(other.c.attempt_id == calls.c.attempt_id, other.c.batch_id != batch_id, other.c.state.in_(OPEN_CALL))
        .where(open_batch.c.id == other.c.batch_id, open_batch.c.state.in_(OPEN_BATCH))
    )
    query = (
        select(calls.c.id)
        .join(attempts, attempts.c.id == calls.c.attempt_id)
        .where(calls.c.batch_id == batch_id, or_(attempts.c.status != AttemptStatus.RUNNING, elsewhere))
    )
    return tx.execute(query.limit(1)).first() is not None


def call_ids(tx: Tx, batch_id: BatchId) -> list[CallId]:
    """The batch's requests, as their custom ids."""
    rows = tx.execute(select(calls.c.id).where(calls.c.batch_id == batch_id).order_by(calls.c.id))
    return [CallId(call_id) for call_id in rows.scalars()]


def kinds(tx: Tx, batch_id: BatchId) -> dict[CallId, Kind]:
    """The kind of job that each of the batch's requests is for."""
    query = select(calls.c.id, jobs.c.kind).join(jobs, jobs.c.id == calls.c.job_id).where(calls.c.batch_id == batch_id)
    return {CallId(row.id): Kind(row.kind) for row in tx.execute(query)}


def owned_remote_ids(tx: Tx) -> frozenset[str]:
    """Every remote batch that a row already owns."""
    rows = tx.execute(select(batches.c.remote_id).where(batches.c.remote_id.is_not(None)))
    return frozenset(remote_id for remote_id in rows.scalars() if remote_id)


def _batch(row: Row[Any]) -> Batch:  # Any: a row's columns are known to the table only
    return Batch(
        id=BatchId(row.id),
        state=BatchState(row.state),
        remote_id=row.remote_id,
        host=row.host,
        key_fingerprint=row.key_fingerprint,
        simulated=row.simulated,
        request_count=row.request_count,
        intended_at=row.intended_at,
        post_until=row.post_until,
        looked_at=row.looked_at,
    )


def waited_s(tx: Tx, attempt_id: AttemptId) -> float:
    """Seconds in which the attempt's batches were on their way; 0 for one that used none."""
    mine = select(calls.c.batch_id).where(calls.c.attempt_id == attempt_id)
    query = select(batches.c.submitted_at, batches.c.ended_at).where(batches.c.id.in_(mine))
    return sum(
        (row.ended_at - row.submitted_at).total_seconds()
        for row in tx.execute(query)
        if row.ended_at is not None and row.submitted_at is not None
    )
