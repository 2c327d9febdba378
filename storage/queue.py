"""The queue: jobs that wait for a worker, for their batch, or whose worker died.

There is no queue table: a job's status, its lease and its batches say everything, so nothing can disagree.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update

from storage.engine import Tx
from storage.tables import attempts, batches, calls, jobs
from throughline.domain.job import AttemptStatus, BatchId, JobId, JobStatus
from throughline.domain.ledger import OPEN_BATCH, BatchState, CallState


def claim(tx: Tx, *, owner: str, until: datetime, now: datetime, limit: int, simulated: bool) -> list[JobId]:
    """Take up to `limit` queued jobs, oldest first; no other worker takes the same ones, and none is taken twice.

    What this owner holds is in its hands already, also when the lease has run out: claimed again, it would be
    sent and paid again.

    PostgreSQL skips rows that another claim has locked; SQLite's writing transactions exclude each other.
    """
    free = or_(jobs.c.lease_owner.is_(None), and_(jobs.c.lease_owner != owner, jobs.c.lease_until < now))
    wanted = (jobs.c.status == JobStatus.QUEUED) & (jobs.c.simulated == simulated) & free
    query = select(jobs.c.id).where(wanted).order_by(jobs.c.id).limit(limit)
    found = [JobId(job_id) for job_id in tx.execute(query.with_for_update(skip_locked=True)).scalars()]
    if found:
        tx.execute(update(jobs).where(jobs.c.id.in_(found)).values(lease_owner=owner, lease_until=until))
    return found


def open_batches(tx: Tx, *, simulated: bool) -> list[BatchId]:
    """Every batch that may still bring answers, the oldest first."""
    query = select(batches.c.id).where(batches.c.state.in_(OPEN_BATCH), batches.c.simulated == simulated)
    return [BatchId(batch_id) for batch_id in tx.execute(query.order_by(batches.c.id)).scalars()]


def has_open_batch(tx: Tx, job_id: JobId) -> bool:
    """Whether a batch of the job may still bring answers."""
    return bool(tx.execute(select(_open_batch(job_id))).scalar_one())


def ready(tx: Tx, *, simulated: bool) -> list[tuple[JobId, str | None]]:
    """Waiting jobs whose batches have all been settled, each with the flow run that waits for it."""
    wanted = (jobs.c.status == JobStatus.WAITING) & (jobs.c.simulated == simulated) & ~_open_batch(jobs.c.id)
    return _with_flow_runs(tx, wanted)


def left_behind(tx: Tx, job_id: JobId, since: datetime) -> bool:
    """Whether the job's last batch was settled before that moment and no process has held the job since."""
    held = select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.lease_until >= since)
    settled = select(func.max(batches.c.ingested_at)).join(calls, calls.c.batch_id == batches.c.id)
    last = tx.execute(settled.where(calls.c.job_id == job_id)).scalar_one()
    return tx.execute(held).first() is None and (last is None or last < since)


def suspended(tx: Tx, *, simulated: bool) -> list[tuple[JobId, str | None]]:
    """Waiting jobs that a flow run carries out."""
    wanted = (jobs.c.status == JobStatus.WAITING) & (jobs.c.simulated == simulated) & jobs.c.flow_run_id.is_not(None)
    return _with_flow_runs(tx, wanted)


def orphans(tx: Tx, now: datetime, *, simulated: bool) -> list[tuple[JobId, str | None]]:
    """Running jobs whose worker stopped renewing, or whose flow run gave them back, each with its flow run.

    A job that a person's own process gave back (an interrupted `throughline run`) is that person's to go on with.
    """
    stopped = or_(jobs.c.lease_until < now, jobs.c.lease_owner.is_(None) & jobs.c.flow_run_id.is_not(None))
    wanted = (jobs.c.status == JobStatus.RUNNING) & stopped & (jobs.c.simulated == simulated)
    return _with_flow_runs(tx, wanted)


def ended_in_flow_runs(tx: Tx, *, simulated: bool) -> list[tuple[JobId, str | None]]:
    """Jobs that came to their end elsewhere than in the flow run that may still wait for it."""
    open_ones = (JobStatus.REGISTERED, JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.WAITING, JobStatus.ESCALATED)
    ended = jobs.c.status.not_in(open_ones)
    return _with_flow_runs(tx, ended & jobs.c.flow_run_id.is_not(None) & (jobs.c.simulated == simulated))


def asked_in_flow_runs(tx: Tx, *, simulated: bool) -> list[tuple[JobId, str | None]]:
    """Jobs that wait for a person, and a flow run with them."""
    wanted = (jobs.c.status == JobStatus.ESCALATED) & jobs.c.flow_run_id.is_not(None)
    return _with_flow_runs(tx, wanted & (jobs.c.simulated == simulated))


def _with_flow_runs(tx: Tx, wanted: ColumnElement[bool]) -> list[tuple[JobId, str | None]]:
    rows = tx.execute(select(jobs.c.id, jobs.c.flow_run_id).where(wanted).order_by(jobs.c.id))
    return [(JobId(row.id), row.flow_run_id) for row in rows]


def is_worked_on(tx: Tx, batch_id: BatchId, now: datetime) -> bool:
    """Whether a live process holds one of the batch's jobs, and will look after the batch itself."""
    held = (calls.c.batch_id == batch_id) & (jobs.c.lease_until >= now)
    found = select(calls.c.id).join(jobs, jobs.c.id == calls.c.job_id).where(held).limit(1)
    return tx.execute(found).first() is not None


def unwanted(tx: Tx, *, simulated: bool) -> list[str]:
    """Remote ids of submitted batches all of whose requests belong to cancelled or ended jobs, or to work that is done.

    A person may end a job that its budget stopped while its batch was on its way.
    """
    wanted_by = (
        select(calls.c.id)
        .join(jobs, jobs.c.id == calls.c.job_id)
        .join(attempts, attempts.c.id == calls.c.attempt_id)
        .where(
            calls.c.batch_id == batches.c.id,
            jobs.c.status.not_in((JobStatus.CANCELLED, JobStatus.DONE, JobStatus.REJECTED)),
            attempts.c.status == AttemptStatus.RUNNING,
            calls.c.state == CallState.SENT,
        )
    )
    query = select(batches.c.remote_id).where(
        batches.c.state == BatchState.SUBMITTED, batches.c.simulated == simulated, ~exists(wanted_by)
    )
    return [remote_id for remote_id in tx.execute(query).scalars() if remote_id]


def _open_batch(job_id: object) -> ColumnElement[bool]:
    of_job = (calls.c.job_id == job_id) & (batches.c.state.in_(OPEN_BATCH))
    return exists(select(calls.c.id).join(batches, batches.c.id == calls.c.batch_id).where(of_job))
