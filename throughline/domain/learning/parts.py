"""The effects that a job's length shares in: what is the same for all sizes, and what belongs to sizes like its own.

Short outputs say little about long ones: most of what moves a level is learned by size, on knots that lie a factor of
four apart in what structure expects. A job shares in the three nearest knots, smoothly (a quadratic B-spline of
log size), so that there is no size at which a forecast jumps, and a job of more than 64 times another's size shares no
knot with it. A quarter of the stated variance is common to all sizes: that much a new size learns from the others.
"""

import math

from throughline.domain.learning.effects import EffectPrior, Part
from throughline.domain.learning.observations import Profile

_KNOT_DISTANCE = math.log(4)

# What the structural figures may be off by (log standard deviations), and how fast it changes.
PRIORS = {
    "all": EffectPrior(spread=0.10, wander=0.005),
    "all by size": EffectPrior(spread=0.23, wander=0.015),
    "epoch": EffectPrior(spread=0.175, wander=0.011),
    "epoch by size": EffectPrior(spread=0.41, wander=0.028),
    "kind": EffectPrior(spread=0.125, wander=0.003),
    "kind by size": EffectPrior(spread=0.36, wander=0.010),
    "path": EffectPrior(spread=0.05, wander=0.0015),
    "cell": EffectPrior(spread=0.075, wander=0.005),
    "slope": EffectPrior(spread=0.20, wander=0.003),
    "kind slope": EffectPrior(spread=0.20, wander=0.003),
}
_MOST_SOURCE = 3.0  # of the source feature, both ways


class JobParts:
    """The parts of jobs. What sources usually amount to beside the output is learned from jobs that were added."""

    def __init__(self) -> None:
        self._usual_source: dict[str, tuple[float, int]] = {}

    def of(self, profile: Profile) -> tuple[Part, ...]:
        """The effects of this job."""
        source = self._source_feature(profile)
        knots = _knots(profile.prior_tokens)
        return (
            Part(("all",)),
            Part(("epoch", *profile.epoch)),
            Part(("kind", profile.kind)),
            Part(("path", profile.path)),
            Part(("cell", profile.kind, profile.model, profile.depth)),
            *(Part(("all by size", knot), share) for knot, share in knots),
            *(Part(("epoch by size", *profile.epoch, knot), share) for knot, share in knots),
            *(Part(("kind by size", profile.kind, knot), share) for knot, share in knots),
            Part(("slope",), source),
            Part(("kind slope", profile.kind), source),
        )

    def add(self, profile: Profile) -> None:
        """Learn how much source a job of that kind has."""
        mean, jobs = self._usual_source.get(profile.kind, (0.0, 0))
        gain = max(1 / (jobs + 1), 0.01)
        self._usual_source[profile.kind] = mean + gain * (_log_source(profile) - mean), jobs + 1

    def _source_feature(self, profile: Profile) -> float:
        """How much more source than usual for its kind a token of output has (log); 0 for a kind's first job."""
        mean, jobs = self._usual_source.get(profile.kind, (0.0, 0))
        return max(-_MOST_SOURCE, min(_MOST_SOURCE, _log_source(profile) - mean)) if jobs else 0.0


def _log_source(profile: Profile) -> float:
    """Sources beside the output that structure expects of them: what structure says already is not learned again."""
    return math.log(max(profile.source_tokens, 1) / profile.prior_tokens)


def _knots(prior_tokens: float) -> tuple[tuple[str, float], ...]:
    """The three knots nearest to a size with the job's share in each; the shares sum to 1."""
    position = math.log(prior_tokens) / _KNOT_DISTANCE
    left = math.floor(position)
    beyond = position - left
    return (
        (str(left - 1), (1 - beyond) ** 2 / 2),
        (str(left), 0.5 + beyond - beyond**2),
        (str(left + 1), beyond**2 / 2),
    )
