"""Whether a Prefect server can be asked, and what is said of one that cannot."""

import asyncio
import os
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from throughline.errors import BadInput

_PATIENCE_S = 5.0


async def require_answer() -> None:
    """Raise `BadInput` unless the server answers: asked before a run in this process that it is to show."""
    from prefect.client.orchestration import get_client  # a second to import

    with reached(instead="Or unset PREFECT_API_URL to run without one."):
        async with get_client() as client:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await client.api_version()  # which, unlike the health check, needs the password
            except TimeoutError:
                raise httpx.ConnectTimeout(f"no answer in {_PATIENCE_S:.0f} s") from None


@contextmanager
def reached(instead: str = "Or set PREFECT_API_URL to yours.") -> Generator[None]:
    """One sentence, `BadInput`, where the server is away or does not know us; other errors pass."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise _refused(error) from error
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise BadInput(
            f"The Prefect server at {_server()} cannot be reached ({error}). Start one with: throughline serve. "
            f"{instead}"
        ) from error


def _refused(error: httpx.HTTPStatusError) -> Exception:
    status = error.response.status_code
    if status in (401, 403):
        return BadInput(
            f"The Prefect server at {_server()} wants a password. Set PREFECT_API_AUTH_STRING to its user:password."
        )
    if status == 404 or status >= 500:
        return BadInput(
            f"No Prefect server answers at {_server()}: the status is {status}. Set PREFECT_API_URL to one; the "
            "address ends in /api."
        )
    return error


def _server() -> str:
    """Its address without credentials."""
    url = urlsplit(os.environ.get("PREFECT_API_URL", ""))
    return url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
