"""Many jobs that ran both paths: the difference of each measure job by job, with an interval that says how sure.

A job is its own control: its two outputs had the same sources, outline and wishes. The interval is the percentile
bootstrap of the mean difference, drawn from a fixed seed, so that the same jobs always say the same.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import fsum
from typing import Any

from throughline.domain.measures import Measure, Values, measure

LEAST_PAIRS = 20
"""Below so many pairs nothing is said. Of 200 trials with skewed (lognormal) values the interval held the true mean in
76 % with 8 values and in 84 % with 20; the promised 95 % come only with differences that lean to neither side."""
ROUNDS = 1_000
_SEED = 20_261_122
_TAIL = 25  # of 1,000 means, so that 95 % lie between


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """One measure over many jobs: chunked less single pass. `low` and `high` are None where pairs are too few."""

    measure: Measure
    pairs: int
    mean_difference: float
    low: float | None
    high: float | None

    @property
    def says(self) -> str:
        """What may be said of it."""
        if self.low is None or self.high is None:
            return f"too few to say ({self.pairs} of {LEAST_PAIRS} pairs)"
        if self.low == self.high == 0:
            return "no difference in any pair"
        return "may be none" if self.low <= 0 <= self.high else "differs"


def paired(jobs: Sequence[tuple[Values, Values]]) -> tuple[Paired, ...]:
    """Every measure that some job has on both sides, as (single pass, chunked)."""
    keys = dict.fromkeys(key for left, right in jobs for key in (*left, *right))
    found = (_paired(measure(key), _differences(key, jobs)) for key in keys)
    return tuple(each for each in found if each.pairs)


def _differences(key: str, jobs: Sequence[tuple[Values, Values]]) -> list[Decimal]:
    both = ((left.get(key), right.get(key)) for left, right in jobs)
    return [right - left for left, right in both if left is not None and right is not None]


def _paired(of: Measure, differences: Sequence[Decimal]) -> Paired:
    values = [float(difference) for difference in differences]
    mean = fsum(values) / len(values) if values else 0.0
    low, high = interval(values) if len(values) >= LEAST_PAIRS else (None, None)
    return Paired(measure=of, pairs=len(values), mean_difference=mean, low=low, high=high)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean; a point where all values are the same."""
    if len(set(values)) == 1:
        return values[0], values[0]
    chance = random.Random(_SEED)
    means = sorted(fsum(chance.choices(values, k=len(values))) / len(values) for _ in range(ROUNDS))
    return means[_TAIL], means[-1 - _TAIL]


def to_json(rows: Sequence[Paired]) -> list[dict[str, Any]]:  # Any: JSON values
    """The paired differences as JSON values."""
    return [
        {
            "measure": row.measure.key,
            "unit": row.measure.unit,
            "pairs": row.pairs,
            "mean_difference": row.mean_difference,
            "low_95": row.low,
            "high_95": row.high,
            "says": row.says,
        }
        for row in rows
    ]
