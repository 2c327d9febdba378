"""Would it pay to buy the outline link first and to choose the path when it has come back?

Each plan whose outline the model writes says what that would be worth at most: as if the outline told the exact size
(`throughline.domain.looking`). How far sizes lie from what is expected is what decides, so it is tried with the spread
that structure states and with wider ones (log standard deviations).

Run: python -m benchmarks.probes
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from throughline.domain import estimates, looking, sizing
from throughline.domain.estimates import Case, Policy
from throughline.domain.job import Depth, JobSpec, Kind, Path, ReviewMode
from throughline.domain.looking import Look
from throughline.domain.models import find
from throughline.domain.output import SHAPES
from throughline.domain.plan import Corpus, Endpoint
from throughline.domain.routing import make_plan
from throughline.domain.sizing import NORMS
from throughline.domain.tokens import exact

SPREADS = (None, 0.5, 0.7, 1.0)  # None: what structure states
KINDS = tuple(kind for kind in Kind if SHAPES[kind].outline_by_model)
MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5")
CORPUS_TOKENS = (5_000, 20_000, 80_000, 150_000, 400_000)
WAITING_USD_PER_HOUR = ("0.05", "0.25", "1", "5", "20")
MANY_SOURCES = 40  # jobs of so many sources are planned with a unit for each
LEAST_USD = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as it is planned, before anybody knows how many units it will have."""

    kind: Kind
    depth: Depth
    model: str
    corpus_tokens: int
    waiting_usd_per_hour: Decimal
    asked_units: int

    @property
    def case(self) -> Case:
        """What its plan is made from; nothing is learned yet, and nobody reads."""
        return Case(
            spec=JobSpec(kind=self.kind, depth=self.depth, model=self.model, review=ReviewMode.NEVER),
            model=find(self.model),
            corpus=Corpus(
                sources=1, characters=self.corpus_tokens * 4, tokens=exact(self.corpus_tokens), counted_by="given"
            ),
            units=self.asked_units,
            endpoint=Endpoint(host="api.anthropic.com", batches=True, structured_outputs=True),
            policy=Policy(review_usd_per_hour=Decimal(60), waiting_usd_per_hour=self.waiting_usd_per_hour),
            at=datetime.now(UTC),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A job's look beside the total of its plan, both in USD."""

    job: Job
    look: Look
    total_usd: Decimal

    @property
    def saved_usd(self) -> Decimal:
        """What looking first saves at most; 0 below a hundredth of a cent."""
        return self.look.most_saved_usd if self.look.most_saved_usd >= LEAST_USD else Decimal(0)

    @property
    def saved_share(self) -> float:
        """The saving beside the total without it."""
        return float(self.saved_usd / self.total_usd)


def jobs() -> Iterator[Job]:
    """Every kind whose outline the model writes, at every depth, over small and large corpora."""
    for kind, depth, model, tokens, usd in itertools.product(KINDS, Depth, MODELS, CORPUS_TOKENS, WAITING_USD_PER_HOUR):
        for units in (NORMS[kind, depth].planned_units, MANY_SOURCES):
            yield Job(
                kind=kind,
                depth=depth,
                model=model,
                corpus_tokens=tokens,
                waiting_usd_per_hour=Decimal(usd),
                asked_units=units,
            )


def look(job: Job, spread: float | None) -> Found | None:
    """What looking first would be worth; None where one path is not possible and nothing is to choose."""
    case = job.case
    plan = make_plan(case)
    if not all(plan.estimate(path).feasible for path in Path):
        return None
    size = sizing.size_output(
        kind=job.kind, depth=job.depth, model=case.model, effort=case.spec.effort, units=job.asked_units
    )
    if spread is not None:
        size = replace(size, log_spread=spread)
    found = looking.look(case, dict.fromkeys(Path, size), estimates.part_limits(case.spec, case.model))
    return Found(job=job, look=found, total_usd=plan.estimate(plan.chosen).expected_total_usd)


def looks(spread: float | None) -> list[Found]:
    """All jobs where there is a choice."""
    return [found for job in jobs() if (found := look(job, spread)) is not None]


def _line(spread: float | None, found: Sequence[Found]) -> str:
    paying = [each for each in found if each.saved_usd > 0]
    saved = sum(each.saved_usd for each in found) / sum(each.total_usd for each in found)
    best = max(found, key=lambda each: each.saved_share)
    at_best = f"{best.saved_share:.2%} of ${best.total_usd:.2f}" if paying else "-"
    return f"{spread or 'stated':>6}  {len(found):>4}  {len(paying):>4}  {saved:>8.4%}  {at_best}"


def main() -> None:
    """One line for each spread."""
    print(
        "spread: of the size (log), which the outline is taken to tell; pays: jobs where looking first saves anything;"
    )
    print("saved: of all jobs' totals, were it bought just there; at best: of one job's total")
    print(f"{'spread':>6}  {'jobs':>4}  {'pays':>4}  {'saved':>8}  at best")
    for spread in SPREADS:
        print(_line(spread, looks(spread)))


if __name__ == "__main__":
    main()
