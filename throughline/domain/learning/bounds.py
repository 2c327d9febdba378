"""The upper bound of a forecast: a conformal order statistic, or "no bound yet".

At level 0.9 the bound is the smallest score that leaves at most a tenth of (n + 1) jobs above; with n < 9 no
such score exists, and the answer is "no bound yet", never the largest value seen. The level itself is
corrected by each size class's own record (adaptive conformal inference, Gibbs and Candes 2021,
arXiv:2106.00170): a miss makes the next bounds of that class wider, a hit a ninth as much narrower. Over T jobs
of a class the rate of misses is then within about 1 / (STEP x T) of the nominal one whatever the lengths do,
as long as the correction stays within its limits.
"""

import math
from collections.abc import Callable

from throughline.domain.learning.residuals import Distribution

LEVEL = 0.90
STEP = 0.02  # how far one miss moves the allowed rate of misses
_NEVER = 1e-12  # less has no quantile: 1 less it is 1 to the machine
_ALLOWED_MISSES = (0.02, 0.20)  # limits of the correction: luck makes no class careless, bad luck none useless


def fewest_jobs(level: float) -> int:
    """How many jobs a bound at that level needs: the largest of n is one of level n / (n + 1)."""
    return math.ceil(1 / (1 - level) - 1e-9) - 1


class Corrections:
    """The rate of misses that each group's next bound allows, moved by what its earlier bounds did."""

    def __init__(self, level: float = LEVEL, step: float = STEP) -> None:
        self._nominal = 1 - level
        self._step = step
        self._allowed: dict[int, float] = {}

    def level(self, group: int) -> float:
        """The level at which this group's next bound is taken."""
        return 1 - self._allowed.get(group, self._nominal)

    def add(self, group: int, *, missed: bool) -> None:
        """One more bound of that group has been tried by an actual length."""
        low, high = _ALLOWED_MISSES
        moved = self._allowed.get(group, self._nominal) + self._step * (self._nominal - missed)
        self._allowed[group] = min(max(moved, low), high)


def upper_bound(scores: Distribution, level: float, nominal: float = LEVEL) -> float | None:
    """The score that the next job stays below at that level, or None: "no bound yet".

    Whether there is one depends on the nominal level alone. A correction that asks for more than the jobs
    can give gets the highest level that they can: the largest score seen.
    """
    if scores.quantile(nominal) is None:
        return None
    return scores.quantile(min(level, scores.cumulated[-1] / (scores.weight + 1)))


def bound_at(chance_of_more: float, upper_tokens: int, size_at: Callable[[float], float]) -> int:
    """The size that is exceeded with that chance at most: at 0.1 the upper bound, else on its proper side.

    A chance other than 0.1 is read off the whole distribution (`size_at`), which is less well founded than the bound.
    """
    if math.isclose(chance_of_more, 1 - LEVEL):
        return upper_tokens
    beyond = max if chance_of_more < 1 - LEVEL else min
    return beyond(upper_tokens, math.ceil(size_at(1 - max(chance_of_more, _NEVER))))
