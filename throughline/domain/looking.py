"""Would it pay to buy the outline first and to choose the path when it has come back?

Only where the model writes the outline does such a look tell anything. A chain sends the outline's link first anyway,
so a look costs nothing where the chain is chosen after it; a single pass that is chosen after it has paid for the link.
The price is sure and what an outline tells is not: so it is priced as if it told the exact size, all of whose
uncertainty then lies in the number of units. What that saves is the most that any look can.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from throughline.domain import estimates
from throughline.domain.chain import PartLimits
from throughline.domain.estimates import Case
from throughline.domain.job import Path
from throughline.domain.sizing import OutputSize

_STEPS = 5  # equally probable sizes
_LEAST_USD = Decimal("0.00005")  # less is shown as nothing
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the outline's link costs, and what it saves at most beyond that; 0 where it does not pay."""

    price_usd: Decimal
    most_saved_usd: Decimal

    @property
    def sentence(self) -> str:
        """Why the outline is not bought first."""
        price = f"${self.price_usd:.4f}"
        if self.most_saved_usd < _LEAST_USD:
            worth = f"even if it told the exact size, its {price} would not be earned back"
        else:
            worth = f"if it told the exact size, it would save at most ${self.most_saved_usd:.4f} beyond its {price}"
        return f"The outline is not bought before the choice: {worth}"


def look(case: Case, sizes: Mapping[Path, OutputSize], limits: PartLimits) -> Look:
    """What it would be worth to know the size before the path is chosen.

    Totals are all but linear in the size: where the same path wins at both ends, it wins between them as well.
    """
    price_usd = estimates.outline_usd(case)

    def totals(step: int) -> _Totals:
        return _totals(case, sizes, limits, (step + 0.5) / _STEPS)

    smallest, largest = totals(0), totals(_STEPS - 1)
    if smallest.single_wins(price_usd) == largest.single_wins(price_usd):
        return Look(price_usd=price_usd, most_saved_usd=_NOTHING)
    every = [smallest, *(totals(step) for step in range(1, _STEPS - 1)), largest]
    now = min(sum((each.single_usd for each in every), _NOTHING), sum((each.chain_usd for each in every), _NOTHING))
    then = sum((min(each.single_usd + price_usd, each.chain_usd) for each in every), _NOTHING)
    return Look(price_usd=price_usd, most_saved_usd=max(_NOTHING, (now - then) / _STEPS))


@dataclass(frozen=True, slots=True)
class _Totals:
    """What both paths cost in all at one size, but for the reading, which is the same on both."""

    single_usd: Decimal
    chain_usd: Decimal

    def single_wins(self, look_usd: Decimal) -> bool:
        """Whether the single pass would be chosen after a look at that price."""
        return self.single_usd + look_usd < self.chain_usd


def _totals(case: Case, sizes: Mapping[Path, OutputSize], limits: PartLimits, probability: float) -> _Totals:
    """What both paths cost if the output has the size that it stays below with that chance."""
    known = {path: _known(size, size.size_at(probability)) for path, size in sizes.items()}
    case = replace(case, units=known[Path.CHUNKED].units)
    chain = estimates.chunked(case, known[Path.CHUNKED], limits)
    single = estimates.single_pass(case, known[Path.SINGLE_PASS], chain)
    return _Totals(single.expected_total_usd - single.review_usd, chain.expected_total_usd - chain.review_usd)


def _known(size: OutputSize, tokens: float) -> OutputSize:
    """That size as if it were known, with units in proportion."""
    times = tokens / size.expected_tokens
    return replace(
        size,
        units=max(1, round(size.units * times)),
        expected_tokens=max(1, round(tokens)),
        upper_tokens=max(1, round(tokens)),
        thinking_tokens=round(size.thinking_tokens * times),
        log_spread=0.0,
        forecast=None,
    )
