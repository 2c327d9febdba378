"""Every error that Throughline raises on purpose, split by what the caller should do next.

    ThroughlineError
    ├── BadInput              the person fixes the request; nothing was spent
    │   └── Elsewhere         a batch is with another endpoint or key than the configured: it waits for that one
    ├── Retryable             the same call may succeed later
    │   └── BrokenOff         a body was not taken to its end, so that nothing was accepted
    ├── Ambiguous             the request may have been accepted: look before asking again
    │   └── Incomplete        a batch's results came to their end, and do not tell of each request
    ├── Rejected              the API refuses this request for good
    │   ├── NotFound          it knows no such path, model or batch (for a live batch this passes)
    │   └── ResultsExpired    it has deleted a batch's results, which no one can read any more
    ├── AccessRefused         the key or the account is not accepted: stop submitting
    │   └── Redirected        another address is named, and nothing is sent there
    ├── SpendLimitReached     the account's own limit: waiting does not help, a person does
    ├── BudgetExceeded        the job's or the day's budget does not cover the next call
    ├── CostUnknown           no price is known; a cost is never silently zero
    ├── JobBusy               another process works on this job
    │   └── UnderWay          a request for the same work turned up meanwhile: read the ledger anew
    └── BatchUnknown          the API denies to know a batch that it accepted: nothing is sent again

What the API *returns* (a stop reason, an errored or expired item) is data and is never raised.
"""

from decimal import Decimal


class ThroughlineError(Exception):
    """Something went wrong in a document job."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class BadInput(ThroughlineError):
    """The request cannot be carried out as it is written."""


class Elsewhere(BadInput):
    """A batch was sent to another endpoint, or with another key, than the configured one."""


class Retryable(ThroughlineError):
    """The API was busy or unreachable; the same call may succeed later."""

    def __init__(self, message: str | None = None, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BrokenOff(Retryable):
    """The connection broke before the end of a body was sent; nothing can have been accepted."""


class Ambiguous(ThroughlineError):
    """The connection ended before the answer came; the request may have been accepted."""


class Incomplete(Ambiguous):
    """The results came to their end and hold no readable line for one of the requests."""


class Rejected(ThroughlineError):
    """The API refused the request; sending it again changes nothing."""


class NotFound(Rejected):
    """The API does not know what was asked for."""


class ResultsExpired(Rejected):
    """The API has archived the batch: its results are deleted for good."""


class AccessRefused(ThroughlineError):
    """The API refused the key. Check ANTHROPIC_API_KEY and the account it belongs to."""


class Redirected(AccessRefused):
    """The API names another address. Set ANTHROPIC_BASE_URL to the one that you mean."""


class SpendLimitReached(ThroughlineError):
    """The account's spend limit is reached. Raise it in the Claude console, then run the job again."""


class BudgetExceeded(ThroughlineError):
    """The budget does not cover the next call."""

    def __init__(self, message: str | None = None, *, of_day_short_usd: Decimal | None = None) -> None:
        super().__init__(message)
        self.of_day_short_usd = of_day_short_usd  # what the day's budget lacks; None where it is the job's

    def may_fit(self, reserved_usd: Decimal) -> bool:
        """Whether the day may have room after all: calls under way, which hold that much of it, may cost less."""
        return self.of_day_short_usd is not None and reserved_usd >= self.of_day_short_usd


class CostUnknown(ThroughlineError):
    """No price is known for this model, so nothing is sent."""


class JobBusy(ThroughlineError):
    """Another process works on this job."""


class UnderWay(JobBusy):
    """A request for this work turned up that was taken for lost; it is not sent a second time."""


class BatchUnknown(ThroughlineError):
    """The API does not know a batch that it accepted."""
