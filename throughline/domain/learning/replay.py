"""The estimator and the router over a log of requests, in time order, never looking ahead.

A log shows what lengths were, not what an outline asked for and not what the other path would have
written. So each row's prior is the typical length of earlier rows of its kind, and both paths are taken to write
the tokens that the log has: costs and times of both then follow from `Terms`. What a replay shows is how well
sizes were foreseen and what the choices would have cost at those terms. It says nothing about quality, and
nothing about repairs or review, which are the same on both paths here. A row that was cut in the log counts for the
bounds ("more than") and for nothing else: what it would have cost is not known.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from throughline.domain.job import Path
from throughline.domain.learning.costs import Knobs, PathInputs, compare, likely_cut, total_cost
from throughline.domain.learning.effects import mean_above
from throughline.domain.learning.logs import Row
from throughline.domain.learning.observations import Observation, Profile
from throughline.domain.learning.report import (
    BothKnown,
    PlanAgainstActual,
    RoutingReport,
    SizeReport,
    Trial,
    plan_against_actual,
    routing_report,
    size_report,
    trial,
)
from throughline.domain.learning.sizes import SizeForecast, SizeLearner
from throughline.domain.learning.tables import against_lines, routing_lines, size_lines
from throughline.domain.learning.terms import Spent, Terms

FIRST_PRIOR_TOKENS = 1_000.0  # before any row was seen
_PRIOR_JOBS = 1  # a kind's typical length stands on its own rows and one of all rows
_PRIOR_LOG_SPREAD = 0.7  # lengths within a kind vary by a factor of 2; corrected by what is seen
_UNKNOWN_KIND_LOG_SPREAD = 2.0  # a kind without rows may be typically seven times larger or smaller than the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the router chose for a row, before it saw the row's output; `planned` is for the chosen path."""

    row: Row
    forecast: SizeForecast
    path: Path
    planned: Spent
    by_cost: Path
    reason: str
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A log replayed: every decision, and the reports that `calibrate` gives too.

    `against_plan` and `routing` are over the rows whose whole length the log has.
    """

    decisions: tuple[Decision, ...]
    sizes: SizeReport
    against_plan: tuple[PlanAgainstActual, ...]
    routing: RoutingReport

    @property
    def cut_in_log(self) -> int:
        """Rows that were cut already when they were logged."""
        return sum(decision.row.truncated for decision in self.decisions)

    @property
    def single_passes(self) -> list[Decision]:
        """The rows sent as a single pass, without those whose whole length is not known."""
        return [each for each in self.decisions if each.path is Path.SINGLE_PASS and not each.row.truncated]

    @property
    def lines(self) -> list[str]:
        """The reports, as lines to print."""
        single = self.single_passes
        cuts = sum(decision.cut for decision in single)
        unknown = f"cut in the log, so known only as a least length: {self.cut_in_log}"
        return [
            *size_lines(self.sizes),
            *against_lines(self.against_plan),
            *routing_lines(self.routing),
            f"single passes that would have been cut: {cuts} of {len(single)}",
            *([unknown] if self.cut_in_log else []),
        ]


def replay(rows: Sequence[Row], terms: Terms, knobs: Knobs, *, threshold_tokens: int = 16_000) -> Replay:
    """Forecast, choose, look, learn: one row after another, in the order of time."""
    learner = SizeLearner()
    typical = _TypicalLength()
    trials: list[Trial] = []
    decisions: list[Decision] = []
    for row in sorted(rows, key=lambda row: row.at):
        profile = _profile(row, typical, terms)
        observation = Observation(at=row.at, profile=profile, actual_tokens=row.output_tokens, censored=row.truncated)
        forecast = learner.add(observation)  # made before the row was learned from
        decisions.append(decide(row, forecast, terms, knobs))
        trials.append(trial(forecast, observation))
        typical.add(row)
    whole = [decision for decision in decisions if not decision.row.truncated]
    return Replay(
        decisions=tuple(decisions),
        sizes=size_report(trials),
        against_plan=_against_plan(whole, terms),
        routing=routing_report([both_known(decision, terms, knobs) for decision in whole], threshold_tokens),
    )


def _against_plan(decisions: Sequence[Decision], terms: Terms) -> tuple[PlanAgainstActual, ...]:
    """What the chosen paths were planned to take beside what they would have taken for the lengths of the log."""
    pairs = [
        (each.planned, terms.spent(each.path, each.row.input_tokens, each.row.output_tokens)) for each in decisions
    ]
    return (
        plan_against_actual("cost", [(float(plan.tokens_usd), float(took.tokens_usd)) for plan, took in pairs]),
        plan_against_actual("time", [(plan.hours, took.hours) for plan, took in pairs]),
    )


class _TypicalLength:
    """The geometric mean of earlier outputs, of a kind, leaning on all kinds while it has few rows."""

    def __init__(self) -> None:
        self._logs: dict[str, tuple[float, int]] = {}
        self._all = (math.log(FIRST_PRIOR_TOKENS), 0)

    def tokens(self, kind: str) -> float:
        """The prior of the next row of that kind."""
        mean, rows = self._logs.get(kind, (0.0, 0))
        return math.exp((mean * rows + self._all[0] * _PRIOR_JOBS) / (rows + _PRIOR_JOBS))

    def log_spread(self, kind: str) -> float:
        """How far off that prior may be (log standard deviation): wide for a kind with few rows."""
        _, rows = self._logs.get(kind, (0.0, 0))
        return math.hypot(_PRIOR_LOG_SPREAD, _UNKNOWN_KIND_LOG_SPREAD * _PRIOR_JOBS / (rows + _PRIOR_JOBS))

    def add(self, row: Row) -> None:
        """Count that row in; one that was cut counts as long as such a row is on average, never as its cap."""
        log_size = math.log(max(row.output_tokens, 1))
        if row.truncated:
            centre = math.log(self.tokens(row.kind))
            log_size = centre + _PRIOR_LOG_SPREAD * mean_above((log_size - centre) / _PRIOR_LOG_SPREAD)
        self._logs[row.kind] = _with(self._logs.get(row.kind, (0.0, 0)), log_size)
        self._all = _with(self._all, log_size)


def _with(mean_of: tuple[float, int], value: float) -> tuple[float, int]:
    mean, count = mean_of
    return mean + (value - mean) / (count + 1), count + 1


def _profile(row: Row, typical: _TypicalLength, terms: Terms) -> Profile:
    return Profile(
        kind=row.kind,
        model="",
        depth="",
        path="",
        prompt_version="",
        prior_tokens=typical.tokens(row.kind),
        worst_tokens=terms.single_cap_tokens,
        log_spread=typical.log_spread(row.kind),
        source_tokens=row.input_tokens,
    )


def decide(row: Row, forecast: SizeForecast, terms: Terms, knobs: Knobs) -> Decision:
    """Feasibility first (a cut must not be likelier than the risk that is borne), then the cheaper expected total."""
    inputs = (_single_inputs(row, forecast, terms), _chunked_inputs(row, forecast, terms))
    verdict = compare(*(total_cost(each, knobs) for each in inputs))
    path, reason = verdict.cheaper.path, verdict.sentence
    if (refused := _likely_cut(forecast, terms, knobs)) is not None:
        path, reason = Path.CHUNKED, refused
    (chosen,) = (each for each in inputs if each.path is path)
    return Decision(
        row=row,
        forecast=forecast,
        path=path,
        planned=Spent(
            tokens_usd=chosen.tokens_usd + Decimal(chosen.truncation_chance) * chosen.rework_usd, hours=chosen.hours
        ),
        by_cost=verdict.cheaper.path,
        reason=reason,
        cut=path is Path.SINGLE_PASS and row.output_tokens > terms.single_cap_tokens,
    )


def _likely_cut(forecast: SizeForecast, terms: Terms, knobs: Knobs) -> str | None:
    """Why a single pass is not sent, as in a plan; None where its chance of a cut is borne."""
    bound = forecast.bound(knobs.risk_of_cut)
    if bound <= terms.single_cap_tokens:
        return None
    return likely_cut(bound, knobs.risk_of_cut, terms.single_cap_tokens)


def _single_inputs(row: Row, forecast: SizeForecast, terms: Terms) -> PathInputs:
    beyond = forecast.overrun(terms.single_cap_tokens)
    written = max(forecast.expected_tokens - beyond.chance * beyond.tokens, 0)
    hours = terms.single_hours(written) + beyond.chance * terms.chunked_hours(beyond.tokens)
    return _inputs(
        Path.SINGLE_PASS,
        tokens_usd=terms.single_tokens_usd(row.input_tokens, written),
        truncation_chance=beyond.chance,
        rework_usd=terms.chunked_tokens_usd(row.input_tokens, beyond.tokens),
        hours=hours,
    )


def _chunked_inputs(row: Row, forecast: SizeForecast, terms: Terms) -> PathInputs:
    return _inputs(
        Path.CHUNKED,
        tokens_usd=terms.chunked_tokens_usd(row.input_tokens, forecast.expected_tokens),
        truncation_chance=0.0,  # a link is asked for what fits it
        rework_usd=Decimal(0),
        hours=terms.chunked_hours(forecast.expected_tokens),
    )


def _inputs(
    path: Path,
    *,
    tokens_usd: Decimal,
    truncation_chance: float,
    rework_usd: Decimal,
    hours: float,
) -> PathInputs:
    return PathInputs(
        path=path,
        tokens_usd=tokens_usd,
        truncation_chance=truncation_chance,
        rework_usd=rework_usd,
        repairs=0.0,
        repair_usd=Decimal(0),
        review_minutes=0.0,
        hours=hours,
    )


def both_known(decision: Decision, terms: Terms, knobs: Knobs) -> BothKnown:
    """What both paths would have cost for a row, once its output is seen."""
    row = decision.row
    single, chunked = (terms.spent(path, row.input_tokens, row.output_tokens) for path in Path)
    return BothKnown(
        chosen=decision.path,
        by_cost=decision.by_cost,
        source_tokens=row.input_tokens,
        expected_tokens=decision.forecast.expected_tokens,
        single_usd=single.total_usd(knobs),
        chunked_usd=chunked.total_usd(knobs),
    )
