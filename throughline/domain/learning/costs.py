"""What a path is expected to cost in all, component by component.

Total = tokens + chance of a cut x rework + expected repairs + review minutes x their rate + waiting x its price.
Each component carries the sentence that explains it and how many finished attempts its figures come from; 0 means
an assumption.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from throughline.domain.job import Path

NEAR_TIE = 0.05  # a smaller gap, as a share of what is in dispute, is called a near tie
RISK_OF_CUT = 0.95
_INDIFFERENT_USD = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """What a team decides: the price of an hour of review and of waiting (USD), and how likely a cut may be.

    A single pass whose chance of a cut is above `risk_of_cut` is not sent, whatever it would save. What a cut costs is
    part of the expected total, so below that the cost alone decides. At the default of 0.95 only one that is
    hardly ever whole is refused; whoever wants whole answers more than savings bears less.
    """

    review_usd_per_hour: Decimal
    waiting_usd_per_hour: Decimal
    risk_of_cut: float = RISK_OF_CUT


def likely_cut(bound_tokens: int, risk_of_cut: float, cap_tokens: int) -> str:
    """Why a single pass is not sent whose output exceeds `bound_tokens` with the chance that the team bears."""
    chance = f"with a chance of {risk_of_cut:.0%}"
    return f"the output needs more than {bound_tokens:,} tokens {chance}, and one answer ends at {cap_tokens:,}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathInputs:
    """What the cost of one path follows from.

    `tokens_usd` is for the expected size, `rework_usd` what a cut would cost, `repairs` the expected number of repair
    calls of `repair_usd` each. `learned_from` says for each component name how many finished attempts its figures
    come from.
    """

    path: Path
    tokens_usd: Decimal
    truncation_chance: float
    rework_usd: Decimal
    repairs: float
    repair_usd: Decimal
    review_minutes: float
    hours: float
    learned_from: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One named part of a total, with how it was reached and from how many finished attempts."""

    name: str
    usd: Decimal
    how: str
    learned_from: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PathCost:
    """The expected total cost of a path."""

    path: Path
    components: tuple[Component, ...]

    @property
    def total_usd(self) -> Decimal:
        """The sum of all components."""
        return sum((component.usd for component in self.components), Decimal(0))


def total_cost(inputs: PathInputs, knobs: Knobs) -> PathCost:
    """Every component of one path's expected total, those of 0 included."""
    rows = (
        ("tokens", inputs.tokens_usd, "expected tokens x price"),
        ("rework", Decimal(inputs.truncation_chance) * inputs.rework_usd,
         f"chance of a cut {inputs.truncation_chance:.1%} x ${inputs.rework_usd:.4f}"),
        ("repairs", Decimal(inputs.repairs) * inputs.repair_usd,
         f"{inputs.repairs:.2f} repair calls x ${inputs.repair_usd:.4f}"),
        ("review", Decimal(inputs.review_minutes) / 60 * knobs.review_usd_per_hour,
         f"{inputs.review_minutes:.1f} min x ${knobs.review_usd_per_hour}/h"),
        ("waiting", Decimal(inputs.hours) * knobs.waiting_usd_per_hour,
         f"{inputs.hours:.2f} h x ${knobs.waiting_usd_per_hour}/h"),
    )  # fmt: skip
    return PathCost(
        path=inputs.path,
        components=tuple(
            Component(name=name, usd=usd, how=how, learned_from=inputs.learned_from.get(name, 0))
            for name, usd, how in rows
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The cheaper path, by how much, and how clear that is.

    `relative_gap` (0 to 1) is the gap as a share of what the dearer path costs in dispute: components that are
    equal on both paths, such as reading the same output, are left out of it.
    """

    cheaper: PathCost
    dearer: PathCost
    gap_usd: Decimal
    relative_gap: float
    near_tie: bool
    sentence: str


def compare(first: PathCost, second: PathCost) -> Verdict:
    """Which of two possible paths is expected to be cheaper; the first when they are equal."""
    cheaper, dearer = (second, first) if second.total_usd < first.total_usd else (first, second)
    gap = dearer.total_usd - cheaper.total_usd
    pairs = list(zip(cheaper.components, dearer.components, strict=True))
    in_dispute = sum((b.usd for a, b in pairs if abs(a.usd - b.usd) >= _INDIFFERENT_USD), Decimal(0))
    relative = float(gap / in_dispute) if in_dispute > 0 else 0.0
    near_tie = relative < NEAR_TIE
    deciding = sorted(pairs, key=lambda pair: abs(pair[0].usd - pair[1].usd), reverse=True)[:2]
    reasons = ", ".join(f"{a.name} ${a.usd:.4f} against ${b.usd:.4f}" for a, b in deciding)
    return Verdict(
        cheaper=cheaper,
        dearer=dearer,
        gap_usd=gap,
        relative_gap=relative,
        near_tie=near_tie,
        sentence=(
            f"{cheaper.path} is expected to cost ${cheaper.total_usd:.4f} in all, {dearer.path} "
            f"${dearer.total_usd:.4f}{' (a near tie)' if near_tie else ''}: {reasons}"
        ),
    )
