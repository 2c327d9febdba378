"""What a ledger shows of its own forecasts: sizes, plans beside what came of them, and what choices cost.

Sizes are judged twice. *The learner's* bounds are those that it gives for each attempt from the attempts before
it, so that old attempts count too; *the plans'* are those that were said then, with what was known then.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, cast

from throughline.domain.comparison import Side, sides
from throughline.domain.job import AttemptStatus, Path
from throughline.domain.learning.observations import Observation
from throughline.domain.learning.report import (
    BothKnown,
    Coverage,
    PlanAgainstActual,
    RoutingReport,
    SizeReport,
    Trial,
    coverage,
    plan_against_actual,
    routing_report,
    size_report,
    trial,
)
from throughline.domain.learning.sizes import SizeLearner
from throughline.domain.learning.tables import against_lines, routing_lines, size_lines
from throughline.domain.plan import Plan
from throughline.domain.report import JobReport, dollars

THRESHOLD_TOKENS = 16_000  # the fixed rule beside which the router is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """A job that has an end, and the minutes that people read it: 0 when nobody had to, None when not known."""

    report: JobReport
    review_minutes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The report on one world: real jobs, or simulated ones."""

    simulated: bool
    attempts: int
    sizes: SizeReport
    as_planned: Coverage
    against_plan: tuple[PlanAgainstActual, ...]
    routing: RoutingReport

    @property
    def lines(self) -> list[str]:
        """The report, as lines to print."""
        world = "simulated: lengths and times are the stand-in's" if self.simulated else "real"
        return [
            f"{self.attempts} finished attempts ({world})",
            *size_lines(self.sizes),
            _planned_line(self.as_planned),
            *against_lines(self.against_plan),
            *_routing_lines(self.routing),
        ]


def calibration(
    observations: Sequence[Observation], planned: Sequence[Trial], concluded: Sequence[Concluded], *, simulated: bool
) -> Calibration:
    """The report over observations and plans in the order of time."""
    learner = SizeLearner()
    trials = [trial(learner.add(observation), observation) for observation in observations]
    return Calibration(
        simulated=simulated,
        attempts=len(observations),
        sizes=size_report(trials),
        as_planned=coverage("what plans said", planned),
        against_plan=_against_plan(concluded),
        routing=routing_report([both for job in concluded for both in _both_known(job.report)], THRESHOLD_TOKENS),
    )


def _against_plan(concluded: Sequence[Concluded]) -> tuple[PlanAgainstActual, ...]:
    usd: list[tuple[float, float]] = []
    hours: list[tuple[float, float]] = []
    minutes: list[tuple[float, float]] = []
    for job in concluded:
        plan = job.report.plan
        if plan is None:
            continue
        for side in _complete(job.report):
            expected = plan.estimate(side.path)
            usd.append((float(expected.expected_usd + expected.rework_usd), float(side.cost_usd)))
            hours.append((expected.hours, _hours(side)))
        if job.review_minutes is not None:
            minutes.append((plan.estimate(plan.chosen).review_minutes, job.review_minutes))
    return (
        plan_against_actual("cost", usd),
        plan_against_actual("time", hours),
        plan_against_actual("review minutes", minutes),
    )


def _complete(report: JobReport) -> list[Side]:
    return [side for side in sides(report) if side.status == AttemptStatus.COMPLETE]


def _hours(side: Side) -> float:
    return (side.wall_s or 0.0) / 3600


def _both_known(report: JobReport) -> list[BothKnown]:
    """The job as a comparison of both paths, where both brought the whole output."""
    by_path = {side.path: side for side in _complete(report)}
    plan = report.plan
    if plan is None or len(by_path) < len(Path):
        return []
    totals = {path: _total_usd(side, plan) for path, side in by_path.items()}
    return [
        BothKnown(
            chosen=plan.chosen,
            by_cost=min(Path, key=lambda path: plan.estimate(path).expected_total_usd),
            source_tokens=plan.corpus.tokens.expected,
            expected_tokens=plan.size.expected_tokens,
            single_usd=totals[Path.SINGLE_PASS],
            chunked_usd=totals[Path.CHUNKED],
            weight=_weight(plan),
        )
    ]


def _total_usd(side: Side, plan: Plan) -> Decimal:
    """Tokens and waiting. What both paths share, a person's reading above all, is left out."""
    return side.cost_usd + Decimal(_hours(side)) * Decimal(plan.assumptions["waiting_usd_per_hour"])


def _weight(plan: Plan) -> Decimal:
    """A drawn job stands for the others that could have been drawn; one where both were asked for, for itself."""
    drawn = plan.exploration is not None and plan.exploration.run_both
    return 1 / Decimal(plan.exploration.probability) if drawn and plan.exploration else Decimal(1)


def _planned_line(said: Coverage) -> str:
    if said.known == 0:
        return "what plans said held: not known yet"
    return (
        f"what plans said held in {said.held} of {said.known} attempts, {said.share:.1%} "
        f"({said.low:.1%} to {said.high:.1%}); {said.unknown} were cut below it"
    )


def _routing_lines(report: RoutingReport) -> list[str]:
    if report.jobs == 0:
        return ["no job has run both paths: what wrong choices cost is not known (--path both shows it for a job)"]
    return routing_lines(report)


def to_json(found: Calibration) -> dict[str, Any]:
    """The report as JSON values."""
    return as_json(asdict(found))


def as_json(value: Any) -> Any:  # Any: whatever a report holds
    """Any report as JSON values: money is a string, and what is not known is null."""
    if isinstance(value, Mapping):
        items = cast(Mapping[str, Any], value).items()
        return {name: as_json(each) for name, each in items}
    if isinstance(value, (list, tuple)):
        return [as_json(each) for each in cast(Sequence[Any], value)]
    if isinstance(value, Decimal):
        return dollars(value)
    return None if isinstance(value, float) and math.isnan(value) else value
