"""The centre of a forecast: a sum of effects, each learned from the errors that it shared in.

A job's log residual is expected at the sum of its effects: that of all jobs, of its kind, of its model and
prompt version, of its cell. Each effect starts at zero with a stated variance. An error is divided among the
effects by their variances, and each becomes surer by its share (a Kalman filter that ignores covariances
between effects). So a new kind starts from what all jobs showed and moves to its own data by degrees: there is
no count at which one estimate replaces another. Each step adds a little variance back, so that no effect
ever stops following change. A new model or prompt version brings a new effect at its full variance: what
was learned before remains the best guess, and the forecast is wider.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

_CLIP = 2.5  # standard deviations; a wilder error moves the centre no further
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectPrior:
    """How far an effect may lie from zero (standard deviation), and how far it wanders with each job."""

    spread: float
    wander: float


class Part(NamedTuple):
    """One effect's share in a job: `key[0]` names the prior, `feature` multiplies the effect."""

    key: tuple[str, ...]
    feature: float = 1.0


@dataclass(frozen=True, slots=True)
class Centre:
    """Where the log residual is expected, and the variance of that expectation (not of the job)."""

    mean: float
    variance: float


class Effects:
    """All effects seen so far. `add` is O(number of parts)."""

    def __init__(self, priors: Mapping[str, EffectPrior]) -> None:
        self._priors = priors
        self._state: dict[tuple[str, ...], tuple[float, float]] = {}

    def centre(self, parts: Sequence[Part]) -> Centre:
        """The sum of the parts' effects."""
        mean = variance = 0.0
        for part in parts:  # every plan asks for this: one loop, nothing built on the way
            of_effect, uncertainty = self._effect(part)
            mean += part.feature * of_effect
            variance += part.feature * part.feature * uncertainty
        return Centre(mean=mean, variance=variance)

    def add(self, parts: Sequence[Part], value: float, noise: float, *, censored: bool) -> None:
        """Move each effect by its share of the error; `noise` is the variance of one job around its centre."""
        centre = self.centre(parts)
        spread = math.sqrt(centre.variance + noise)
        standard = (value - centre.mean) / spread
        if censored:
            standard = mean_above(standard)
        error = max(-_CLIP, min(_CLIP, standard)) * spread
        for part in parts:
            mean, variance = self._effect(part)
            gain = variance * part.feature / spread**2
            wander = self._priors[part.key[0]].wander ** 2
            self._state[part.key] = mean + gain * error, variance * (1 - gain * part.feature) + wander

    def _effect(self, part: Part) -> tuple[float, float]:
        """Mean and variance of an effect."""
        state = self._state.get(part.key)
        return (0.0, self._priors[part.key[0]].spread ** 2) if state is None else state


def mean_above(standard: float) -> float:
    """The mean of a standard normal above that value: what a censored error is taken for.

    Far in the tail both density and probability vanish; the mean then lies just above the value.
    """
    above = 1 - _NORMAL.cdf(standard)
    return _NORMAL.pdf(standard) / above if above > 1e-9 else standard + 1 / standard
