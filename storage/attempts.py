"""Attempts: one run of one path for one job, with the units it wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, false, or_, select, update

from storage import ids
from storage.engine import Tx, insert_new, inserted
from storage.tables import attempts, calls, units
from throughline.domain import outline as outlines
from throughline.domain import policy
from throughline.domain.job import AttemptId, AttemptStatus, CallId, JobId, Kind, Path, Role
from throughline.domain.ledger import ATTEMPT_MOVES, IllegalMove, sources
from throughline.domain.outline import Outline
from throughline.domain.output import SHAPES, Closing, Unit
from throughline.domain.policy import CLOSING, Verdict
from throughline.domain.salvage import Place, read_unit

_GET = select(attempts).where(attempts.c.id == bindparam("attempt"))
_FINISH = {
    status: update(attempts).where(
        attempts.c.id == bindparam("attempt"),
        or_(false(), *(attempts.c.status == source for source in sources(ATTEMPT_MOVES, status))),  # cheaper than IN
    )
    for status in AttemptStatus
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt as the ledger has it."""

    id: AttemptId
    job_id: JobId
    path: Path
    role: Role
    status: AttemptStatus
    continues_attempt_id: AttemptId | None
    rewrites: Mapping[str, tuple[str, ...]]
    verdict: Verdict | None
    outline: Outline | None
    stop_reason: str | None
    reason: str | None
    started_at: datetime
    finished_at: datetime | None

    @property
    def ended(self) -> bool:
        """Whether this attempt asks for nothing more."""
        return self.status is not AttemptStatus.RUNNING


def begin(
    tx: Tx,
    *,
    job_id: JobId,
    path: Path,
    role: Role,
    outline: Outline | None,
    now: datetime,
    continues: AttemptId | None = None,
    rewrites: Mapping[str, Sequence[str]] | None = None,
) -> Attempt:
    """The job's attempt of that path and role: the existing one, or one begun now.

    It takes over what the attempt that it `continues` has written, but for the parts that it `rewrites`: each
    with what was wrong with it.
    """
    begun = Attempt(
        id=AttemptId(ids.new_id()),
        job_id=job_id,
        path=path,
        role=role,
        status=AttemptStatus.RUNNING,
        continues_attempt_id=continues,
        rewrites={} if rewrites is None else {part: tuple(errors) for part, errors in rewrites.items()},
        verdict=None,
        outline=outline,
        stop_reason=None,
        reason=None,
        started_at=now,
        finished_at=None,
    )
    row = {
        "id": begun.id,
        "job_id": job_id,
        "path": path,
        "role": role,
        "status": begun.status,
        "continues_attempt_id": continues,
        "rewrites": None if rewrites is None else {part: list(errors) for part, errors in rewrites.items()},
        "outline": None if outline is None else outlines.to_json(outline),
        "started_at": now,
    }
    if inserted(tx, attempts, row, key=["job_id", "path", "role"]):
        return begun
    found = select(attempts).where(attempts.c.job_id == job_id, attempts.c.path == path, attempts.c.role == role)
    return _attempt(tx.execute(found).one())


def get(tx: Tx, attempt_id: AttemptId) -> Attempt:
    """The attempt of that id; `LookupError` if there is none."""
    row = tx.execute(_GET, {"attempt": attempt_id}).one_or_none()
    if row is None:
        raise LookupError(attempt_id)
    return _attempt(row)


def of_job(tx: Tx, job_id: JobId) -> list[Attempt]:
    """The job's attempts in the order in which they began."""
    rows = tx.execute(select(attempts).where(attempts.c.job_id == job_id).order_by(attempts.c.id))
    return [_attempt(row) for row in rows]


def save_outline(tx: Tx, attempt_id: AttemptId, outline: Outline) -> None:
    """The outline that the model planned for this attempt."""
    data = outlines.to_json(outline)
    tx.execute(update(attempts).where(attempts.c.id == attempt_id).values(outline=data))


def save_units(
    tx: Tx, attempt_id: AttemptId, call_id: CallId, written: Sequence[Unit], places: Mapping[str, Place] | None = None
) -> None:
    """Complete units of one answer. One that the attempt has stays as it is: it may have been saved unseen, by a
    commit whose confirmation never came.

    With their `places` in the answer, which this transaction records, they are not written a second time.
    """
    rows = [
        {"attempt_id": attempt_id, "call_id": call_id, "unit_id": unit.unit_id}
        | _kept(unit, (places or {}).get(unit.unit_id))
        for unit in written
    ]
    if rows:
        insert_new(tx, units, rows, key=["attempt_id", "unit_id"])


def _kept(unit: Unit, place: Place | None) -> dict[str, Any]:  # Any: JSON
    if place is None:
        return {"start": None, "end": None, "content": unit.model_dump(mode="json")}
    return {"start": place.start, "end": place.end, "content": None}


def saved_by(tx: Tx, call_id: CallId) -> frozenset[str]:
    """The ids of the units that this call has brought so far."""
    return frozenset(tx.execute(select(units.c.unit_id).where(units.c.call_id == call_id)).scalars())


