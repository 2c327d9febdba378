"""The pages for reading: inbox, document, both paths, citations in their sources, figures and trends."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from review import reading
from review import trends as trend_figures
from review.access import Session
from review.blind import swapped, unveil, unveiled
from review.comparing import SHOWN, measures_of
from review.document import UnitView, counts, unit_view, unit_views
from review.excerpt import around, word_difference
from review.reading import JobView, Reading
from review.sides import aligned
from review.web import job_id, job_id_of, message, number, page, reader, render
from storage import attempts
from storage.engine import Tx
from tasks import runtime
from tasks.overhead import burdened
from tasks.ownership import owned_by
from tasks.saving import read, read_aside
from throughline.domain import overhead
from throughline.domain.checks.difference import difference
from throughline.domain.citations import CheckedCitation, CitationStatus, check_citations
from throughline.domain.job import AttemptId, JobId
from throughline.domain.outline import OutlineUnit
from throughline.domain.output import Citation
from throughline.domain.ownership import notes
from throughline.domain.report import JobReport
from throughline.domain.source import Source

_LISTED = 100
_OVERHEAD_DAYS = 90
_MOST_SOURCES = 1_000_000  # positions beyond are nobody's, and beyond 64 bits no database's


async def _inbox(request: Request, _session: Session) -> Response:
    return page(request, "inbox.html", rows=await read_aside(reading.inbox))


async def _jobs(request: Request, _session: Session) -> Response:
    """The newest jobs, a page at a time."""
    before = job_id(request.query_params.get("before"))
    found = await read_aside(lambda tx: reading.recent(tx, _LISTED + 1, before))
    older = found[_LISTED - 1].id if len(found) > _LISTED else None
    return page(request, "jobs.html", reports=found[:_LISTED], before=before, older=older)


async def _trends(request: Request, _session: Session) -> Response:
    wanted = request.query_params.get("jobs")

    def gather(tx: Tx) -> trend_figures.Trends:
        newest = reading.recent(tx, 1)
        simulated = wanted == "simulated" or (wanted != "real" and any(report.simulated for report in newest))
        return trend_figures.gather(tx, simulated=simulated, now=runtime.now())

    found = await read_aside(gather)
    since = runtime.now() - timedelta(days=_OVERHEAD_DAYS)
    chunking = await burdened(simulated=found.simulated, since=since)
    told = overhead.notes(chunking.usd_per_hour, chunking.rows)
    return page(request, "trends.html", trends=found, burdens=chunking.rows, notes=told, days=_OVERHEAD_DAYS)


async def _document(request: Request, session: Session) -> Response:
    """The output: in outline order, or with the flagged units first."""
    job_id = job_id_of(request)
    wanted = request.query_params.get("attempt")
    flags_first = request.query_params.get("order") == "flags"

    def gather(tx: Tx) -> tuple[JobView, Reading | None]:
        view = reading.view(tx, job_id)
        shown = AttemptId(wanted) if wanted else view.shown.id if view.shown else None
        return view, None if shown is None else reading.read_attempt(tx, view.report, shown)

    view, found = await read(gather)

    def made() -> str:
        units: list[UnitView] = []
        if found is not None:
            names = urlencode({"attempt": found.attempt.id})
            units = unit_views(job_id, found, names=names, flags_first=flags_first)
        values = {"view": view, "reading": found, "units": units, "flags_first": flags_first}
        return render(request, "document.html", **values, counts=counts(units))

    return _named(request, session, view, HTMLResponse(await asyncio.to_thread(made)))


async def _figures(request: Request, session: Session) -> Response:
    """Plan, checks, costs and time."""
    job_id = job_id_of(request)

    def gather(tx: Tx) -> tuple[JobView, list[Reading]]:
        view = reading.view(tx, job_id)
        return view, [reading.read_attempt(tx, view.report, attempt.id) for attempt in view.readable]

    view, found = await read(gather)
    cost = await owned_by(view.report)
    response = page(request, "figures.html", view=view, readings=found, cost=cost, columns=SHOWN, notes=notes(cost))
    return _named(request, session, view, response)


def _named(request: Request, session: Session, view: JobView, response: Response) -> Response:
    """The answer names the paths of both outputs: what this reviewer says of them from now on is not said blind."""
    if view.pair is not None:
        unveil(response, request, view.report.id, session.reviewer)
    return response


@dataclass(frozen=True, slots=True, kw_only=True)
class _RowView:
    """One line of the page with both outputs; None where a side's outline has no such unit.

    `heading` is the one that both have, or empty where each has its own.
    """

    heading: str
    units: tuple[UnitView | None, UnitView | None]


async def _compare(request: Request, session: Session) -> Response:
    return await _both(request, session, blind=False)


async def _blind(request: Request, session: Session) -> Response:
    return await _both(request, session, blind=True)


async def _both(request: Request, session: Session, *, blind: bool) -> Response:
    """Both outputs, aligned by unit. Blind, nothing says which is which, and the order is the reviewer's own."""
    job_id = job_id_of(request)

    def gather(tx: Tx) -> tuple[JobView, tuple[Reading, Reading] | None]:
        view = reading.view(tx, job_id)
        if view.pair is None:
            return view, None
        pair = _in_order(view, session) if blind else [attempt.id for attempt in view.pair]
        return view, (
            reading.read_attempt(tx, view.report, pair[0]),
            reading.read_attempt(tx, view.report, pair[1]),
        )

    view, pair = await read(gather)
    measures = () if blind else await read(lambda tx: measures_of(tx, view.report))
    if pair is None:
        return message(request, 404, "There is one output only", "Both paths of a job must have written something.")

    def made() -> str:
        rows = _rows(job_id, pair, blind=blind)
        if blind:
            seen = unveiled(request, session.reviewer)
            return render(request, "blind.html", view=view, readings=pair, rows=rows, seen=seen)
        return render(request, "compare.html", view=view, readings=pair, rows=rows, measures=measures)

    response = HTMLResponse(await asyncio.to_thread(made))
    return response if blind else _named(request, session, view, response)


