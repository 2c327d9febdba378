"""The spread around a forecast: the errors that this very procedure made on earlier jobs.

A *score* is one such error: (log actual - centre) / forecast spread, computed before the job was learned
from. A job's distribution is that of earlier scores, weighted by how alike they are: its own cell counts
fully, and each coarser group adds at most `BORROWED` pseudo-jobs, so that a cell with few jobs stands
mostly on its kind and size class, and one with many on itself, without a step between.

Weights do not depend on the scores, so for exchangeable scores the weighted order statistic keeps its
finite-sample coverage; where they are not, the loss is at most the weighted total-variation distance
(Barber et al. 2023, arXiv:2202.13415). Groups that differ are therefore borrowed from sparingly.

A censored score says "at least". Its weight moves to everything above it (Efron's redistribution to the
right, which gives the Kaplan-Meier estimate), the unknown next job included, which stands at infinity. A cap
that is unrelated to the score leaves coverage right in the limit; there is no finite-sample guarantee then.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

BORROWED = 12.0  # pseudo-jobs that each coarser group may add


@dataclass(frozen=True, slots=True)
class Score:
    """One standardised error of an earlier forecast, and how much it counts (0 to 1 job)."""

    value: float
    weight: float = 1.0
    censored: bool = False


@dataclass(frozen=True, slots=True)
class Distribution:
    """Scores in order with the mass at or below each; the next job's own mass stands beyond all of them.

    `weight` is the number of jobs that the scores count for.
    """

    values: tuple[float, ...]
    cumulated: tuple[float, ...]
    weight: float

    def quantile(self, level: float) -> float | None:
        """The score that the next job stays below with that probability; None when too few are seen.

        With n full weights and no censoring: the order statistic of rank ceil((n + 1) x level).
        """
        wanted = level * (self.weight + 1) - 1e-9
        rank = bisect_left(self.cumulated, wanted)
        return self.values[rank] if rank < len(self.values) else None

    def lower(self, level: float) -> float | None:
        """The score that the next job stays above with probability 1 - level; None when too few are seen."""
        allowed = level * (self.weight + 1) + 1e-9
        reached = bisect_right(self.cumulated, allowed)
        return self.values[reached - 1] if reached else None

    def mass_above(self, score: float) -> float:
        """The mass of seen jobs above that score, in jobs; what censoring pushed beyond all counts as above."""
        below = bisect_right(self.values, score)
        return self.weight - (self.cumulated[below - 1] if below else 0.0)


def distribution(scores: Sequence[Score]) -> Distribution:
    """The distribution of the next score, from earlier ones."""
    weight = sum(score.weight for score in scores)
    values: list[float] = []
    cumulated: list[float] = []
    right = weight + 1  # raw weight at and to the right of the current score, the next job included
    factor = 1.0
    mass = 0.0
    for score in sorted(scores, key=attrgetter("value", "censored")):
        right -= score.weight
        if score.censored:
            factor *= (right + score.weight) / right
            continue
        mass += score.weight * factor
        values.append(score.value)
        cumulated.append(mass)
    return Distribution(values=tuple(values), cumulated=tuple(cumulated), weight=weight)


def weights_by_level(counts: Sequence[int], borrowed: float = BORROWED, least: float = 0.0) -> list[float]:
    """How much one score counts, by the finest group that it shares with the job.

    `counts[i]` jobs share group i; groups are nested, the coarsest first. A group stands on its own
    jobs and `borrowed` pseudo-jobs of the next coarser one. No score counts for more than one job. As long as there are
    so many jobs, all weights together are at least `least`: own jobs displace borrowed ones only beyond that.
    """
    shares = [0.0] * len(counts)
    shares[-1] = 1.0
    passed = borrowed
    for level in range(len(counts) - 2, 0, -1):
        shares[level] = passed / (counts[level] + borrowed)
        passed *= borrowed / (counts[level] + borrowed)
    shares[0] += passed / max(counts[0], 1)
    return _raised([min(1.0, sum(shares[: level + 1])) for level in range(len(counts))], counts, least)


def _raised(weights: list[float], counts: Sequence[int], least: float) -> list[float]:
    """The weights, each nearer to a whole job where their sum would be below `least`."""
    jobs = [count - finer for count, finer in zip(counts, [*counts[1:], 0], strict=True)]
    lacking = min(least, counts[0]) - sum(weight * count for weight, count in zip(weights, jobs, strict=True))
    if lacking <= 0:
        return weights
    room = sum((1 - weight) * count for weight, count in zip(weights, jobs, strict=True))
    return [weight + (1 - weight) * lacking / room for weight in weights]
