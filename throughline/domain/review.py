"""A person's decision on a job that stopped for one."""

from dataclasses import dataclass
from enum import StrEnum

from throughline.domain.job import AttemptId, Path


class Choice(StrEnum):
    """What a person may decide."""

    APPROVE = "approve"
    REJECT = "reject"
    RERUN = "rerun"


class Origin(StrEnum):
    """Where a decision came from."""

    PAGE = "page"
    COMMAND = "command"
    PREFECT = "prefect"
    CLOCK = "clock"


class OnExpiry(StrEnum):
    """What becomes of a review that nobody decided in time."""

    REJECT = "reject"
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who decided what, why, and how long they read.

    `minutes` None takes what the review page measured. An approval may name the attempt whose output is
    published; a rerun may name the path.
    """

    choice: Choice
    reviewer: str
    reason: str = ""
    minutes: float | None = None
    attempt_id: AttemptId | None = None
    path: Path | None = None
    came_from: Origin
