"""How far an output may run beyond a cap: what a cut single pass leaves for the chain to write.

A cut answer keeps its complete units, so only what lies beyond the cap is written again. Of the rare outputs that are
cut most are cut late: the price of a cut is the mean of what is missing, never the price of a whole output.
"""

from collections.abc import Callable
from dataclasses import dataclass

_STEPS = 8  # equally probable sizes beyond the cap
_NEGLIGIBLE = 1e-4  # a chance below which nothing is priced


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """What lies beyond the cap. `chance` of any; `tokens` and `share` of the output are means over the cut ones."""

    chance: float
    tokens: float
    share: float


def overrun(chance: float, size_at: Callable[[float], float], cap_tokens: int) -> Overrun:
    """The overrun of an output that exceeds the cap with that chance.

    `size_at(p)` is the size in tokens that the output stays below with probability p.
    """
    if chance < _NEGLIGIBLE:
        return Overrun(chance=chance, tokens=0.0, share=0.0)
    sizes = [max(size_at(1 - chance * (step + 0.5) / _STEPS), cap_tokens) for step in range(_STEPS)]
    return Overrun(
        chance=chance,
        tokens=sum(size - cap_tokens for size in sizes) / _STEPS,
        share=sum(1 - cap_tokens / size for size in sizes) / _STEPS,
    )
