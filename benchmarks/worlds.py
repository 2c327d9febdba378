"""The learner in worlds whose truth is known: does its bound hold, how fast after a change, and what do choices cost?

Each world draws jobs with a structural prior and a true length. The learner sees them one by one; a job is judged
by its true length, also where a cap cut it. The first 50 jobs of each run are the cold start and are judged
apart. Deterministic: seeds are fixed. Run: python -m benchmarks.worlds [jobs a run] [runs]
"""

import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import fmean, median

from throughline.domain.learning.costs import Knobs
from throughline.domain.learning.logs import Row
from throughline.domain.learning.observations import SIZE_CLASS_NAMES, Observation, Profile, size_class
from throughline.domain.learning.replay import both_known, decide
from throughline.domain.learning.report import BothKnown, RoutingReport, pinball, routing_report, wilson
from throughline.domain.learning.sizes import SizeForecast, SizeLearner
from throughline.domain.learning.terms import Terms

COLD_START = 50
RECOVERY = 40
STATED_SPREAD = 0.35  # what structure states; most worlds differ from it
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TERMS = Terms(input_usd_per_mtok=Decimal(2), output_usd_per_mtok=Decimal(10))
KNOBS = Knobs(review_usd_per_hour=Decimal(60), waiting_usd_per_hour=Decimal("0.25"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """How a job's length really comes about: log(true / prior) has this centre and spread."""

    centre: float
    spread: float
    kind: str = "summary"
    model: str = "first"
    degrees: float = math.inf
    cap_over_prior: float = math.inf


World = Callable[[float, random.Random], Truth]
"""The truth of a job at that point of the run (0 to 1); it may draw the kind or the cap."""


def _two_kinds(_: float, draw: random.Random) -> Truth:
    if draw.random() < 0.5:
        return Truth(kind="code_review", centre=0.6, spread=0.5)
    return Truth(kind="summary", centre=-0.4, spread=0.2)


def _new_model(at: float, _: random.Random) -> Truth:
    return Truth(centre=0.1, spread=0.25) if at < 0.5 else Truth(model="second", centre=0.7, spread=0.4)


def _capped(_: float, draw: random.Random) -> Truth:
    return Truth(centre=0.2, spread=0.35, cap_over_prior=math.exp(0.2 + draw.uniform(0.2, 1.4)))


WORLDS: dict[str, World] = {
    "as structure says": lambda _at, _draw: Truth(centre=0.0, spread=STATED_SPREAD),
    "light tails": lambda _at, _draw: Truth(centre=0.2, spread=0.3),
    "heavy tails": lambda _at, _draw: Truth(centre=0.1, spread=0.25, degrees=2.5),
    "drift": lambda at, _draw: Truth(centre=0.8 * at, spread=0.3),
    "new model": _new_model,
    "longer, unannounced": lambda at, _draw: Truth(centre=0.1 if at < 0.5 else 0.8, spread=0.3),
    "shorter, unannounced": lambda at, _draw: Truth(centre=0.8 if at < 0.5 else 0.1, spread=0.3),
    "two mixed kinds": _two_kinds,
    "cut at a cap": _capped,
}
SHIFTS = ("new model", "longer, unannounced", "shorter, unannounced")
UNEVEN = "small ones vary more"  # its truth depends on the size, which `outcomes` passes in by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A forecast beside the true length. `place` is the job's position in its run."""

    place: int
    forecast: SizeForecast
    observation: Observation
    true_tokens: int

    @property
    def held(self) -> bool:
        """Whether the upper end was enough."""
        return self.true_tokens <= self.forecast.upper_tokens

    @property
    def held_by_structure(self) -> bool:
        """Whether the structural worst case would have been enough."""
        return self.true_tokens <= self.observation.profile.worst_tokens


def outcomes(name: str, jobs: int, seed: int) -> list[Outcome]:
    """One run of a world through a new learner."""
    learner = SizeLearner()
    found: list[Outcome] = []
    for place, (observation, true_tokens) in enumerate(_jobs(name, jobs, seed)):
        forecast = learner.add(observation)
        found.append(Outcome(place=place, forecast=forecast, observation=observation, true_tokens=true_tokens))
    return found


def _jobs(name: str, jobs: int, seed: int) -> Iterator[tuple[Observation, int]]:
    draw = random.Random(f"{name} {seed}")
    for place in range(jobs):
        prior = math.exp(draw.uniform(math.log(1_500), math.log(180_000)))
        if name == UNEVEN:
            truth = Truth(centre=0.0, spread=0.6 if prior < 16_000 else 0.2)
        else:
            truth = WORLDS[name](place / jobs, draw)
        true_tokens = max(1, round(prior * math.exp(truth.centre + truth.spread * _deviate(truth, draw))))
        cap = prior * truth.cap_over_prior
        profile = Profile(
            kind=truth.kind,
            model=truth.model,
            depth="standard",
            path="single_pass",
            prompt_version="1",
            prior_tokens=prior,
            worst_tokens=prior * math.exp(STATED_SPREAD * 1.2816),
            log_spread=STATED_SPREAD,
            source_tokens=20_000,
        )
        cut = true_tokens > cap
        at = BEGIN + timedelta(hours=place)
        actual = int(cap) if cut else true_tokens
        yield Observation(at=at, profile=profile, actual_tokens=actual, censored=cut), true_tokens


def _deviate(truth: Truth, draw: random.Random) -> float:
    """A standard normal, or Student's t with that many degrees of freedom."""
    normal = draw.gauss(0, 1)
    if math.isinf(truth.degrees):
        return normal
    return normal / math.sqrt(draw.gammavariate(truth.degrees / 2, 2) / truth.degrees)


def share_held(found: Sequence[Outcome]) -> float:
    """The coverage of these jobs."""
    return fmean(outcome.held for outcome in found)


def after_cold_start(found: Sequence[Outcome]) -> list[Outcome]:
    """The jobs that are judged."""
    return [outcome for outcome in found if outcome.place >= COLD_START]


def recovered(found: Sequence[Outcome], jobs: int) -> list[Outcome]:
    """The jobs from 40 to 100 after a change in the middle of the run."""
    begin = jobs // 2 + RECOVERY
    return [outcome for outcome in found if begin <= outcome.place < begin + 60]


def regret(found: Sequence[Outcome], knobs: Knobs = KNOBS) -> RoutingReport:
    """What the router would have chosen for these jobs, beside what both paths would have cost."""
    known: list[BothKnown] = []
    for outcome in found:
        observation = outcome.observation
        source_tokens = observation.profile.source_tokens
        row = Row(at=observation.at, input_tokens=source_tokens, output_tokens=outcome.true_tokens)
        known.append(both_known(decide(row, outcome.forecast, TERMS, knobs), TERMS, knobs))
    return routing_report(known, threshold_tokens=16_000)


def _line(name: str, jobs: int, runs: int) -> str:
    every = [outcome for seed in range(runs) for outcome in outcomes(name, jobs, seed)]
    judged = after_cold_start(every)
    early = [outcome for outcome in every if outcome.place < COLD_START]
    classes = [
        [outcome for outcome in judged if size_class(outcome.observation.profile.prior_tokens) == group]
        for group in range(len(SIZE_CLASS_NAMES))
    ]
    low, high = wilson(sum(outcome.held for outcome in judged), len(judged))
    width = median(outcome.forecast.upper_tokens / outcome.observation.profile.worst_tokens for outcome in judged)
    learned = fmean(pinball(outcome.true_tokens, outcome.forecast.upper_tokens) for outcome in judged)
    structural = fmean(pinball(outcome.true_tokens, outcome.observation.profile.worst_tokens) for outcome in judged)
    routing = regret(judged)
    strict = regret(judged, replace(KNOBS, risk_of_cut=0.1)).router
    policies = (routing.router, strict, routing.router_by_cost, routing.threshold, routing.best_threshold)
    policies += (routing.always_single, routing.always_chunked)
    columns = (
        f"{name:<22}{len(judged):>7}",
        f"{share_held(judged):>7.1%} ({low:.1%}-{high:.1%})",
        " ".join(f"{share_held(group):>6.1%}" for group in classes),
        f"{share_held(recovered(every, jobs)):>7.1%}" if name in SHIFTS else f"{'':>7}",
        f"{share_held(early):>7.1%} {fmean(outcome.held_by_structure for outcome in early):>7.1%}",
        f"{width:>6.2f} {learned:>6.3f} {structural:>6.3f}",
        " ".join(f"{policy.regret_share:>6.1%}" for policy in policies),
    )
    return "  ".join(columns)


def main(jobs: int = 600, runs: int = 8) -> None:
    """Print one line a world."""
    print(f"{runs} runs of {jobs} jobs; bound at 90 %; coverage after the first {COLD_START} jobs of each run")
    print(
        "cold: coverage of those 50, learned and structural worst case; 40-100: coverage 40 to 100 jobs after a change"
    )
    print("width: bound / structural worst case; pinball: learned, structural; regret against the better path: router,")
    print(
        "router whose bound must fit 300K (risk of a cut 0.1), router by cost alone, a threshold of 16,000 tokens, the"
    )
    print("best threshold in hindsight, always single_pass, always chunked")
    heads = (
        f"{'world':<22}{'n':>7}",
        f"{'coverage (95 %)':>21}",
        f"{'by size, small to large':>27}",
        f"{'40-100':>7}",
        f"{'cold':>15}",
        f"{'width':>6} {'pinball':>13}",
        f"{'regret':>48}",
    )
    print("  ".join(heads))
    for name in (*WORLDS, UNEVEN):
        print(_line(name, jobs, runs))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
