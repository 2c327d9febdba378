"""How good the forecasts and the choices were, with what can be said at this number of jobs.

Coverage comes with its binomial interval, and a cut below the bound is counted as unknown, not as a hit. Size
classes are those of the forecast: by actual size no bound can hold. Regret is measured only where both
paths' costs are known. No figure here is a score of quality.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from statistics import NormalDist, fmean, median

from throughline.domain.job import Path
from throughline.domain.learning.bounds import LEVEL
from throughline.domain.learning.observations import SIZE_CLASS_NAMES, Observation
from throughline.domain.learning.sizes import SizeForecast

BLOCK = 50  # jobs of one line of "over time", at least
MOST_BLOCKS = 20  # lines of it: a long history has longer stretches
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One forecast beside what came of it. Tokens; `worst_tokens` is the structural worst case."""

    at: datetime
    kind: str
    size_class: int
    likely_tokens: int
    upper_tokens: int
    worst_tokens: float
    bounded: bool
    actual_tokens: int
    censored: bool

    @property
    def missed(self) -> bool | None:
        """Whether the output exceeded its bound; None when it was cut below it and nobody knows."""
        if self.actual_tokens > self.upper_tokens:
            return True
        return None if self.censored else False


def trial(forecast: SizeForecast, observation: Observation) -> Trial:
    """What the report needs of a forecast and the attempt that followed."""
    return Trial(
        at=observation.at,
        kind=observation.profile.kind,
        size_class=forecast.size_class,
        likely_tokens=forecast.likely_tokens,
        upper_tokens=forecast.upper_tokens,
        worst_tokens=observation.profile.worst_tokens,
        bounded=forecast.bounded,
        actual_tokens=observation.actual_tokens,
        censored=observation.censored,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How often the bound held: `share` of `known` jobs, with its 95 % interval; `unknown` were cut below it."""

    name: str
    known: int
    held: int
    unknown: int
    share: float
    low: float
    high: float


def wilson(successes: int, count: int, confidence: float = _CONFIDENCE) -> tuple[float, float]:
    """Wilson's binomial interval: sensible at small counts and near 0 and 1, (0, 1) without any."""
    if count == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, centre - half), min(1.0, centre + half)


def coverage(name: str, trials: Iterable[Trial]) -> Coverage:
    """How often the upper ends of these forecasts held."""
    outcomes = [trial.missed for trial in trials]
    known = sum(outcome is not None for outcome in outcomes)
    held = sum(outcome is False for outcome in outcomes)
    low, high = wilson(held, known)
    return Coverage(
        name=name,
        known=known,
        held=held,
        unknown=len(outcomes) - known,
        share=held / known if known else math.nan,
        low=low,
        high=high,
    )


def pinball(actual_tokens: float, bound_tokens: float, level: float = LEVEL) -> float:
    """The loss that the true quantile minimises, in log units: 0.1 is about 10 % of the size, at any size."""
    over = math.log(max(actual_tokens, 1) / max(bound_tokens, 1))
    return max(level * over, (level - 1) * over)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeReport:
    """The forecasts of size. Losses and widths compare the learned bound with the structural worst case.

    `width` is the median of upper / likely size, `worst_width` that of worst case / likely size. Losses leave
    censored jobs out: their actual size is not known. `no_bound_yet` jobs had no bound and count nowhere else.
    """

    overall: Coverage
    by_kind: tuple[Coverage, ...]
    by_size_class: tuple[Coverage, ...]
    over_time: tuple[Coverage, ...]
    no_bound_yet: int
    pinball_loss: float
    worst_pinball_loss: float
    width: float
    worst_width: float


def size_report(trials: Sequence[Trial]) -> SizeReport:
    """The report over forecasts in time order."""
    bounded = [trial for trial in trials if trial.bounded]
    exact = [trial for trial in bounded if not trial.censored]
    block_jobs = max(BLOCK, math.ceil(len(bounded) / MOST_BLOCKS))
    blocks = range(0, len(bounded), block_jobs)
    return SizeReport(
        overall=coverage("overall", bounded),
        by_kind=_grouped(bounded, lambda trial: trial.kind),
        by_size_class=_by_size_class(bounded),
        over_time=tuple(
            coverage(f"{bounded[i].at:%Y-%m-%d %H:%M}, {jobs_counted(len(block))}", block)
            for i in blocks
            for block in (bounded[i : i + block_jobs],)
        ),
        no_bound_yet=len(trials) - len(bounded),
        pinball_loss=_mean([pinball(trial.actual_tokens, trial.upper_tokens) for trial in exact]),
        worst_pinball_loss=_mean([pinball(trial.actual_tokens, trial.worst_tokens) for trial in exact]),
        width=_median([trial.upper_tokens / trial.likely_tokens for trial in bounded]),
        worst_width=_median([trial.worst_tokens / trial.likely_tokens for trial in bounded]),
    )


def jobs_counted(count: int) -> str:
    """So many jobs, in words."""
    return f"{count} job{'' if count == 1 else 's'}"


def _grouped(trials: Iterable[Trial], name_of: Callable[[Trial], str]) -> tuple[Coverage, ...]:
    groups: defaultdict[str, list[Trial]] = defaultdict(list)
    for each in trials:
        groups[name_of(each)].append(each)
    return tuple(coverage(name, group) for name, group in sorted(groups.items()))


