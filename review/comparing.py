"""The pages of figures over both paths: one job's measures, many jobs' paired differences, and what it all cost."""

from starlette.requests import Request
from starlette.responses import Response

from review.access import Session
from review.web import page, reader
from storage.engine import Tx
from storage.spending import By
from tasks import comparing
from tasks.ownership import owned
from tasks.saving import read_aside
from throughline.domain.measures import Compared
from throughline.domain.ownership import COLUMNS, notes
from throughline.domain.paired import LEAST_PAIRS
from throughline.domain.report import JobReport

_MOST_JOBS = 500


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
    """Tokens and people's minutes, by kind, path or week."""
    simulated = request.query_params.get("jobs") == "simulated"
    choices = (By.KIND, By.PATH, By.WEEK)
    by = next((each for each in choices if each == request.query_params.get("by")), By.PATH)
    found = await owned(by, simulated=simulated)
    shown = [column for column in COLUMNS if column.short]
    return page(request, "costs.html", found=found, columns=shown, notes=notes(found), choices=choices)


comparison = reader(_comparison)
costs = reader(_costs)