def drop_units(tx: Tx, call_id: CallId) -> None:
    """Take back the units of an answer that was refused after all: partial text of a refusal is never used."""
    tx.execute(delete(units).where(units.c.call_id == call_id))


def save_closing(tx: Tx, attempt_id: AttemptId, closing: Closing) -> None:
    """The closing of this attempt's output."""
    data = closing.model_dump(mode="json")
    tx.execute(update(attempts).where(attempts.c.id == attempt_id).values(closing=data))


def unit_ids(tx: Tx, attempt_id: AttemptId) -> frozenset[str]:
    """The ids of the units that this attempt itself wrote."""
    rows = tx.execute(select(units.c.unit_id).where(units.c.attempt_id == attempt_id))
    return frozenset(rows.scalars())


def is_whole(tx: Tx, attempt: Attempt) -> bool:
    """Whether every unit of the outline is there, without reading any: one may have been taken back since it was."""
    written: frozenset[str] = frozenset()
    for each in _lineage(tx, attempt):
        written = written.difference(each.rewrites) | unit_ids(tx, each.id)
    return attempt.outline is not None and written.issuperset(attempt.outline.unit_ids)


def written_units(tx: Tx, attempt: Attempt, kind: Kind) -> dict[str, Unit]:
    """The attempt's units by id, with those of the attempts that it continues and does not rewrite."""
    written: dict[str, Unit] = {}
    for each in _lineage(tx, attempt):
        written = {unit_id: unit for unit_id, unit in written.items() if unit_id not in each.rewrites}
        written |= _own_units(tx, each.id, kind)
    return written


def _own_units(tx: Tx, attempt_id: AttemptId, kind: Kind) -> dict[str, Unit]:
    """The units that the attempt itself wrote, by id."""
    rows = tx.execute(select(units).where(units.c.attempt_id == attempt_id).order_by(units.c.id)).all()
    placed = select(units.c.call_id).where(units.c.attempt_id == attempt_id, units.c.content.is_(None))
    found = tx.execute(select(calls.c.id, calls.c.response_text).where(calls.c.id.in_(placed)))
    answers = {row.id: row.response_text for row in found}
    return {
        row.unit_id: read_unit(answers[row.call_id][row.start : row.end], kind)
        if row.content is None
        else SHAPES[kind].unit.model_validate(row.content)
        for row in rows
    }


def closing(tx: Tx, attempt: Attempt, kind: Kind) -> Closing | None:
    """The attempt's closing, or that of the attempt that it continues and does not rewrite."""
    data: Any = None  # Any: JSON
    for each in _lineage(tx, attempt):
        own = tx.execute(select(attempts.c.closing).where(attempts.c.id == each.id)).scalar_one()
        data = own if own is not None or CLOSING in each.rewrites else data
    return None if data is None else SHAPES[kind].closing.model_validate(data)


def _lineage(tx: Tx, attempt: Attempt) -> list[Attempt]:
    """The attempt behind all those that it continues, the oldest first."""
    lineage = [attempt]
    while (earlier := lineage[0].continues_attempt_id) is not None:
        lineage.insert(0, get(tx, earlier))
    return lineage


def save_verdict(tx: Tx, attempt_id: AttemptId, verdict: Verdict) -> None:
    """What the checks of this attempt's output amount to."""
    tx.execute(update(attempts).where(attempts.c.id == attempt_id).values(verdict=policy.to_json(verdict)))


def finish(
    tx: Tx,
    attempt_id: AttemptId,
    status: AttemptStatus,
    *,
    now: datetime,
    stop_reason: str | None = None,
    reason: str | None = None,
    outline: Outline | None = None,
    closing: Closing | None = None,
) -> None:
    """The attempt ended that way; once ended it stays as it is, and another end raises `IllegalMove`.

    `outline` and `closing` are what its one answer brought beside units.
    """
    values: dict[str, Any] = {"status": status, "stop_reason": stop_reason, "reason": reason, "finished_at": now}
    if outline is not None:
        values["outline"] = outlines.to_json(outline)
    if closing is not None:
        values["closing"] = closing.model_dump(mode="json")
    moved = tx.execute(_FINISH[status], {"attempt": attempt_id, **values})
    if moved.rowcount == 0 and (found := get(tx, attempt_id).status) is not status:
        raise IllegalMove(f"Attempt {attempt_id} cannot go from {found} to {status}.")


def _attempt(row: Row[Any]) -> Attempt:  # Any: a row's columns are known to the table only
    return Attempt(
        id=AttemptId(row.id),
        job_id=JobId(row.job_id),
        path=Path(row.path),
        role=Role(row.role),
        status=AttemptStatus(row.status),
        continues_attempt_id=row.continues_attempt_id,
        rewrites=_rewrites(row.rewrites),
        verdict=None if row.verdict is None else policy.from_json(row.verdict),
        outline=None if row.outline is None else outlines.from_json(row.outline),
        stop_reason=row.stop_reason,
        reason=row.reason,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def _rewrites(stored: Mapping[str, Sequence[str]] | None) -> dict[str, tuple[str, ...]]:
    return {} if stored is None else {part: tuple(errors) for part, errors in stored.items()}