def _by_size_class(trials: Sequence[Trial]) -> tuple[Coverage, ...]:
    """From small to large."""
    classes = sorted({each.size_class for each in trials})
    return tuple(
        coverage(SIZE_CLASS_NAMES[group], [each for each in trials if each.size_class == group]) for group in classes
    )


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else math.nan


def _median(values: Sequence[float]) -> float:
    return median(values) if values else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAgainstActual:
    """One planned quantity (cost, time, minutes) beside what it became, over jobs where both are known.

    `ratio` is the median of actual / planned; `total_ratio` the same of the sums, which money follows.
    """

    quantity: str
    jobs: int
    ratio: float
    total_ratio: float


def plan_against_actual(quantity: str, pairs: Sequence[tuple[float, float]]) -> PlanAgainstActual:
    """(planned, actual) pairs; those planned at zero are left out."""
    known = [(planned, actual) for planned, actual in pairs if planned > 0]
    planned_total = sum(planned for planned, _ in known)
    return PlanAgainstActual(
        quantity=quantity,
        jobs=len(known),
        ratio=_median([actual / planned for planned, actual in known]),
        total_ratio=sum(actual for _, actual in known) / planned_total if known else math.nan,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BothKnown:
    """A job whose total cost is known on both paths (USD, waiting and review included).

    `by_cost` is the path that the expected costs alone would have chosen, `chosen` the one after the rule that the
    upper bound must fit one answer. `weight` is 1 / the probability with which the job came to run both.
    """

    chosen: Path
    by_cost: Path
    source_tokens: int
    expected_tokens: int
    single_usd: Decimal
    chunked_usd: Decimal
    weight: Decimal = Decimal(1)

    def cost(self, path: Path) -> Decimal:
        """What that path cost, weighted."""
        return self.weight * (self.single_usd if path is Path.SINGLE_PASS else self.chunked_usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCost:
    """What a policy would have cost in all, and its regret against the better path of each job in hindsight."""

    name: str
    total_usd: Decimal
    regret_usd: Decimal
    regret_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingReport:
    """The choices, beside what needs no learning.

    `threshold` is a fixed size of the forecast output; `best_threshold` the same and `best_input_threshold` a size
    of the input, both chosen in hindsight, which no team can do: they show the most that a fixed rule can reach.
    """

    jobs: int
    wrong_choices: int
    better_path_usd: Decimal
    router: PolicyCost
    router_by_cost: PolicyCost
    always_single: PolicyCost
    always_chunked: PolicyCost
    threshold: PolicyCost
    best_threshold: PolicyCost
    best_input_threshold: PolicyCost


def routing_report(jobs: Sequence[BothKnown], threshold_tokens: int) -> RoutingReport:
    """The regret of the choices. `threshold_tokens`: single pass from that forecast size on."""
    better = sum((min(job.cost(path) for path in Path) for job in jobs), Decimal(0))

    def policy(name: str, choose: Callable[[BothKnown], Path]) -> PolicyCost:
        total = sum((job.cost(choose(job)) for job in jobs), Decimal(0))
        regret = total - better
        share = float(regret / better) if better else 0.0
        return PolicyCost(name=name, total_usd=total, regret_usd=regret, regret_share=share)

    def threshold(name: str, size: Callable[[BothKnown], int], least: int) -> PolicyCost:
        name = f"{name} from {least:,} tokens"
        return policy(name, lambda job: Path.SINGLE_PASS if size(job) >= least else Path.CHUNKED)

    best = _best_threshold(jobs, _expected)
    best_input = _best_threshold(jobs, _source)
    return RoutingReport(
        jobs=len(jobs),
        wrong_choices=sum(job.cost(job.chosen) > min(job.cost(path) for path in Path) for job in jobs),
        better_path_usd=better,
        router=policy("router", lambda job: job.chosen),
        router_by_cost=policy("router without the rule of the bound", lambda job: job.by_cost),
        always_single=policy("always single_pass", lambda _: Path.SINGLE_PASS),
        always_chunked=policy("always chunked", lambda _: Path.CHUNKED),
        threshold=threshold("single_pass", _expected, threshold_tokens),
        best_threshold=threshold("best in hindsight", _expected, best),
        best_input_threshold=threshold("best input in hindsight", _source, best_input),
    )


def _expected(job: BothKnown) -> int:
    return job.expected_tokens


def _source(job: BothKnown) -> int:
    return job.source_tokens


def _best_threshold(jobs: Sequence[BothKnown], size: Callable[[BothKnown], int]) -> int:
    """The size from which on the single pass would have been cheapest in all.

    One sweep over jobs by size: moving the threshold past a job moves that job to the chain.
    """
    best = 0
    saved = most_saved = Decimal(0)
    for _, tied in groupby(sorted(jobs, key=size), key=size):
        moved = list(tied)
        saved += sum((job.cost(Path.SINGLE_PASS) - job.cost(Path.CHUNKED) for job in moved), Decimal(0))
        if saved > most_saved:
            best, most_saved = size(moved[0]) + 1, saved
    return best
