"""What every handler needs: who asks, what they sent, and how a page is made."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from review import prose
from review.access import COOKIE, Access, Session
from review.reading import age_words
from tasks import runtime
from throughline.domain import measures
from throughline.domain.job import JobId

_LARGEST_FORM = 262_144  # two fields of 4,000 characters that take up to twelve bytes each, and room
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


Wake = Callable[[JobId], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the pages were started with."""

    access: Access
    reviewer: str
    simulate: bool
    wake: Wake | None


def site(request: Request) -> Site:
    """The site that answers this request."""
    return request.app.state.site


def session_of(request: Request) -> Session | None:
    """The session whose cookie came with the request."""
    return site(request).access.session(request.cookies.get(COOKIE), runtime.now().timestamp())


Reader = Callable[[Request, Session], Awaitable[Response]]
Writer = Callable[[Request, Session, Mapping[str, str]], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def reader(handler: Reader) -> Endpoint:
    """A page for somebody who is logged in; others are sent to the login and come back."""

    @wraps(handler)
    async def endpoint(request: Request) -> Response:
        session = session_of(request)
        if session is None:
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?next={quote(wanted, safe='')}", status_code=303)
        return await handler(request, session)

    return endpoint


def writer(handler: Writer) -> Endpoint:
    """A change: by somebody who is logged in, from a page of theirs."""

    @wraps(handler)
    async def endpoint(request: Request) -> Response:
        session = session_of(request)
        if session is None:
            raise HTTPException(403, "You are not logged in any more. Open the login page, then send it again.")
        form = await form_of(request)
        if not site(request).access.proves(session, form.get("proof", "")):
            raise HTTPException(403, "This form does not come from a page of your session. Load the page again.")
        return await handler(request, session, form)

    return endpoint


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a small form from our own pages, the last value of each."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise HTTPException(403, "This form comes from another site.")
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/x-www-form-urlencoded":
        raise HTTPException(403, "This is not one of our forms.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            raise HTTPException(403, "This form is too large.")
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise HTTPException(403, "This form has too many fields.") from None
    return {name: values[-1].replace("\0", "") for name, values in fields.items()}


def job_id_of(request: Request) -> JobId:
    """The job of the address: a uuid by its route, so nothing else gets this far."""
    return JobId(str(request.path_params["job_id"]))


def job_id(text: str | None) -> JobId | None:
    """The job that a part of an address names; None for anything that no job can be called."""
    try:
        return None if text is None else JobId(str(uuid.UUID(text)))
    except ValueError:
        return None


def number(text: str | None) -> int | None:
    """A number of at most ten digits in an address or a form; None for anything else."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    return int(text)


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """The page, whole. Any: templates take any value."""
    return HTMLResponse(render(request, template, **values), status_code=status)


def render(request: Request, template: str, **values: Any) -> str:
    """The template with what every page shows."""
    session = session_of(request)
    known = {
        "session": session,
        "proof": "" if session is None else site(request).access.proof(session),
        "simulate": site(request).simulate,
        "path": request.url.path,
        "now": runtime.now(),
    }
    return _TEMPLATES.get_template(template).render(known | values)


def message(request: Request, status: int, heading: str, sentence: str) -> HTMLResponse:
    """A page that says one thing."""
    return page(request, "message.html", status=status, heading=heading, sentence=sentence)


def missing(request: Request, _error: Exception) -> Response:
    """The page for what is not there."""
    return message(request, 404, "There is nothing here", "No page, job or source has this address.")


def unsuited(request: Request, _error: Exception) -> Response:
    """The page for an address that only takes forms: somebody opened what a button sends to."""
    return message(request, 405, "Nothing was changed", "This address takes a form of these pages only.")


def refused(request: Request, error: Exception) -> Response:
    """The page for what was not allowed, with the way out."""
    sentence = error.detail if isinstance(error, HTTPException) else "This is not allowed."
    return message(request, 403, "Refused", sentence)


def _usd(amount: Any) -> str:  # Any: Decimal or float
    return f"${amount:,.4f}"


def _clock(when: datetime | None) -> str:
    return "-" if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def _words(value: object) -> str:
    return prose.visible(str(value).replace("_", " "))


def _figure(value: int | float | Decimal) -> str:
    if isinstance(value, Decimal):
        return _usd(value)
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def _value(value: Decimal | None, unit: str) -> str:
    return measures.told(value, unit)


def _difference(value: Decimal | float | None, unit: str) -> str:
    return measures.told_difference(None if value is None else Decimal(str(value)), unit)


_FILTERS: dict[str, Callable[..., Any]] = {
    "usd": _usd,
    "figure": _figure,
    "value": _value,
    "difference": _difference,
    "clock": _clock,
    "duration": _duration,
    "prose": prose.html,
    "inline": prose.line,
    "visible": prose.visible,
    "age": age_words,
    "words": _words,
}
cast("dict[str, Any]", _TEMPLATES.filters).update(_FILTERS)  # Any: their types are Jinja's affair
