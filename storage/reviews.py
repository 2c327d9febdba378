"""Reviews: a person's decision on a job, asked for once and given once, and the seconds they read."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from storage import ids
from storage.engine import Tx, insert_new
from storage.tables import jobs, reading_seconds, reviews
from throughline.domain.job import JobId, JobStatus
from throughline.domain.review import Choice, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One request for a decision; `choice` is None while it waits."""

    id: str
    job_id: JobId
    choice: Choice | None
    reviewer: str | None
    reason: str | None
    minutes: float | None
    requested_at: datetime
    expires_at: datetime | None
    decided_at: datetime | None
    came_from: Origin | None


def request(tx: Tx, job_id: JobId, *, now: datetime, expires_at: datetime | None) -> Review:
    """The job's open review: the one that waits already, or a new one. A limit of time that it lacked is set."""
    if (waiting := open_of(tx, job_id)) is not None:
        if waiting.expires_at is None and expires_at is not None:
            tx.execute(update(reviews).where(reviews.c.id == waiting.id).values(expires_at=expires_at))
        return waiting
    row = {"id": ids.new_id(), "job_id": job_id, "requested_at": now, "expires_at": expires_at}
    tx.execute(insert(reviews), row)
    found = open_of(tx, job_id)
    assert found is not None, "the review was written just now"
    return found


def open_of(tx: Tx, job_id: JobId) -> Review | None:
    """The review of the job that waits for a decision."""
    query = select(reviews).where(reviews.c.job_id == job_id, reviews.c.decided_at.is_(None))
    row = tx.execute(query.order_by(reviews.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _review(row)


def latest_of(tx: Tx, job_id: JobId) -> Review | None:
    """The job's newest review, decided or not."""
    query = select(reviews).where(reviews.c.job_id == job_id).order_by(reviews.c.id.desc()).limit(1)
    row = tx.execute(query).one_or_none()
    return None if row is None else _review(row)


def waiting(tx: Tx) -> list[Review]:
    """Every review that waits, the oldest first. One of a job that was taken up again waits no more."""
    asks = [status for status in JobStatus if status.asks]
    query = select(reviews).join(jobs, jobs.c.id == reviews.c.job_id).where(jobs.c.status.in_(asks))
    rows = tx.execute(query.where(reviews.c.decided_at.is_(None)).order_by(reviews.c.id))
    return [_review(row) for row in rows]


def decided_between(tx: Tx, start: datetime, end: datetime, *, simulated: bool) -> list[Review]:
    """The reviews that were decided in that time."""
    query = (
        select(reviews)
        .join(jobs, jobs.c.id == reviews.c.job_id)
        .where(reviews.c.decided_at >= start, reviews.c.decided_at < end, jobs.c.simulated == simulated)
    )
    return [_review(row) for row in tx.execute(query.order_by(reviews.c.id))]


def expired(tx: Tx, now: datetime) -> list[Review]:
    """Reviews whose time is over without a decision."""
    query = select(reviews).where(reviews.c.decided_at.is_(None), reviews.c.expires_at < now)
    return [_review(row) for row in tx.execute(query.order_by(reviews.c.id))]


def decide(
    tx: Tx,
    review_id: str,
    *,
    choice: Choice,
    reviewer: str,
    reason: str,
    minutes: float | None,
    came_from: Origin,
    now: datetime,
) -> bool:
    """Put the decision down. False when another one was quicker."""
    open_one = (reviews.c.id == review_id) & reviews.c.decided_at.is_(None)
    decided = tx.execute(
        update(reviews)
        .where(open_one)
        .values(
            decision=choice,
            reviewer=reviewer,
            reason=reason,
            minutes=minutes,
            came_from=came_from,
            decided_at=now,
        )
    )
    return decided.rowcount == 1


def add_reading(tx: Tx, review_id: str, seconds: Iterable[int]) -> None:
    """Seconds (since 1970) in which somebody was reading; one that is told twice counts once."""
    rows = [{"review_id": review_id, "second": second} for second in sorted(set(seconds))]
    if rows:
        insert_new(tx, reading_seconds, rows, key=["review_id", "second"])


def minutes_read(tx: Tx, review_id: str) -> float:
    """Minutes in which somebody was reading, so far."""
    count = select(func.count()).select_from(reading_seconds).where(reading_seconds.c.review_id == review_id)
    return tx.execute(count).scalar_one() / 60


def _review(row: Row[Any]) -> Review:  # Any: a row's columns are known to the table only
    return Review(
        id=row.id,
        job_id=JobId(row.job_id),
        choice=None if row.decision is None else Choice(row.decision),
        reviewer=row.reviewer,
        reason=row.reason,
        minutes=row.minutes,
        requested_at=row.requested_at,
        expires_at=row.expires_at,
        decided_at=row.decided_at,
        came_from=None if row.came_from is None else Origin(row.came_from),
    )
