"""Both paths side by side: observed figures and their difference. No score, no winner."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from throughline.domain.job import AttemptId, Path, Role
from throughline.domain.report import AttemptReport, CitationCounts, JobReport, dollars


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one path took and gave, its fallback included."""

    path: Path
    status: str
    attempts: int
    units: int
    units_wanted: int | None
    calls: int
    input_tokens: int
    output_tokens: int
    wasted_tokens: int
    cost_usd: Decimal
    citations: CitationCounts
    wall_s: float | None


def sides(report: JobReport) -> tuple[Side, ...]:
    """One side a path that ran, the single pass first."""
    return tuple(
        _side(path, chosen)
        for path in Path
        if (chosen := [attempt for attempt in report.attempts if path_of(attempt, report) is path])
    )


def to_json(report: JobReport) -> list[dict[str, Any]]:  # Any: JSON values
    """The sides as the printed table has them: a fallback and a repair count for the path that they were made for."""
    return [
        {
            "path": side.path,
            "status": side.status,
            "attempts": side.attempts,
            "units": side.units,
            "units_wanted": side.units_wanted,
            "calls": side.calls,
            "input_tokens": side.input_tokens,
            "output_tokens": side.output_tokens,
            "wasted_tokens": side.wasted_tokens,
            "cost_usd": dollars(side.cost_usd),
            "citations": asdict(side.citations),
            "wall_s": side.wall_s,
        }
        for side in sides(report)
    ]


def path_of(attempt: AttemptReport, report: JobReport) -> Path:
    """The path that an attempt was made for: a fallback chain, and a repair after one, belong to the single pass."""
    if attempt.role is Role.FALLBACK:
        return Path.SINGLE_PASS
    if attempt.role is Role.REPAIR:
        continued = next(other for other in report.attempts if other.id == attempt.continues_attempt_id)
        return path_of(continued, report)
    return attempt.path


def published_of(report: JobReport) -> AttemptId | None:
    """The newest attempt whose output is complete and belongs to the chosen path, else any complete one."""
    complete = [attempt for attempt in report.attempts if attempt.status == "complete"]
    chosen = report.plan.chosen if report.plan else None
    preferred = [attempt for attempt in reversed(complete) if path_of(attempt, report) is chosen]
    return next((attempt.id for attempt in [*preferred, *complete]), None)


def _side(path: Path, attempts: Sequence[AttemptReport]) -> Side:
    last = attempts[-1]
    times = [attempt.wall_s for attempt in attempts]
    return Side(
        path=path,
        status=last.status,
        attempts=len(attempts),
        units=sum(attempt.units for attempt in attempts if attempt.role is not Role.REPAIR),  # it replaces units
        units_wanted=next((a.units_wanted for a in attempts if a.units_wanted is not None), None),
        calls=sum(attempt.calls for attempt in attempts),
        input_tokens=sum(attempt.usage.prompt_tokens for attempt in attempts),
        output_tokens=sum(attempt.usage.output_tokens for attempt in attempts),
        wasted_tokens=sum(attempt.wasted_tokens for attempt in attempts),
        cost_usd=sum((attempt.cost_usd for attempt in attempts), Decimal(0)),
        citations=sum((attempt.citations for attempt in attempts), CitationCounts()),
        wall_s=None if None in times else sum(time for time in times if time is not None),
    )
