"""What is told about a job: the one shape behind `run --json`, `show --json` and every printed table."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from throughline.domain import policy
from throughline.domain.job import AttemptId, AttemptStatus, JobId, JobSpec, JobStatus, Path, Role
from throughline.domain.plan import Plan
from throughline.domain.plan import to_json as plan_to_json
from throughline.domain.policy import Verdict
from throughline.domain.pricing import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationCounts:
    """How many quotes were found word for word, nearly, or not at all."""

    verified: int = 0
    altered: int = 0
    missing: int = 0

    def __add__(self, other: "CitationCounts") -> "CitationCounts":
        return CitationCounts(
            verified=self.verified + other.verified,
            altered=self.altered + other.altered,
            missing=self.missing + other.missing,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptReport:
    """One attempt with everything it used.

    `lost_calls` have a cost that nobody can know any more, `open_calls` one that is not known yet; each has
    its upper end beside it.
    """

    id: AttemptId
    path: Path
    role: Role
    status: AttemptStatus
    continues_attempt_id: AttemptId | None
    units: int
    units_wanted: int | None
    calls: int
    lost_calls: int
    lost_at_most_usd: Decimal
    open_calls: int
    open_at_most_usd: Decimal
    usage: Usage
    wasted_tokens: int
    cost_usd: Decimal
    stop_reason: str | None
    reason: str | None
    citations: CitationCounts
    started_at: datetime
    finished_at: datetime | None
    verdict: Verdict | None = None

    @property
    def wall_s(self) -> float | None:
        """Seconds from start to end; None while it runs."""
        return None if self.finished_at is None else (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """A job, its plan and its attempts, as the ledger has them."""

    id: JobId
    spec: JobSpec
    title: str
    status: JobStatus
    reason: str | None
    simulated: bool
    sources: tuple[str, ...]
    plan: Plan | None
    attempts: tuple[AttemptReport, ...]
    published_attempt_id: AttemptId | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def cost_usd(self) -> Decimal:
        """Everything that was paid for this job, wasted attempts included."""
        return sum((attempt.cost_usd for attempt in self.attempts), Decimal(0))


def to_json(report: JobReport) -> dict[str, Any]:
    """The report as one JSON object; money is a string of dollars, exact."""
    return {
        "job_id": report.id,
        "kind": report.spec.kind,
        "title": report.title,
        "status": report.status,
        "reason": report.reason,
        "simulated": report.simulated,
        "model": report.spec.model,
        "sources": list(report.sources),
        "plan": plan_json(report.plan),
        "attempts": [_attempt_json(attempt) for attempt in report.attempts],
        "published_attempt_id": report.published_attempt_id,
        "cost_usd": dollars(report.cost_usd),
        "created_at": report.created_at.isoformat(),
        "finished_at": report.finished_at.isoformat() if report.finished_at else None,
    }


def plan_json(plan: Plan | None) -> dict[str, Any] | None:
    """The plan with its derived figures, `choice` first."""
    if plan is None:
        return None
    data = plan_to_json(plan)
    for path in (plan.single_pass, plan.chunked):
        data[path.path] |= {"feasible": path.feasible, "expected_total_usd": str(path.expected_total_usd)}
    return {"choice": "both" if plan.run_both else plan.chosen, **data}


def dollars(usd: Decimal) -> str:
    """Exact dollars without an exponent or trailing zeros."""
    text = f"{usd:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _attempt_json(attempt: AttemptReport) -> Mapping[str, Any]:
    usage = attempt.usage
    return {
        "id": attempt.id,
        "path": attempt.path,
        "role": attempt.role,
        "status": attempt.status,
        "continues_attempt_id": attempt.continues_attempt_id,
        "units": attempt.units,
        "units_wanted": attempt.units_wanted,
        "calls": attempt.calls,
        "lost_calls": attempt.lost_calls,
        "lost_at_most_usd": dollars(attempt.lost_at_most_usd),
        "open_calls": attempt.open_calls,
        "open_at_most_usd": dollars(attempt.open_at_most_usd),
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "thinking_tokens": usage.thinking_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "wasted_tokens": attempt.wasted_tokens,
        "cost_usd": dollars(attempt.cost_usd),
        "stop_reason": attempt.stop_reason,
        "reason": attempt.reason,
        "citations": {
            "verified": attempt.citations.verified,
            "altered": attempt.citations.altered,
            "missing": attempt.citations.missing,
        },
        "verdict": None if attempt.verdict is None else policy.to_json(attempt.verdict),
        "wall_s": attempt.wall_s,
    }
