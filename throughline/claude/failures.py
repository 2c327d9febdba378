"""Every way in which the SDK can fail, translated once.

What matters is whether the request may have been accepted. A refusal with a status was not. A connection
that was never made was not. A connection that broke afterwards, or a server error, may have been.
"""

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

import anthropic
import httpx2

from throughline.errors import (
    AccessRefused,
    Ambiguous,
    NotFound,
    Redirected,
    Rejected,
    Retryable,
    SpendLimitReached,
    ThroughlineError,
)

_NEVER_CONNECTED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_MISSHAPEN = (
    AttributeError,  # the SDK hands on what is no JSON, a gateway's page, as a text
    LookupError,
    TypeError,
    ValueError,
    RecursionError,  # JSON that is nested without an end
    anthropic.APIResponseValidationError,
)
# That a workspace's own limit is spent, or no credit is left, comes as a bad request without a code of its own.
# What these words do not fit concerns the request.
_ACCOUNT = re.compile(r"usage limits?|spend(ing)? limit|credit balance", re.IGNORECASE)


@contextmanager
def translated() -> Generator[None]:
    """Raise our errors in place of the SDK's, and of those that reach past it."""
    try:
        yield
    except anthropic.APIStatusError as error:
        raise of_status(error) from error
    except anthropic.APIConnectionError as error:
        if isinstance(error.__cause__, _NEVER_CONNECTED):
            raise Retryable(f"Could not reach the API: {error.__cause__}") from error
        raise Ambiguous(f"The connection broke before an answer came: {error}") from error
    except httpx2.HTTPError as error:  # a stream that breaks is not wrapped by the SDK
        raise Ambiguous(f"The connection broke in the middle of an answer: {error}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:  # e.g. a results file that ends inside a line
        raise Ambiguous("The answer ended in the middle of a line, or is not JSON.") from error
    except _MISSHAPEN as error:
        raise Ambiguous(f"The answer does not have the form of the API: {error}") from error


def of_status(error: anthropic.APIStatusError) -> ThroughlineError:
    """What an answer with an error status means to us."""
    said = f"{error.api_message or error.message} (HTTP {error.status_code}, request {error.request_id})"
    match error.status_code:
        case 401 | 403:
            return AccessRefused(f"The API refused the key: {said}. Check ANTHROPIC_API_KEY.")
        case 402:
            return SpendLimitReached(f"The account cannot pay: {said}.")
        case 400 if _ACCOUNT.search(said):
            return SpendLimitReached(f"The account or its workspace has reached a limit: {said}.")
        case 404:
            return NotFound(f"Not found: {said}")
        case 429 if error.error_code == "enforced_spend_limit_reached":
            return SpendLimitReached(f"The account's spend limit is reached: {said}.")
        case 408 | 409 | 429 | 503 | 529:
            return Retryable(f"The API is busy: {said}", retry_after_s=_retry_after_s(error))
        case 301 | 302 | 307 | 308:
            return Redirected(
                f"The API answers with a redirect to {_host_of_redirect(error)} (HTTP {error.status_code}). Documents "
                "are sent to the configured address only: set ANTHROPIC_BASE_URL to the one that you mean."
            )
        case status if status < 400:  # an error event inside a stream that had begun
            return Ambiguous(f"The answer broke off: {said}")
        case status if status >= 500:
            return Ambiguous(f"The API failed: {said}")
        case _:
            return Rejected(f"The API refused the request: {said}")


def _host_of_redirect(error: anthropic.APIStatusError) -> str:
    """The host alone: an address may carry a password or a signature."""
    target = error.response.headers.get("location", "")
    try:
        return urlsplit(urljoin(str(error.request.url), target)).netloc.rpartition("@")[2]
    except ValueError:
        return "an address that is none"


def _retry_after_s(error: anthropic.APIStatusError) -> float | None:
    value = error.response.headers.get("retry-after")
    try:
        return None if value is None else max(0.0, float(value))
    except ValueError:
        return None
