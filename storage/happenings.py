"""What has happened since a moment: jobs that ended, batches that are open for too long."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from storage.engine import Tx
from storage.tables import batches, jobs
from throughline.domain.job import BatchId, JobId, JobStatus
from throughline.domain.ledger import OPEN_BATCH


def first_job(tx: Tx) -> JobId | None:
    """The oldest job, by which a ledger is told from others that share a Prefect server; None while it is empty."""
    found = tx.execute(select(func.min(jobs.c.id))).scalar_one()
    return None if found is None else JobId(found)


def ended_since(
    tx: Tx, since: datetime, statuses: Sequence[JobStatus], *, simulated: bool
) -> list[tuple[JobId, JobStatus, datetime]]:
    """Jobs that have stood at one of these ends since then or later, each with its end; the oldest end first."""
    wanted = (jobs.c.finished_at >= since) & jobs.c.status.in_(statuses) & (jobs.c.simulated == simulated)
    query = select(jobs.c.id, jobs.c.status, jobs.c.finished_at).where(wanted).order_by(jobs.c.finished_at)
    return [(JobId(row.id), JobStatus(row.status), row.finished_at) for row in tx.execute(query)]


def open_batches(
    tx: Tx, *, intended_from: datetime, intended_to: datetime, simulated: bool
) -> list[tuple[BatchId, datetime]]:
    """Batches that may still bring answers and were meant to be sent between these moments; the oldest first."""
    meant = batches.c.intended_at.between(intended_from, intended_to)
    query = select(batches.c.id, batches.c.intended_at).where(batches.c.state.in_(OPEN_BATCH), meant)
    rows = tx.execute(query.where(batches.c.simulated == simulated).order_by(batches.c.intended_at))
    return [(BatchId(row.id), row.intended_at) for row in rows]
