"""The application: routes, the headers of every answer, and the ledger that its handlers find open."""

import asyncio
from contextvars import Context, copy_context
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review import calibration, comparing, deciding, pages, signing_in
from review.access import Access
from review.web import Site, Wake, message, missing, refused, unsuited

_HERE = Path(__file__).parent
# Nothing is fetched from elsewhere, nothing runs but our own file, and nobody frames these pages but they themselves:
# the source beside the document is a frame, so that it works without JavaScript.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


def create_app(access: Access, *, reviewer: str, simulate: bool = False, wake: Wake | None = None) -> Starlette:
    """The pages over the ledger that is open around the caller (`runtime.opened`).

    `wake` is told of each decided job, so that the flow run which waited for it ends at once.
    """
    site = Site(access=access, reviewer=reviewer, simulate=simulate, wake=wake)
    routes = [
        Route("/login", signing_in.login, methods=["GET", "POST"]),
        Route("/logout", signing_in.logout, methods=["POST"]),
        Route("/", pages.inbox),
        Route("/jobs", pages.jobs),
        Route("/trends", pages.trends),
        Route("/comparison", comparing.comparison),
        Route("/costs", comparing.costs),
        Route("/calibration", calibration.calibration),
        Route("/jobs/{job_id:uuid}", pages.document),
        Route("/jobs/{job_id:uuid}/figures", pages.figures),
        Route("/jobs/{job_id:uuid}/compare", pages.compare),
        Route("/jobs/{job_id:uuid}/blind", pages.blind),
        Route("/jobs/{job_id:uuid}/citation", pages.citation),
        Route("/jobs/{job_id:uuid}/source/{position:int}", pages.source),
        Route("/jobs/{job_id:uuid}/nothing", pages.nothing),
        Route("/jobs/{job_id:uuid}/decide", deciding.decide, methods=["POST"]),
        Route("/beats", deciding.beats, methods=["POST"]),
        Mount("/static", StaticFiles(directory=_HERE / "static"), name="static"),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(_Guarded), Middleware(_Within, context=copy_context())],
        exception_handlers={LookupError: missing, 404: missing, 405: unsuited, 403: refused, Exception: _broken},
    )
    app.state.site = site
    return app


def _broken(request: Request, _error: Exception) -> Response:
    """The page for a mistake of ours, which goes into the log. It is sent outside of what guards other answers."""
    response = message(request, 500, "This did not work", "The reason is in the log of throughline review.")
    response.headers.update(_HEADERS | {"cache-control": "no-store"})
    return response


class _Guarded:
    """Every answer carries the headers, errors too; what a session sees stays out of shared caches."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, guarded)


class _Within:
    """Handlers run in the context in which the app was made: servers begin each request in an empty one."""

    def __init__(self, app: ASGIApp, *, context: Context) -> None:
        self._app = app
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def run() -> None:
            await self._app(scope, receive, send)

        await asyncio.create_task(run(), context=self._context.copy())
