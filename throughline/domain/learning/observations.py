"""What one finished attempt shows about output length, and what was known before it began.

Only an attempt that ended belongs here. One that was cut at its cap shows "more than", never "exactly".
"""

import math
from dataclasses import dataclass
from datetime import datetime

SIZE_CLASS_EDGES = (4_000, 16_000, 64_000)  # one small link, one link, a few links, a long output (tokens)
SIZE_CLASS_NAMES = ("under 4K", "4K to 16K", "16K to 64K", "64K and more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a job before it runs.

    `prior_tokens` is what structure expects, `log_spread` the log standard deviation that structure states
    around it, and `worst_tokens` the structural worst case, used while nothing better is known. Strings
    are the values of the domain's enums; a replayed log may have others.
    """

    kind: str
    model: str
    depth: str
    path: str
    prompt_version: str
    prior_tokens: float
    worst_tokens: float
    log_spread: float
    source_tokens: int

    @property
    def epoch(self) -> tuple[str, str]:
        """Data of another model or prompt version are not exchangeable with this job."""
        return self.model, self.prompt_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One finished attempt: `censored` says that the output needed more than `actual_tokens`."""

    at: datetime
    profile: Profile
    actual_tokens: int
    censored: bool = False

    @property
    def log_residual(self) -> float:
        """log(actual / prior); an empty output counts as one token."""
        return math.log(max(self.actual_tokens, 1) / self.profile.prior_tokens)


def size_class(likely_tokens: float) -> int:
    """The class of a job by its *forecast* size: 0 to 3.

    A class must be known before the job runs. By actual size no bound can hold: the longest outputs are
    those that exceeded theirs.
    """
    return sum(likely_tokens >= edge for edge in SIZE_CLASS_EDGES)
