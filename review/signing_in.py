"""Login by token and logout."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from review.access import COOKIE, LONGEST_NAME, SESSION_S
from review.web import form_of, page, session_of, site, writer
from tasks import runtime


async def login(request: Request) -> Response:
    """The form; or, with a token in the form or in the ready address that was printed at the start, a session."""
    fields = await form_of(request) if request.method == "POST" else dict(request.query_params)
    wanted = _local(fields.get("next", "/"))
    token = fields.get("token")
    if token is None:
        if session_of(request) is not None:
            return RedirectResponse(wanted, status_code=303)
        return _form(request, wanted)
    access, now_s = site(request).access, runtime.now().timestamp()
    address = request.client.host if request.client else ""
    if wait_s := access.wait_s(address, now_s):
        response = _form(request, wanted, status=429, error=f"Too many wrong tokens. Try again in {wait_s} seconds.")
        response.headers["retry-after"] = str(wait_s)
        return response
    if not access.fits(token):
        access.failed(address, now_s)
        return _form(request, wanted, status=403, error="This is not the token.")
    reviewer = " ".join(fields.get("reviewer", "").split())[:LONGEST_NAME] or site(request).reviewer
    response = RedirectResponse(wanted, status_code=303)
    _set(response, access.cookie(reviewer, now_s), SESSION_S, secure=request.url.scheme == "https")
    return response


async def _logout(request: Request, _session: object, _form: object) -> Response:
    response = RedirectResponse("/login", status_code=303)
    _set(response, "", 0, secure=request.url.scheme == "https")
    return response


logout = writer(_logout)


def _set(response: Response, value: str, seconds: int, *, secure: bool) -> None:
    response.set_cookie(COOKIE, value, max_age=seconds, httponly=True, samesite="lax", secure=secure, path="/")


def _form(request: Request, wanted: str, *, status: int = 200, error: str = "") -> Response:
    return page(request, "login.html", status=status, error=error, wanted=wanted, reviewer=site(request).reviewer)


def _local(wanted: str) -> str:
    """A place on these pages; anything that a browser might take for another site becomes the inbox."""
    plain = wanted.isascii() and wanted.isprintable() and "\\" not in wanted
    return wanted if plain and wanted.startswith("/") and not wanted.startswith("//") else "/"
