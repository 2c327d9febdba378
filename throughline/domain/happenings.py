"""What a team wants to be told: which ends of jobs, and which batches, and in which words.

A notice has one id however often it is looked for, so that it can be told once. What is told is what a list of
jobs shows, and never a document's text or a reason in which some could stand.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from throughline.domain.job import JobStatus
from throughline.domain.report import JobReport, dollars

BATCH_OVERDUE = "throughline.batch.overdue"
RUN_REFUSED = "throughline.run.refused"
_OF_STATUS = {
    JobStatus.ESCALATED: ("throughline.job.escalated", "waits for a person"),
    JobStatus.DONE: ("throughline.job.published", "is published"),
    JobStatus.FAILED: ("throughline.job.failed", "failed"),
    JobStatus.BUDGET: ("throughline.job.budget-spent", "stopped at its budget"),
}
TOLD = tuple(_OF_STATUS)
"""The ends of a job that a team is told of. A rejection and a cancelling are a person's own doing."""
LOOKED_FOR = (*(event for event, _ in _OF_STATUS.values()), BATCH_OVERDUE)
"""What a look at the ledger tells. How far the last look came is read from these alone."""
EVENTS = (*LOOKED_FOR, RUN_REFUSED)
_IDS = uuid.UUID("eeb07c01-2130-4b49-ae77-80f413239eeb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """That something happened: to which job, batch or flow run, and when."""

    event: str
    about: str
    at: datetime

    @property
    def subject(self) -> str:
        """What it happened to, as Prefect names resources."""
        return f"{self.event.rpartition('.')[0]}.{self.about}"

    @property
    def id(self) -> uuid.UUID:
        """The same for the same happening, whoever looks and whenever."""
        return uuid.uuid5(_IDS, f"{self.event} {self.about} {self.at.timestamp():.6f}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A notice in words: `sentence` for people, `facts` for machines."""

    notice: Notice
    name: str
    sentence: str
    facts: Mapping[str, str | bool | int]


def of_end(job_id: str, status: JobStatus, at: datetime) -> Notice:
    """The notice of a job's end, which is one of `TOLD`."""
    return Notice(event=_OF_STATUS[status][0], about=job_id, at=at)


def of_job(report: JobReport, *, pages: str) -> Happening | None:
    """What the job's end tells; None while it has none, or one that nobody wants to be told."""
    if report.status not in TOLD or report.finished_at is None:
        return None
    mark = " (simulated)" if report.simulated else ""
    page = page_of(report.id, pages)
    words = _OF_STATUS[report.status][1]
    return Happening(
        notice=of_end(report.id, report.status, report.finished_at),
        name=report.title,
        sentence=f"{report.spec.kind} of {report.title} {words}: ${report.cost_usd:.4f}{mark}. {page}",
        facts={
            "job_id": report.id,
            "kind": report.spec.kind,
            "title": report.title,
            "status": report.status,
            "model": report.spec.model,
            "cost_usd": dollars(report.cost_usd),
            "simulated": report.simulated,
            "page": page,
        },
    )


def of_refused_run(flow_run_id: str, *, name: str, kind: str, page: str, at: datetime) -> Happening:
    """What a run tells that ended before there was a job: it was asked for something that cannot be done."""
    return Happening(
        notice=Notice(event=RUN_REFUSED, about=flow_run_id, at=at),
        name=name,
        sentence=f"{name} failed before it became a job: $0.0000. {page}",
        facts={"flow_run_id": flow_run_id, "kind": kind, "title": name, "status": "failed", "cost_usd": "0"}
        | {"page": page},
    )


def of_overdue_batch(batch_id: str, intended_at: datetime, after: timedelta) -> Notice:
    """The notice of a batch that has been open for longer than that."""
    return Notice(event=BATCH_OVERDUE, about=batch_id, at=intended_at + after)


def of_batch(notice: Notice, *, requests: int, simulated: bool, after: timedelta, pages: str) -> Happening:
    """What an overdue batch tells."""
    hours = after.total_seconds() / 3600
    mark = " (simulated)" if simulated else ""
    return Happening(
        notice=notice,
        name=f"batch of {requests}",
        sentence=f"A batch of {requests} has had no answer for {hours:g} hours{mark}. {pages}",
        facts={
            "batch_id": notice.about,
            "requests": requests,
            "sent_at": (notice.at - after).isoformat(),
            "simulated": simulated,
            "page": pages,
        },
    )


def page_of(job_id: str, pages: str) -> str:
    """The review page of a job."""
    return f"{pages.rstrip('/')}/jobs/{job_id}"
