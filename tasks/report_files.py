"""The weekly report: its text for Prefect, and the same as Markdown, CSV and a page in a folder."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from storage import reports
from storage.engine import Tx
from storage.reports import Ended
from storage.spending import By, Scope
from tasks import runtime
from tasks.ownership import gathered
from tasks.saving import read
from throughline.domain import ownership
from throughline.domain.job import JobStatus
from throughline.domain.ownership import Ownership

logger = logging.getLogger(__name__)
_MOST_ROWS = 50
_STOPPED = (JobStatus.ESCALATED, JobStatus.FAILED, JobStatus.BUDGET)
_TABLES = (By.KIND, By.PATH, By.WEEK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a period cost and what in it waits for a person."""

    days: int
    simulated: bool
    statuses: Mapping[str, int]
    tables: Mapping[str, Ownership]
    jobs: Ownership
    stopped: Sequence[Ended]
    stopped_in_all: int


async def gather(days: int) -> Report:
    """The report of the last days; simulated jobs stand in it only where there are no real ones."""
    since = runtime.now() - timedelta(days=days)
    found = await read(lambda tx: _gathered(tx, days, since, simulated=False))
    if found.statuses:
        return found
    simulated = await read(lambda tx: _gathered(tx, days, since, simulated=True))
    return simulated if simulated.statuses else found


def _gathered(tx: Tx, days: int, since: datetime, *, simulated: bool) -> Report:
    scope = Scope(simulated=simulated, since=since)
    rate = runtime.current().settings.review_usd_per_hour
    statuses = reports.statuses(tx, simulated=simulated, since=since)
    return Report(
        days=days,
        simulated=simulated,
        statuses=statuses,
        tables={f"By {by}": gathered(tx, scope, by, rate) for by in _TABLES},
        jobs=gathered(tx, scope, By.JOB, rate),
        stopped=reports.ended(tx, _STOPPED, simulated=simulated, since=since, limit=_MOST_ROWS),
        stopped_in_all=sum(statuses.get(status, 0) for status in _STOPPED),
    )


def as_markdown(found: Report) -> str:
    """The report as a person reads it."""
    head = f"# The last {found.days} days\n\n"
    if not found.statuses:
        return head + "No jobs.\n"
    counted = ", ".join(f"{count} {status}" for status, count in found.statuses.items())
    tables = [f"## {name}\n\n{ownership.to_markdown(table)}" for name, table in found.tables.items()]
    jobs = sum(found.statuses.values())
    return "\n".join([f"{head}{jobs} job{'' if jobs == 1 else 's'}: {counted}.\n", *tables, _waiting(found)])


def _waiting(found: Report) -> str:
    if not found.stopped:
        return "## Waiting for a person\n\nNone.\n"
    lines = [("job", "status", "title", "why"), ("---",) * 4]
    lines += [(f"`{job.id}`", str(job.status), _cell(job.title), _cell(job.reason or "")) for job in found.stopped]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    more = found.stopped_in_all - len(found.stopped)
    rest = f"\n{more} more: `throughline list`\n" if more > 0 else ""
    return f"## Waiting for a person\n\n{table}\n{rest}"


def _cell(text: str) -> str:
    """Text of documents and models within one cell."""
    return text.replace("|", "\\|").replace("\n", " ")[:200]


def write(found: Report, folder: Path, now: datetime) -> tuple[Path, ...]:
    """Write report-DATE.md, .csv (a line a job) and .html into the folder, replacing those of the same day.

    Nothing is written, and that is logged, where the folder cannot be: the text is in Prefect all the same.
    """
    name = f"report-{now:%Y-%m-%d}"
    texts = {
        folder / f"{name}.md": as_markdown(found),
        folder / f"{name}.csv": ownership.to_csv(found.jobs),
        folder / f"{name}.html": ownership.to_html(found.tables, f"The last {found.days} days"),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        logger.warning("report not written folder=%s reason=%s", folder, error.strerror)
        return ()
    return tuple(texts)