def _in_order(view: JobView, session: Session) -> list[AttemptId]:
    """The two outputs in the order in which this reviewer sees them blind."""
    assert view.pair is not None
    pair = [attempt.id for attempt in view.pair]
    return pair[::-1] if swapped(view.report.id, session.reviewer) else pair


def _rows(job_id: JobId, pair: tuple[Reading, Reading], *, blind: bool) -> list[_RowView]:
    names = [
        f"side={side}" if blind else urlencode({"attempt": r.attempt.id}) for side, r in zip("ab", pair, strict=True)
    ]
    sides = list(zip(pair, names, strict=True))
    rows = aligned(pair[0].output.outline, pair[1].output.outline)
    return [
        _row(*(_cell(job_id, *side, unit) for side, unit in zip(sides, (row.left, row.right), strict=True)))
        for row in rows
    ]


def _cell(job_id: JobId, reading: Reading, names: str, entry: OutlineUnit | None) -> UnitView | None:
    if entry is None:
        return None
    return unit_view(job_id, reading, reading.output.units.get(entry.id), entry.id, entry.heading, names)


def _row(left: UnitView | None, right: UnitView | None) -> _RowView:
    same = left is not None and right is not None and left.heading == right.heading
    return _RowView(heading=left.heading if left is not None and same else "", units=(left, right))


async def _citation(request: Request, session: Session) -> Response:
    """The source of one citation, open at the words that were found there."""
    job_id, asked = job_id_of(request), request.query_params
    count = number(asked.get("n"))

    def gather(tx: Tx) -> tuple[JobReport, CheckedCitation, int | None, Source | None]:
        view = reading.view(tx, job_id)
        attempt = attempts.get(tx, _asked_for(view, session, asked.get("attempt"), asked.get("side")))
        if count is None:
            raise LookupError(asked.get("n"))
        checked = reading.citation(tx, attempt, asked.get("unit", "").replace("\0", ""), count)
        opened = checked.source if checked.start is not None else checked.found_in or checked.source
        try:
            position, source = reading.source(tx, job_id, name=opened)
        except LookupError:  # the output names a source that the job does not have
            return view.report, checked, None, None
        return view.report, checked, position, source

    report, checked, position, source = await read(gather)
    start, end = _place(checked, source)
    altered = checked.status is CitationStatus.ALTERED and source is not None and start is not None
    stretch = source.text[start:end] if source is not None and altered else ""
    return page(
        request,
        "source.html",
        report=report,
        checked=checked,
        position=position,
        excerpt=None if source is None else around(source, start or 0, end if start is not None else None),
        found=start is not None,
        pieces=word_difference(stretch, checked.quote) if altered else (),
        changes=difference(stretch, checked.quote) if altered else (),
    )


def _asked_for(view: JobView, session: Session, attempt: str | None, side: str | None) -> AttemptId:
    """The attempt that the address names, by its id or by its side in a blind reading; it belongs to this job."""
    if side in ("a", "b") and view.pair is not None:
        return _in_order(view, session)["ab".index(side)]
    found = next((each.id for each in view.report.attempts if each.id == attempt), None)
    if found is None:
        raise LookupError(attempt)
    return found


def _place(checked: CheckedCitation, source: Source | None) -> tuple[int | None, int | None]:
    """Where the quote stands in the source that is opened, which may be another one than it names."""
    if checked.start is not None or source is None or checked.found_in != source.name:
        return checked.start, checked.end
    (elsewhere,) = check_citations([Citation(source=source.name, quote=checked.quote)], [source])
    return elsewhere.start, elsewhere.end


async def _source(request: Request, _session: Session) -> Response:
    """A source of the job, from any place on."""
    job_id, wanted = job_id_of(request), request.path_params["position"]
    if wanted > _MOST_SOURCES:
        raise LookupError(wanted)
    at = number(request.query_params.get("at")) or 0
    report, (position, source) = await read(
        lambda tx: (reading.view(tx, job_id).report, reading.source(tx, job_id, position=wanted))
    )
    return page(
        request,
        "source.html",
        report=report,
        checked=None,
        position=position,
        excerpt=around(source, at),
        found=False,
        pieces=(),
        changes=(),
    )


async def _nothing(request: Request, _session: Session) -> Response:
    """What stands beside the document before a citation is opened."""
    job_id = job_id_of(request)
    report = (await read(lambda tx: reading.view(tx, job_id))).report
    return page(request, "nothing.html", report=report)


inbox = reader(_inbox)
jobs = reader(_jobs)
trends = reader(_trends)
document = reader(_document)
figures = reader(_figures)
compare = reader(_compare)
blind = reader(_blind)
citation = reader(_citation)
source = reader(_source)
nothing = reader(_nothing)
