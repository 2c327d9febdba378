"""Many jobs that ran both paths: the difference of each measure job by job, with an interval that says how sure.

A job is its own control: its two outputs had the same sources, outline and wishes. The interval of the mean difference
is a bootstrap-t, drawn from a fixed seed, so that the same jobs always say the same. Costs and minutes lean to one
side, and few of them hide how far: percentiles of resampled means are too narrow then, resampled t values are not.
Where differences lean to neither side those are a little too narrow, so neither end is nearer than Student's t.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import fsum, sqrt
from operator import mul
from typing import Any

from throughline.domain.measures import Measure, Values, measure

LEAST_PAIRS = 40
"""Below so many pairs nothing is said. From here on the interval holds the true mean in 95 % of trials, give or take
three, also where differences are as skewed as lognormal ones (`python -m benchmarks.interval_coverage`)."""
ROUNDS = 1_000
_ROUNDING = 1e-12
_SEED = 20_261_122
_TAIL = 25  # of 1,000 t values, so that 95 % lie between
_NORMAL = 1.959963984540054  # 97.5 % of a normal distribution lie below


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
    """The 95 % interval of the mean of two values or more; a point where all are the same."""
    if len(set(values)) == 1:
        return values[0], values[0]
    mean = fsum(values) / len(values)
    away = [value - mean for value in values]
    spread = _standard_error(0.0, fsum(map(mul, away, away)), len(values))
    chance = random.Random(_SEED)
    resampled = sorted(_t(chance.choices(away, k=len(away)), spread) for _ in range(ROUNDS))
    least = _student(len(values) - 1)
    return mean - max(resampled[-1 - _TAIL], least) * spread, mean + max(-resampled[_TAIL], least) * spread


def _t(away: Sequence[float], otherwise: float) -> float:
    """How many of its own standard errors the mean of a resample lies away; one of a single value has no error of its
    own and takes that of all values."""
    mean = sum(away) / len(away)
    return mean / (_standard_error(mean, sum(map(mul, away, away)), len(away)) or otherwise)


def _standard_error(mean: float, squares: float, count: int) -> float:
    """That of a mean; 0 where all values are the same but for the last digits of a sum."""
    variance = squares - count * mean * mean
    return sqrt(variance / (count - 1) / count) if variance > squares * _ROUNDING else 0.0


def _student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t by its expansion around the normal one: right to four digits from 20 on."""
    z = _NORMAL
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


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
