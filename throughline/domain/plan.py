"""The plan: each path sized, priced, timed, feasible or not and why, and the choice between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from throughline.domain.chain import PartLimits
from throughline.domain.job import Path, PathChoice
from throughline.domain.learning.exploration import Exploration
from throughline.domain.learning.rates import ASSUMED, Rates
from throughline.domain.sizing import OutputSize
from throughline.domain.tokens import LocalCount, TokenCount


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """What the sources amount to. `local` is what was counted without the API, from which factors are learned."""

    sources: int
    characters: int
    tokens: TokenCount
    counted_by: str
    local: LocalCount | None = None
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What the configured endpoint offers beside plain Messages."""

    host: str
    batches: bool
    structured_outputs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PathEstimate:
    """One path, as it is expected to go. Money in USD, time in hours.

    `worst_usd` is what the caps on output allow at most. `expected_total_usd` adds rework, repairs,
    review and waiting to the tokens; the cheapest total wins. `obstacles` is empty when the path is feasible.
    `upper_output_tokens` is the 90 % bound on this path; plans that were stored before it was kept have 0.
    """

    path: Path
    obstacles: tuple[str, ...]
    calls: int
    max_tokens_per_call: int
    input_tokens: int
    output_tokens: int
    expected_usd: Decimal
    worst_usd: Decimal
    hours: float
    truncation_chance: float
    rework_usd: Decimal
    review_minutes: float
    review_usd: Decimal
    waiting_usd: Decimal
    upper_output_tokens: int = 0
    repairs_usd: Decimal = Decimal(0)

    @property
    def feasible(self) -> bool:
        """Whether nothing stands against this path."""
        return not self.obstacles

    @property
    def expected_total_usd(self) -> Decimal:
        """Tokens, rework, repairs, review and waiting together."""
        return self.expected_usd + self.rework_usd + self.repairs_usd + self.review_usd + self.waiting_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was decided for a job, with every number that the decision used.

    `size` is that of the chosen path. `relative_gap` (0 to 1) says how far apart the totals of two possible paths
    are. `exploration` is set when it was asked for, and `exploration_usd` the most that a drawn second path may cost.
    `rates` are those of time, repairs and reading that the estimates rest on.
    """

    wanted: PathChoice
    chosen: Path
    run_both: bool
    reasons: tuple[str, ...]
    model: str
    corpus: Corpus
    endpoint: Endpoint
    size: OutputSize
    single_pass: PathEstimate
    chunked: PathEstimate
    part_limits: PartLimits
    assumptions: Mapping[str, str]
    relative_gap: float | None = None
    exploration: Exploration | None = None
    exploration_usd: Decimal = Decimal(0)
    rates: Rates = ASSUMED

    @property
    def expected_usd(self) -> Decimal:
        """What the tokens of everything that is to run are expected to cost."""
        chosen = self.single_pass if self.chosen is Path.SINGLE_PASS else self.chunked
        return self.single_pass.expected_usd + self.chunked.expected_usd if self.run_both else chosen.expected_usd

    @property
    def learned_until(self) -> datetime | None:
        """When the newest finished attempt that this plan rests on was known; None when it rests on none.

        The same job planned over the attempts known by then has the same numbers.
        """
        return None if self.size.forecast is None else self.size.forecast.as_of

    def single_pass_usd(self, budget_usd: Decimal) -> Decimal:
        """The most that one single pass may reserve of the job's budget.

        Its cap would else take all of it for hours, in which the chain that runs beside it could send nothing.
        """
        if not self.run_both:
            return budget_usd
        single_usd = self.single_pass.expected_usd
        together_usd = single_usd + self.single_pass.rework_usd + self.chunked.expected_usd
        return budget_usd * single_usd / together_usd if together_usd else budget_usd

    def estimate(self, path: Path) -> PathEstimate:
        """The estimate of that path."""
        return self.single_pass if path is Path.SINGLE_PASS else self.chunked


_ADAPTER = TypeAdapter(Plan)


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values, for the ledger and `--json`."""
    return _ADAPTER.dump_python(plan, mode="json")


def from_json(data: Mapping[str, Any]) -> Plan:
    """The plan as it was stored."""
    return _ADAPTER.validate_python(data)
