"""Would it pay to buy the outline link first and to choose the path when it has come back?

Only where the model writes the outline does that link tell anything: how many units there are. A chain sends it first
anyway, so looking costs nothing when the chain is then chosen; a single pass that is chosen then has paid for it.
The prompt asks for about so many units. How far outlines differ from that is not measured, so three spreads are tried
(the log standard deviation of units written / units asked for). The number of units is then known, and all else as
the plan expects it: what the look tells is rather overstated.

Run: python -m benchmarks.probes
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from statistics import NormalDist, fmean

from throughline.domain.estimates import Case, Policy
from throughline.domain.job import Depth, JobSpec, Kind, Path, ReviewMode
from throughline.domain.models import find
from throughline.domain.output import SHAPES
from throughline.domain.plan import Corpus, Endpoint, Plan
from throughline.domain.pricing import Usage, price
from throughline.domain.routing import make_plan
from throughline.domain.sizing import NORMS
from throughline.domain.tokens import exact

SPREADS = (0.15, 0.3, 0.5)
KINDS = tuple(kind for kind in Kind if SHAPES[kind].outline_by_model)
MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5")
CORPUS_TOKENS = (5_000, 20_000, 80_000, 150_000, 400_000)
WAITING_USD_PER_HOUR = ("0.05", "0.25", "1", "5", "20")
MANY_SOURCES = 40  # jobs of so many sources are planned with a unit for each
OUTLINE_TOKENS_PER_UNIT = 60
LEAST_USD = 0.0001
STEPS = 15  # equally probable numbers of units


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as it is planned, before anybody knows how many units it will have."""

    kind: Kind
    depth: Depth
    model: str
    corpus_tokens: int
    waiting_usd_per_hour: Decimal
    asked_units: int

    def plan(self, units: int) -> Plan:
        """The plan of this job with that many units."""
        corpus = Corpus(
            sources=1, characters=self.corpus_tokens * 4, tokens=exact(self.corpus_tokens), counted_by="given"
        )
        return make_plan(
            Case(
                spec=JobSpec(kind=self.kind, depth=self.depth, model=self.model, review=ReviewMode.NEVER),
                model=find(self.model),
                corpus=corpus,
                units=units,
                endpoint=Endpoint(host="api.anthropic.com", batches=True, structured_outputs=True),
                policy=Policy(review_usd_per_hour=Decimal(60), waiting_usd_per_hour=self.waiting_usd_per_hour),
                at=datetime.now(UTC),
            )
        )

    def look_usd(self, units: int) -> Decimal:
        """What the outline link costs that reads all sources and writes so many entries."""
        usage = Usage(cache_write_5m_tokens=self.corpus_tokens, output_tokens=units * OUTLINE_TOKENS_PER_UNIT)
        return price(usage, self.model, batch=False, at=datetime.now(UTC)).usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Expected totals in USD: the better path chosen now, and chosen after the look."""

    job: Job
    blind_usd: float
    looking_usd: float

    @property
    def saving_usd(self) -> float:
        """What looking first saves; 0 where it does not pay, by a hundredth of a cent at least."""
        saving = self.blind_usd - self.looking_usd
        return saving if saving > LEAST_USD else 0.0

    @property
    def saving_share(self) -> float:
        """The saving beside the total without it."""
        return self.saving_usd / self.blind_usd


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


def look(job: Job, spread: float) -> Look | None:
    """What looking first would be worth; None where one path is not possible and nothing is to choose.

    A single pass that turns out too long for one answer is priced with its cut and the chain that writes the rest.
    """
    if not all(job.plan(job.asked_units).estimate(path).feasible for path in Path):
        return None
    deviations = [NormalDist().inv_cdf((step + 0.5) / STEPS) for step in range(STEPS)]
    counts = [max(1, round(job.asked_units * math.exp(spread * deviation))) for deviation in deviations]
    plans = [job.plan(units) for units in counts]
    single, chunked = ([plan.estimate(path).expected_total_usd for plan in plans] for path in Path)
    after_look = [s + job.look_usd(units) for s, units in zip(single, counts, strict=True)]
    return Look(
        job=job,
        blind_usd=float(min(sum(single), sum(chunked)) / STEPS),
        looking_usd=fmean(float(min(s, c)) for s, c in zip(after_look, chunked, strict=True)),
    )


def looks(spread: float) -> list[Look]:
    """All jobs where there is a choice."""
    return [found for job in jobs() if (found := look(job, spread)) is not None]


def _line(spread: float, found: Sequence[Look]) -> str:
    paying = [each for each in found if each.saving_usd > 0]
    saved = sum(each.saving_usd for each in found) / sum(each.blind_usd for each in found)
    best = max(found, key=lambda each: each.saving_share)
    at_best = f"{best.saving_share:.2%} of ${best.blind_usd:.2f}" if paying else "-"
    return f"{spread:>6}  {len(found):>4}  {len(paying):>4}  {saved:>8.4%}  {at_best}"


def main() -> None:
    """One line for each spread."""
    print("spread: of the number of units (log); pays: jobs where looking first is expected to save anything;")
    print("saved: of all jobs' totals, were it bought just there; at best: of one job's total")
    print(f"{'spread':>6}  {'jobs':>4}  {'pays':>4}  {'saved':>8}  at best")
    for spread in SPREADS:
        print(_line(spread, looks(spread)))


if __name__ == "__main__":
    main()
