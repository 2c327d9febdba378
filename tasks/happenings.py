"""What there is to tell a team, as the ledger has it at this moment."""

from datetime import datetime, timedelta

from storage import batches, happenings
from storage.engine import Tx
from tasks import runtime
from tasks.conclusion import report_of
from tasks.saving import read
from throughline.domain.happenings import (
    BATCH_OVERDUE,
    TOLD,
    Happening,
    Notice,
    of_batch,
    of_end,
    of_job,
    of_overdue_batch,
)
from throughline.domain.job import BatchId, JobId


async def ledger() -> str:
    """What this ledger is called on a Prefect server that others may share; simulated jobs have a name of their own."""
    first = await read(happenings.first_job)
    return f"{first or 'empty'}{'-simulated' if runtime.current().simulated else ''}"


async def noticed(since: datetime) -> list[Notice]:
    """Everything that happened from then on, the oldest first."""
    return await read(lambda tx: _noticed(tx, since))


def _noticed(tx: Tx, since: datetime) -> list[Notice]:
    simulated = runtime.current().simulated
    after = _patience()
    late = happenings.open_batches(
        tx, intended_from=since - after, intended_to=runtime.now() - after, simulated=simulated
    )
    ended = happenings.ended_since(tx, since, TOLD, simulated=simulated)
    found = [of_end(job_id, status, at) for job_id, status, at in ended]
    found += [of_overdue_batch(batch_id, intended_at, after) for batch_id, intended_at in late]
    return sorted(found, key=lambda notice: notice.at)


async def in_full(notice: Notice) -> Happening | None:
    """The notice in words; None when the job has gone on since."""
    pages = runtime.current().settings.review_url
    if notice.event == BATCH_OVERDUE:
        batch = await read(lambda tx: batches.get(tx, BatchId(notice.about)))
        return of_batch(notice, requests=batch.request_count, simulated=batch.simulated, after=_patience(), pages=pages)
    found = of_job(await report_of(JobId(notice.about)), pages=pages)
    return found if found is not None and found.notice == notice else None


def _patience() -> timedelta:
    return timedelta(hours=runtime.current().settings.batch_overdue_h)
