"""How good forecasts and choices were, as a page: the report of `throughline calibrate` with its drawings."""

from dataclasses import dataclass

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from review.access import Session
from review.web import page, reader
from tasks import learning
from throughline.domain.learning.calibration import Calibration
from throughline.domain.learning.charts import coverage_chart, regret_chart

_NEWEST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """One world's report with its drawings, which hold no text but names and figures of our own."""

    found: Calibration
    coverage: Markup | None
    regret: Markup | None


async def _calibration(request: Request, _session: Session) -> Response:
    worlds: list[_World] = []
    for simulated in (False, True):
        found = await learning.calibrated(simulated=simulated, limit=_NEWEST)
        if found is not None:
            worlds.append(_drawn(found))
    return page(request, "calibration.html", worlds=worlds)


def _drawn(found: Calibration) -> _World:
    sizes, routing = found.sizes, found.routing
    return _World(
        found=found,
        coverage=Markup(coverage_chart(sizes)) if sizes.overall.known else None,
        regret=Markup(regret_chart(routing)) if routing.jobs else None,
    )


calibration = reader(_calibration)
