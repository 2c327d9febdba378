"""Batches: submissions to the Message Batches API, written down before they are paid for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from storage import ids
from storage.engine import Tx
from storage.tables import batches, calls
from throughline.domain.job import AttemptId, BatchId, CallId
from throughline.domain.ledger import BatchState, IllegalMove, batch_sources, is_past

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
    """The newest batch that holds a request of this attempt."""
    query = (
        select(batches)
        .join(calls, calls.c.batch_id == batches.c.id)
        .where(calls.c.attempt_id == attempt_id)
        .order_by(batches.c.id.desc())
        .limit(1)
    )
    row = (tx.execute(query)).one_or_none()
    return None if row is None else _batch(row)


def call_ids(tx: Tx, batch_id: BatchId) -> list[CallId]:
    """The batch's requests, as their custom ids."""
    rows = tx.execute(select(calls.c.id).where(calls.c.batch_id == batch_id).order_by(calls.c.id))
    return [CallId(call_id) for call_id in rows.scalars()]


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
    )
