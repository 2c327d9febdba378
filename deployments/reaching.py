"""What is said of a Prefect server that cannot be asked."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from throughline.errors import BadInput


@contextmanager
def reached() -> Generator[None]:
    """One sentence, `BadInput`, where the server is away or does not know us; other errors pass."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise _refused(error) from error
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise BadInput(
            f"The Prefect server at {_server()} cannot be reached ({error}). Start one with: throughline serve. "
            "Or set PREFECT_API_URL to yours."
        ) from error


def _refused(error: httpx.HTTPStatusError) -> Exception:
    if error.response.status_code not in (401, 403):
        return error
    return BadInput(
        f"The Prefect server at {_server()} wants a password. Set PREFECT_API_AUTH_STRING to its user:password."
    )


def _server() -> str:
    """Its address without credentials."""
    url = urlsplit(os.environ.get("PREFECT_API_URL", ""))
    return url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
