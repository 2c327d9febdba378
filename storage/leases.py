"""Leases: which process works on a job. Without one nothing is sent for it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, update

from storage.engine import Tx
from storage.tables import calls, jobs
from throughline.domain.job import BatchId, JobId, JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who holds a job, and until when if it is not renewed."""

    owner: str
    until: datetime


def holder(tx: Tx, job_id: JobId, *, locked: bool = False) -> Lease | None:
    """The job's lease, run out or not. `locked` keeps it from changing until the transaction ends."""
    query = select(jobs.c.lease_owner, jobs.c.lease_until).where(jobs.c.id == job_id)
    row = tx.execute(query.with_for_update() if locked else query).one()
    return None if row.lease_owner is None else Lease(owner=row.lease_owner, until=row.lease_until)


def acquire(
    tx: Tx, job_id: JobId, *, owner: str, until: datetime, now: datetime, dead_owner: str | None = None
) -> bool:
    """Take the job if nobody holds it, if its lease has run out, or from an owner that is known to be dead."""
    free = or_(
        jobs.c.lease_owner.is_(None),
        jobs.c.lease_owner == owner,
        jobs.c.lease_owner == dead_owner,
        jobs.c.lease_until < now,
    )
    taken = tx.execute(update(jobs).where(jobs.c.id == job_id, free).values(lease_owner=owner, lease_until=until))
    return taken.rowcount == 1


def renew(tx: Tx, *, owner: str, until: datetime) -> int:
    """Hold everything longer that this owner still holds; says how many jobs that are."""
    return tx.execute(update(jobs).where(jobs.c.lease_owner == owner).values(lease_until=until)).rowcount


def take_away(tx: Tx, job_id: JobId) -> None:
    """End whatever lease the job is under: its owner finds out before it spends anything more."""
    tx.execute(update(jobs).where(jobs.c.id == job_id).values(lease_owner=None, lease_until=None))


def holds_batch(tx: Tx, batch_id: BatchId, *, owner: str) -> bool:
    """Whether every job with a request in that batch is held by this owner."""
    others = or_(jobs.c.lease_owner.is_(None), jobs.c.lease_owner != owner)
    query = select(calls.c.id).join(jobs, jobs.c.id == calls.c.job_id).where(calls.c.batch_id == batch_id, others)
    return tx.execute(query.limit(1)).first() is None


def release_all(tx: Tx, *, owner: str, now: datetime) -> None:
    """Give back everything that this owner still holds; what is still running as `leave` does."""
    _leave(tx, jobs.c.lease_owner == owner, now)


def release(tx: Tx, job_id: JobId, *, owner: str) -> None:
    """Give the job back. One that is still running is for whoever was told so: nobody looks for it."""
    mine = (jobs.c.id == job_id) & (jobs.c.lease_owner == owner)
    tx.execute(update(jobs).where(mine).values(lease_owner=None, lease_until=None))


def leave(tx: Tx, job_id: JobId, *, owner: str, now: datetime) -> None:
    """Give the job back; if it is still running, as one whose lease has run out, which is found and queued."""
    _leave(tx, (jobs.c.id == job_id) & (jobs.c.lease_owner == owner), now)


def _leave(tx: Tx, mine: ColumnElement[bool], now: datetime) -> None:
    is_running = jobs.c.status == JobStatus.RUNNING
    tx.execute(update(jobs).where(mine, is_running).values(lease_owner=None, lease_until=now))
    tx.execute(update(jobs).where(mine).values(lease_owner=None, lease_until=None))


def has_run_out(tx: Tx, job_id: JobId, now: datetime) -> bool:
    """Whether a worker held the job, and left it or stopped renewing, as it is until the transaction ends."""
    query = select(jobs.c.lease_until).where(jobs.c.id == job_id).with_for_update()
    until = tx.execute(query).scalar_one()
    return until is not None and until < now
