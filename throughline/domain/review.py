"""A person's decision on a job that stopped for one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from throughline.domain.job import AttemptId, JobSpec, Path, PathChoice


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
class Blind:
    """Which path's output somebody preferred without knowing it, and which one stood on the left."""

    preferred: Path
    shown_first: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindCounts:
    """Many such verdicts: how often each path was preferred, and how often the one that was shown first."""

    preferred: Mapping[Path, int]
    shown_first: int

    @property
    def sentence(self) -> str:
        """The counts and nothing more: preferring is one person's word on one job."""
        read = sum(self.preferred.values())
        if read == 0:
            return "Nobody has decided after a blind reading yet."
        told = ", ".join(f"{path.replace('_', ' ')} {count}" for path, count in self.preferred.items())
        return f"Preferred blind: {told}. The output that was shown first: {self.shown_first} of {read}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who decided what, why, and how long they read.

    `minutes` None takes what the review page measured. An approval may name the attempt whose output is published, and
    after a blind reading what was preferred. A rerun may name the path, another budget, and a word to the writer,
    which joins the instructions.
    """

    choice: Choice
    reviewer: str
    reason: str = ""
    minutes: float | None = None
    attempt_id: AttemptId | None = None
    path: Path | None = None
    budget_usd: Decimal | None = None
    note: str = ""
    blind: Blind | None = None
    came_from: Origin


def rerun_of(spec: JobSpec, ran: Path, decision: Decision) -> JobSpec:
    """What a rerun is to write: by the named path or the one that was not taken, under the same limits but these."""
    other = Path.CHUNKED if ran is Path.SINGLE_PASS else Path.SINGLE_PASS
    instructions = "\n\n".join(part for part in (spec.instructions, decision.note.strip()) if part)
    return spec.model_copy(
        update={
            "path": PathChoice(decision.path or other),
            "budget_usd": decision.budget_usd or spec.budget_usd,
            "instructions": instructions,
        }
    )


def choices(*, approvable: bool, costs: Sequence[tuple[Path, Decimal]]) -> str:
    """What a person may do, and what going on would cost by each feasible path (expected USD)."""
    told = ", ".join(f"{path.replace('_', ' ')} about ${usd:.2f}" for path, usd in costs)
    again = f", or run it again ({told})" if told else ""
    if not approvable:
        return f"Reject it{again}."
    return f"Approve it as it is, reject it{again}." if again else "Approve it as it is, or reject it."
