"""What a person changes: the decision on a job, and the seconds in which they read."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from review.access import Session
from review.blind import swapped, unveiled
from review.reading import JobView, view
from review.web import job_id_of, message, number, page, site, writer
from storage import reviews
from storage.engine import Tx
from tasks import deciding, runtime
from tasks.saving import read, saved
from throughline.domain.comparison import path_of
from throughline.domain.job import AttemptId, JobId, Path
from throughline.domain.report import AttemptReport
from throughline.domain.review import Blind, Choice, Decision, Origin
from throughline.errors import ThroughlineError

_LONGEST_REASON = 4_000
_OLDEST_BEAT_S = 300
_EARLIEST_BEAT_S = 2  # clocks of one machine agree; this much is the rounding


async def _decide(request: Request, session: Session, form: Mapping[str, str]) -> Response:
    job_id = job_id_of(request)
    found = await read(lambda tx: view(tx, job_id))
    await _keep(job_id, form)
    try:
        seen = unveiled(request, session.reviewer)
        again = await deciding.decide(job_id, _decision(found, session, form, seen=seen))
    except ThroughlineError as error:  # late, twice, or nothing to approve: said as it is
        return message(request, 409, "Nothing was changed", str(error))
    told = await read(lambda tx: view(tx, job_id))
    response = page(request, "decided.html", view=told, again=again)
    if (wake := site(request).wake) is not None:
        response.background = BackgroundTask(wake, job_id)
    return response


def _decision(found: JobView, session: Session, form: Mapping[str, str], *, seen: bool) -> Decision:
    """What the form says. Where the reviewer has `seen` which path wrote what, no verdict is blind."""
    try:
        choice = Choice(form.get("choice", Choice.APPROVE if "side" in form else ""))
    except ValueError:
        raise HTTPException(403, "Choose approve, reject or rerun.") from None
    attempt = _attempt(found, session, form) if choice is Choice.APPROVE else None
    blind = _blind(found, session, attempt) if "blind" in form and not seen else None
    path = form.get("path", "")
    return Decision(
        choice=choice,
        reviewer=session.reviewer,
        reason=_reason(blind, form, seen=seen),
        attempt_id=attempt,
        path=Path(path) if choice is Choice.RERUN and path in set(Path) else None,
        budget_usd=_budget(form.get("budget_usd", "")) if choice is Choice.RERUN else None,
        note=form.get("note", "").strip()[:_LONGEST_REASON] if choice is Choice.RERUN else "",
        blind=blind,
        came_from=Origin.PAGE,
    )


def _budget(typed: str) -> Decimal | None:
    """Dollars; none for an empty field, which keeps the old limit."""
    if not typed.strip():
        return None
    if not re.fullmatch(r"\s*\$?\d{1,7}(\.\d{1,6})?\s*", typed, re.ASCII) or not float(typed.strip(" $")):
        raise HTTPException(403, "The budget is an amount of dollars, like 2.50. Nothing was decided.")
    return Decimal(typed.strip().removeprefix("$"))


def _attempt(found: JobView, session: Session, form: Mapping[str, str]) -> AttemptId | None:
    """The named attempt, or the side that a blind reader preferred; None leaves it to the job."""
    if named := form.get("attempt"):
        return AttemptId(named)
    side, pair = form.get("side"), _as_shown(found, session)
    if side in ("a", "b") and pair is not None:
        return pair["ab".index(side)].id
    if "blind" in form:
        raise HTTPException(403, "Choose A or B to approve one of them. Nothing was decided.")
    return None


def _as_shown(found: JobView, session: Session) -> Sequence[AttemptReport] | None:
    """Both outputs in the order in which this reviewer sees them blind."""
    if found.pair is None:
        return None
    return found.pair[::-1] if swapped(found.report.id, session.reviewer) else found.pair


def _blind(found: JobView, session: Session, chosen: AttemptId | None) -> Blind | None:
    """What a blind reader preferred; None when no side was approved."""
    pair = _as_shown(found, session)
    preferred = next((each for each in pair or () if each.id == chosen), None)
    if pair is None or preferred is None:
        return None
    return Blind(preferred=path_of(preferred, found.report), shown_first=path_of(pair[0], found.report))


def _reason(blind: Blind | None, form: Mapping[str, str], *, seen: bool) -> str:
    reason = form.get("reason", "").strip()[:_LONGEST_REASON]
    if "blind" not in form:
        return reason
    if seen:
        return f"{reason} (compared without paths, which were known already)".strip()
    preferred = "" if blind is None else f", preferred {blind.preferred}"
    return f"{reason} (compared blind{preferred})".strip()


async def _beats(_request: Request, _session: Session, form: Mapping[str, str]) -> Response:
    """Seconds of reading, sent every few of them."""
    await _keep(JobId(form.get("job", "")), form)
    return Response(status_code=204)


async def _keep(job_id: JobId, form: Mapping[str, str]) -> None:
    """Keep the form's seconds of reading. Those of long ago and those to come are nobody's and are left out."""
    now_s = int(runtime.now().timestamp())
    told = [number(text) for text in form.get("seconds", "").split(",")[:_OLDEST_BEAT_S]]
    latest = now_s + _EARLIEST_BEAT_S
    seconds = [second for second in told if second is not None and now_s - _OLDEST_BEAT_S <= second <= latest]

    def write(tx: Tx) -> None:
        if (review := reviews.open_of(tx, job_id)) is not None:
            reviews.add_reading(tx, review.id, seconds)

    if seconds:
        await saved(write, durable=False)


decide = writer(_decide)
beats = writer(_beats)
