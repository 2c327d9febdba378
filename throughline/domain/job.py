"""A job: one document task, as the person asked for it.

`JobSpec` is where untrusted input enters (command line, flow parameters, the database), so it is a
pydantic model; everything behind it uses frozen dataclasses.
"""

import operator
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, NewType

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from throughline.errors import BadInput

JobId = NewType("JobId", str)
AttemptId = NewType("AttemptId", str)
CallId = NewType("CallId", str)
BatchId = NewType("BatchId", str)


class Kind(StrEnum):
    """What is to be written."""

    SUMMARY = "summary"
    CODE_REVIEW = "code_review"
    RESEARCH_REPORT = "research_report"
    SYNTHESIS = "synthesis"


class Path(StrEnum):
    """How the output is produced."""

    SINGLE_PASS = "single_pass"
    CHUNKED = "chunked"


class PathChoice(StrEnum):
    """Which path the person wants; `auto` leaves it to the plan."""

    AUTO = "auto"
    SINGLE_PASS = "single_pass"
    CHUNKED = "chunked"
    BOTH = "both"


class Depth(StrEnum):
    """How much is written about each stretch of the sources."""

    BRIEF = "brief"
    STANDARD = "standard"
    EXHAUSTIVE = "exhaustive"


class ReviewMode(StrEnum):
    """When a person reads the output before it counts as done."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Effort(StrEnum):
    """How long the model thinks before it writes (`output_config.effort`)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Role(StrEnum):
    """Why an attempt exists."""

    PRIMARY = "primary"
    FALLBACK = "fallback"
    COMPARISON = "comparison"
    REPAIR = "repair"


class JobStatus(StrEnum):
    """Where a job stands. The last six are ends; `throughline.domain.ledger` has the moves between them."""

    REGISTERED = "registered"
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    ESCALATED = "escalated"
    REJECTED = "rejected"
    FAILED = "failed"
    BUDGET = "budget"
    CANCELLED = "cancelled"

    @property
    def asks(self) -> bool:
        """Whether a person is asked what becomes of the job."""
        return self in (JobStatus.ESCALATED, JobStatus.BUDGET)


class AttemptStatus(StrEnum):
    """Where an attempt stands.

    `complete`: every unit of the outline and the closing are written. `short`: it ended with units
    missing, and what it wrote is kept. `failed`: it ended with nothing usable.
    """

    RUNNING = "running"
    COMPLETE = "complete"
    SHORT = "short"
    FAILED = "failed"


def _open(knob: object) -> bool:
    return knob is None


class JobSpec(BaseModel):
    """Everything that decides what a job writes and what it may cost.

    Sources are not part of it: they are stored by content and belong to the job by reference. A `sensitive` job
    is sent over one path only, unless both are asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    model: str
    path: PathChoice = PathChoice.AUTO
    depth: Depth = Depth.STANDARD
    instructions: str = ""
    title: str = ""
    effort: Effort = Effort.MEDIUM
    budget_usd: Annotated[Decimal, Field(gt=0)] | None = None
    deadline_s: Annotated[int, Field(gt=0)] | None = None
    review: ReviewMode = ReviewMode.AUTO
    # Never written where it is false or open, so that a job of before there was such a field is still the same job.
    sensitive: bool = Field(default=False, exclude_if=operator.not_)
    # A team's knobs, for this job alone; what is left open follows from the settings.
    review_usd_per_hour: Annotated[Decimal, Field(ge=0)] | None = Field(default=None, exclude_if=_open)
    waiting_usd_per_hour: Annotated[Decimal, Field(ge=0)] | None = Field(default=None, exclude_if=_open)
    risk_of_cut: Annotated[float, Field(gt=0, lt=1)] | None = Field(default=None, exclude_if=_open)


def specified(**given: Any) -> JobSpec:  # Any: whatever the fields take
    """The spec; `BadInput` says in one sentence what is wrong with what a person typed."""
    try:
        return JobSpec(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        words = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        raise BadInput(f"{first['loc'][0]} must be {words}; correct it and start the job again.") from None
