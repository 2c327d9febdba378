"""The queue: jobs that wait for a worker, for their batch, or whose worker died.

There is no queue table: a job's status, its lease and its batches say everything, so nothing can disagree.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select, update

from storage import jobs as job_rows
from storage import leases
from storage.engine import Tx
from storage.tables import attempts, batches, calls, jobs
from throughline.domain.job import AttemptStatus, BatchId, JobId, JobStatus
from throughline.domain.ledger import OPEN_BATCH, BatchState, CallState

IN_WORK = (JobStatus.REGISTERED, JobStatus.RUNNING)
"""What a worker's job is from the moment it takes it until it puts it aside or ends it."""
_IDLE = (JobStatus.REGISTERED, JobStatus.FAILED, JobStatus.BUDGET, JobStatus.CANCELLED)


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
    """Whether a batch may still bring an answer for the job."""
    return bool(tx.execute(select(_open_batch(job_id))).scalar_one())


def ready(tx: Tx, *, simulated: bool) -> list[tuple[JobId, str | None]]:
    """Waiting jobs that no batch owes an answer any more, each with the flow run that waits for it."""
    wanted = (jobs.c.status == JobStatus.WAITING) & (jobs.c.simulated == simulated) & ~_open_batch(jobs.c.id)
    return _with_flow_runs(tx, wanted)


def left_behind(tx: Tx, job_id: JobId, since: datetime) -> bool:
    """Whether nothing was asked or answered for the job, and no process has held it, since that moment."""
    held = select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.lease_until >= since)
    recent = (calls.c.job_id == job_id) & or_(calls.c.intended_at >= since, calls.c.received_at >= since)
    ingested = (calls.c.job_id == job_id) & (batches.c.ingested_at >= since)
    signs = (
        held,
        select(calls.c.id).where(recent),
        select(calls.c.id).join(batches, batches.c.id == calls.c.batch_id).where(ingested),
    )
    return all(tx.execute(sign.limit(1)).first() is None for sign in signs)


def unheld_in_flow_runs(tx: Tx, now: datetime, *, simulated: bool) -> list[tuple[JobId, str | None]]:
    """Jobs of flow runs that are still to be sent, or wait for their batch: no process is at work on them."""
    still = jobs.c.status.in_((JobStatus.REGISTERED, JobStatus.QUEUED, JobStatus.WAITING))
    unheld = or_(jobs.c.lease_owner.is_(None), jobs.c.lease_until < now)
    wanted = still & unheld & jobs.c.flow_run_id.is_not(None) & (jobs.c.simulated == simulated)
    return _with_flow_runs(tx, wanted)


def orphans(tx: Tx, now: datetime, *, simulated: bool) -> list[tuple[JobId, str | None]]:
    """Jobs in work, or about to be, whose worker stopped renewing, or that a flow run has and nobody holds.

    Each with its flow run. A job that a person's own process gave back (an interrupted `throughline run`) is that
    person's to go on with.
    """
    stopped = or_(jobs.c.lease_until < now, jobs.c.lease_owner.is_(None) & jobs.c.flow_run_id.is_not(None))
    wanted = jobs.c.status.in_(IN_WORK) & stopped & (jobs.c.simulated == simulated)
    return _with_flow_runs(tx, wanted)


def leave_to_sweep(tx: Tx, job_id: JobId, *, now: datetime) -> JobStatus:
    """Queue the job for the next sweep unless it is on its way or came to its end; where it stands then.

    A running job that no process holds is on nobody's way: its person interrupted it.
    """
    held = leases.holder(tx, job_id, locked=True)
    status = job_rows.get(tx, job_id).status
    interrupted = status is JobStatus.RUNNING and (held is None or held.until < now)
    if not interrupted and status not in _IDLE:
        return status
    if interrupted:
        leases.take_away(tx, job_id)
    if status is JobStatus.CANCELLED:  # with its run, perhaps: what a person asks for now is not that run's
        job_rows.belongs_to(tx, job_id, None)
    job_rows.set_status(tx, job_id, JobStatus.QUEUED, now=now)
    return JobStatus.QUEUED


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
    """Whether one live process holds every job of the batch: it posts it, or waits for what becomes of it.

    Who holds only some of them works on something else, such as the chain of a job that runs both paths: the batch is
    another's, who is gone or has put it aside, and nobody but the collector will settle it.
    """
    in_batch = select(jobs.c.lease_owner, jobs.c.lease_until).join(calls, calls.c.job_id == jobs.c.id)
    leased = tx.execute(in_batch.where(calls.c.batch_id == batch_id).distinct()).all()
    owners = {row.lease_owner for row in leased}
    return len(owners) == 1 and all(row.lease_until is not None and row.lease_until >= now for row in leased)


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
    """A request of the job's own is unanswered in it: what a neighbour still waits for keeps nobody else."""
    unanswered = calls.c.state.in_((CallState.INTENDED, CallState.SENT))
    of_job = (calls.c.job_id == job_id) & unanswered & batches.c.state.in_(OPEN_BATCH)
    return exists(select(calls.c.id).join(batches, batches.c.id == calls.c.batch_id).where(of_job))
