"""What many jobs have in common: cost, minutes, cuts and forecasts, by path and output size, as the ledger has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

from review.plots import Plot, Point, scatter
from storage import checks, jobs, reports, reviews
from storage.engine import Tx
from storage.reviews import Review
from throughline.domain.ask import StopReason
from throughline.domain.comparison import path_of, sides
from throughline.domain.job import AttemptStatus, JobId, Path, Role
from throughline.domain.report import AttemptReport, JobReport

NEWEST = 200
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How often attempts of one path were cut, lacked units for any reason, and had to be finished by a chain."""

    path: Path
    attempts: int
    cut: int
    short: int
    fallbacks: int

    @property
    def cut_share(self) -> float:
        """Cut attempts of all."""
        return self.cut / self.attempts if self.attempts else 0.0

    @property
    def short_share(self) -> float:
        """Attempts that ended without all of their units, or with none."""
        return self.short / self.attempts if self.attempts else 0.0

    @property
    def fallback_share(self) -> float:
        """Attempts that a fallback had to finish."""
        return self.fallbacks / self.attempts if self.attempts else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """The page's figures. A plot is None while nothing can be drawn."""

    jobs: int
    simulated: bool
    plots: tuple[Plot, ...]
    rates: tuple[Rates, ...]
    minutes: float
    reviews: int


def gather(tx: Tx, *, simulated: bool, now: datetime) -> Trends:
    """The newest jobs that really ran, or those that were simulated: never both in one figure."""
    found = [reports.job(tx, job_id) for job_id in jobs.recent(tx, NEWEST, simulated=simulated)]
    found = [report for report in found if report.attempts]
    decided = reviews.decided_between(tx, _LONG_AGO, now, simulated=simulated)
    known = {report.id: report for report in found}
    plots = (
        scatter("Cost by path and output size", "output tokens", "USD", _costs(found)),
        scatter("Minutes of reading by path and output size", "output tokens", "minutes", _minutes(decided, known)),
        scatter("Output tokens: planned and needed", "planned", "needed", _forecasts(found), diagonal=True),
        scatter("Cost: planned and paid", "planned USD", "paid USD", _costs_planned(found), diagonal=True),
        scatter("Verified quotes by position", "tenth of the output", "share", _drift(tx, found), straight=True),
    )
    return Trends(
        jobs=len(found),
        simulated=simulated,
        plots=tuple(plot for plot in plots if plot is not None),
        rates=tuple(_rates(path, found) for path in Path),
        minutes=sum(review.minutes or 0 for review in decided),
        reviews=len(decided),
    )


def _costs(found: Sequence[JobReport]) -> list[Point]:
    return [
        Point(
            x=side.output_tokens,
            y=float(side.cost_usd),
            group=side.path,
            label=f"{report.title}: {side.output_tokens:,} tokens, ${side.cost_usd:.4f} ({side.path})",
        )
        for report in found
        for side in sides(report)
    ]


def _minutes(decided: Sequence[Review], known: dict[JobId, JobReport]) -> list[Point]:
    points: list[Point] = []
    for review in decided:
        if review.minutes and (report := known.get(review.job_id)) is not None:
            read = _read_in(report)
            path = path_of(read, report)
            label = f"{report.title}: {review.minutes:.1f} min ({path})"
            points.append(Point(x=read.usage.output_tokens, y=review.minutes, group=path, label=label))
    return points


def _read_in(report: JobReport) -> AttemptReport:
    """What a reviewer will have read: the published attempt, else the fullest."""
    return max(report.attempts, key=lambda attempt: (attempt.id == report.published_attempt_id, attempt.units))


def _primary(found: Sequence[JobReport]) -> list[tuple[JobReport, AttemptReport]]:
    """Attempts that wrote a whole output by themselves."""
    return [
        (report, attempt)
        for report in found
        for attempt in report.attempts
        if attempt.status is AttemptStatus.COMPLETE and attempt.role in (Role.PRIMARY, Role.COMPARISON)
    ]


def _forecasts(found: Sequence[JobReport]) -> list[Point]:
    return [
        Point(
            x=planned,
            y=attempt.usage.output_tokens,
            group=attempt.path,
            label=f"{report.title}: planned {planned:,}, needed {attempt.usage.output_tokens:,} ({attempt.path})",
        )
        for report, attempt in _primary(found)
        if report.plan is not None and (planned := report.plan.estimate(attempt.path).output_tokens)
    ]


def _costs_planned(found: Sequence[JobReport]) -> list[Point]:
    return [
        Point(
            x=float(planned),
            y=float(attempt.cost_usd),
            group=attempt.path,
            label=f"{report.title}: planned ${planned:.4f}, paid ${attempt.cost_usd:.4f} ({attempt.path})",
        )
        for report, attempt in _primary(found)
        if report.plan is not None and (planned := report.plan.estimate(attempt.path).expected_usd)
    ]


def _drift(tx: Tx, found: Sequence[JobReport]) -> list[Point]:
    """The mean share of verified quotes in each tenth of the outputs, by path."""
    shares: dict[Path, list[list[float | None]]] = {path: [] for path in Path}
    for _, attempt in _primary(found):
        for row in checks.of_attempt(tx, attempt.id):
            measures: dict[str, Any] = row.evidence.get("measures", {})  # Any: JSON
            if row.name == "citations" and measures.get("verified_share_by_decile"):
                shares[attempt.path].append(measures["verified_share_by_decile"])
    return [
        Point(x=tenth + 1, y=fmean(known), group=path, label=f"tenth {tenth + 1}: {fmean(known):.1%} ({path})")
        for path, rows in shares.items()
        for tenth, column in enumerate(zip(*rows, strict=False))
        if (known := [share for share in column if share is not None])
    ]


def _rates(path: Path, found: Sequence[JobReport]) -> Rates:
    ran = [(r, a) for r in found for a in r.attempts if a.path is path and a.role in (Role.PRIMARY, Role.COMPARISON)]
    continued = {a.continues_attempt_id for r in found for a in r.attempts if a.role is Role.FALLBACK}
    return Rates(
        path=path,
        attempts=len(ran),
        cut=sum(a.stop_reason is not None and StopReason(a.stop_reason).truncated for _, a in ran),
        short=sum(a.status in (AttemptStatus.SHORT, AttemptStatus.FAILED) for _, a in ran),
        fallbacks=sum(attempt.id in continued for _, attempt in ran),
    )
