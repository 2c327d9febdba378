"""The pages of figures over both paths: one job's measures, many jobs' paired differences, and what it all cost."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from review.access import Session
from review.web import page, reader
from storage import jobs
from storage.engine import Tx
from storage.spending import By
from tasks import comparing, runtime
from tasks.ownership import owned
from tasks.saving import read, read_aside
from throughline.domain.job import JobId
from throughline.domain.measures import Compared
from throughline.domain.ownership import COLUMNS, notes
from throughline.domain.paired import LEAST_PAIRS
from throughline.domain.report import JobReport

SHOWN = tuple(column for column in COLUMNS if column.short)
_MOST_JOBS = 500
_MOST_ROWS = 200
_DAYS = (7, 30, 90)


def measures_of(tx: Tx, report: JobReport) -> tuple[Compared, ...]:
    """What was observed of both sides of that job, without the lines in which nothing stands."""
    return tuple(row for row in comparing.compared(tx, report) or () if not row.is_quiet)


async def _comparison(request: Request, _session: Session) -> Response:
    """Paired differences over the newest jobs that ran both paths."""
    simulated = request.query_params.get("jobs") == "simulated"
    found = await read_aside(lambda tx: comparing.overview(tx, simulated=simulated, limit=_MOST_JOBS))
    rows = [row for row in found.rows if not row.measure.key.startswith(("tenth.", "errors."))]
    return page(request, "comparison.html", found=found, rows=rows, least=LEAST_PAIRS)


async def _costs(request: Request, _session: Session) -> Response:
    """Tokens and people's minutes, by kind, path, week or job; of jobs those that cost most come first."""
    asked = request.query_params
    simulated = asked.get("jobs") == "simulated"
    choices = (By.KIND, By.PATH, By.WEEK, By.JOB)
    by = next((each for each in choices if each == asked.get("by")), By.PATH)
    days = next((each for each in _DAYS if str(each) == asked.get("days")), None)
    since = None if days is None else runtime.now() - timedelta(days=days)
    found = await owned(by, simulated=simulated, since=since)
    rows = sorted(found.rows, key=lambda row: -row.total_usd)[:_MOST_ROWS] if by is By.JOB else found.rows
    named = [JobId(row.name) for row in rows] if by is By.JOB else []
    titles = await read(lambda tx: jobs.titles(tx, named)) if named else {}
    return page(
        request,
        "costs.html",
        found=found,
        rows=rows,
        titles=titles,
        columns=SHOWN,
        notes=notes(found),
        choices=choices,
        days=days,
        spans=_DAYS,
    )


comparison = reader(_comparison)
costs = reader(_costs)
