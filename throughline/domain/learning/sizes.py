"""The learner of output sizes: structure first, corrected by what finished attempts showed.

One learner is one fold over observations in time order. `forecast` never changes it, `add` never looks
ahead: the score that an attempt leaves behind is measured against the forecast made just before it.
"""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from operator import neg

from throughline.domain.learning import bounds, residuals
from throughline.domain.learning.bounds import Corrections
from throughline.domain.learning.effects import Centre, EffectPrior, Effects, Part
from throughline.domain.learning.observations import Observation, Profile, size_class
from throughline.domain.learning.overrun import Overrun, overrun
from throughline.domain.learning.parts import PRIORS, JobParts
from throughline.domain.learning.residuals import Distribution, Score

WINDOW = 200  # jobs of one size class that a bound looks back on
_ELSEWHERE = 200  # latest jobs of any class, model and prompt version to borrow from
_STRUCTURAL_JOBS = 4.0  # how many jobs the structural distribution counts for in chances and means
_OTHER_EPOCH_WIDER = 1.25  # scores of another model or prompt version count as this much wider
_WILDEST = 1.5  # log of the largest factor over the likely size that a mean takes into account
_STEP = 0.25
_GRID = tuple(step * _STEP for step in range(-16, 25))  # standard deviations from the likely size: -4 to 6

# Priors of the logarithm of |error| / stated spread: some kinds and sizes vary more than structure says.
SCALE_PRIORS = {
    "all": EffectPrior(spread=0.25, wander=0.010),
    "kind": EffectPrior(spread=0.35, wander=0.010),
    "size class": EffectPrior(spread=0.25, wander=0.010),
}
_LOG_ERROR_MEAN = -0.635  # mean and variance of log |standard normal|
_LOG_ERROR_VARIANCE = math.pi**2 / 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeForecast:
    """What an output is expected to take, in tokens, thinking included; complete in itself.

    `likely_tokens` is the middle, `expected_tokens` the mean (what costs follow; never above the upper end),
    `lower_tokens` to `upper_tokens` hold 80 %. Without a bound (`bounded` false) the upper end is the structural
    worst case and the lower end None. `jobs` finished attempts of this model and prompt version stand behind it, and
    the bound counts for `bound_weight` of them. `survival[i]` is the chance of more than
    likely_tokens x exp(log_spread x (-4 + i / 4)).
    """

    likely_tokens: int
    expected_tokens: int
    lower_tokens: int | None
    upper_tokens: int
    bounded: bool
    size_class: int
    jobs: int
    bound_weight: float
    log_spread: float
    survival: tuple[float, ...]
    basis: str
    as_of: datetime | None

    def probability_over(self, cap_tokens: float) -> float:
        """The chance that the output needs more than `cap_tokens`."""
        return _interpolate(math.log(cap_tokens / self.likely_tokens) / self.log_spread, _GRID, self.survival)

    def size_at(self, probability: float) -> float:
        """The size in tokens that the output stays below with that probability."""
        falling = self.survival
        right = bisect_right(falling, probability - 1, key=neg)
        if right in (0, len(falling)):
            position = _GRID[min(right, len(falling) - 1)]
        else:
            left = right - 1
            share = (falling[left] - (1 - probability)) / (falling[left] - falling[right])
            position = _GRID[left] + share * _STEP
        return self.likely_tokens * math.exp(position * self.log_spread)

    def bound(self, chance_of_more: float) -> int:
        """The size that is exceeded with that chance at most."""
        return bounds.bound_at(chance_of_more, self.upper_tokens, self.size_at)

    def overrun(self, cap_tokens: int) -> Overrun:
        """What of the output may lie beyond `cap_tokens`; sizes count as far as they do in the mean."""
        wildest = self.likely_tokens * math.exp(_WILDEST)
        return overrun(self.probability_over(cap_tokens), lambda p: min(self.size_at(p), wildest), cap_tokens)


def _interpolate(at: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """The value at that point between the nearest two of an ascending grid; constant beyond its ends."""
    right = bisect_right(xs, at)
    if right == 0:
        return ys[0]
    if right == len(xs):
        return ys[-1]
    share = (at - xs[right - 1]) / (xs[right] - xs[right - 1])
    return ys[right - 1] + share * (ys[right] - ys[right - 1])


@dataclass(frozen=True, slots=True)
class _Record:
    """A score with the groups that it belongs to."""

    value: float
    censored: bool
    epoch: tuple[str, str]
    size_class: int
    kind: str
    depth: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a job stands before its scores are looked at."""

    parts: tuple[Part, ...]
    scale_parts: tuple[Part, ...]
    centre: Centre
    noise: float
    spread: float
    likely_tokens: float
    size_class: int


_Group = tuple[tuple[str, str], int, str, str]  # jobs that have one distribution: epoch, size class, kind, depth


class SizeLearner:
    """Learns from finished attempts in time order. `add` and `forecast` take time in the window's length."""

    def __init__(self, observations: Iterable[Observation] = (), *, level: float = bounds.LEVEL) -> None:
        self._level = level
        self._parts = JobParts()
        self._effects = Effects(PRIORS)
        self._scales = Effects(SCALE_PRIORS)
        self._corrections = Corrections(level)
        self._by_class: dict[tuple[tuple[str, str], int], deque[_Record]] = {}
        self._latest: deque[_Record] = deque(maxlen=_ELSEWHERE)
        self._epoch_jobs: dict[tuple[str, str], int] = {}
        self._known: dict[_Group, Distribution] = {}
        self._masses: dict[_Group, tuple[float, ...]] = {}
        self._as_of: datetime | None = None
        for observation in observations:
            place = self._place(observation.profile)
            scores = self._distribution(observation.profile, place.size_class)
            upper, bounded = self._upper(observation.profile, place, scores)
            self._learn(observation, place, upper if bounded else None)

    def add(self, observation: Observation) -> SizeForecast:
        """Learn from one attempt; returns the forecast that it was measured against."""
        place = self._place(observation.profile)
        forecast = self._forecast(observation.profile, place)
        self._learn(observation, place, forecast.upper_tokens if forecast.bounded else None)
        return forecast

    def _learn(self, observation: Observation, place: _Place, upper_tokens: int | None) -> None:
        profile = observation.profile
        value = observation.log_residual
        self._correct(place.size_class, upper_tokens, observation)
        self._remember(profile, place, (value - place.centre.mean) / place.spread, censored=observation.censored)
        self._effects.add(place.parts, value, place.noise, censored=observation.censored)
        self._learn_scale(place, value - place.centre.mean, censored=observation.censored)
        self._parts.add(profile)
        self._as_of = observation.at
        self._known.clear()
        self._masses.clear()

    def forecast(self, profile: Profile) -> SizeForecast:
        """What is expected of a job, from all attempts added so far."""
        return self._forecast(profile, self._place(profile))

    def _place(self, profile: Profile) -> _Place:
        parts = self._parts.of(profile)
        centre = self._effects.centre(parts)
        likely = profile.prior_tokens * math.exp(centre.mean)
        group = size_class(likely)
        scale_parts = (Part(("all",)), Part(("kind", profile.kind)), Part(("size class", str(group))))
        noise = (profile.log_spread * math.exp(self._scales.centre(scale_parts).mean)) ** 2
        return _Place(
            parts=parts,
            scale_parts=scale_parts,
            centre=centre,
            noise=noise,
            spread=math.sqrt(centre.variance + noise),
            likely_tokens=likely,
            size_class=group,
        )

    def _learn_scale(self, place: _Place, error: float, *, censored: bool) -> None:
        """How large the error was beside the spread that structure states; a cut does not show it."""
        if not censored:
            scale = self._scales.centre(place.scale_parts).mean
            seen = math.log(max(abs(error) / place.spread, 1e-3)) + scale - _LOG_ERROR_MEAN
            self._scales.add(place.scale_parts, seen, _LOG_ERROR_VARIANCE, censored=False)

    def _correct(self, group: int, upper_tokens: int | None, observation: Observation) -> None:
        """Tell the size class how its bound did; a cut below the bound tells nothing."""
        if upper_tokens is not None:
            missed = observation.actual_tokens > upper_tokens
            if missed or not observation.censored:
                self._corrections.add(group, missed=missed)

    def _remember(self, profile: Profile, place: _Place, value: float, *, censored: bool) -> None:
        record = _Record(value, censored, profile.epoch, place.size_class, profile.kind, profile.depth)
        key = (profile.epoch, place.size_class)
        self._by_class.setdefault(key, deque(maxlen=WINDOW)).append(record)
        self._latest.append(record)
        self._epoch_jobs[profile.epoch] = self._epoch_jobs.get(profile.epoch, 0) + 1

    def _distribution(self, profile: Profile, group: int) -> Distribution:
        key = _group(profile, group)
        if key not in self._known:
            self._known[key] = residuals.distribution(self._weighted(profile, group))
        return self._known[key]

    def _masses_above(self, profile: Profile, group: int, scores: Distribution) -> tuple[float, ...]:
        """The mass of seen jobs above each score of the grid; the same for all jobs of a group."""
        key = _group(profile, group)
        if key not in self._masses:
            self._masses[key] = tuple(scores.mass_above(at) for at in _GRID)
        return self._masses[key]

    def _upper(self, profile: Profile, place: _Place, scores: Distribution) -> tuple[int, bool]:
        """The upper end in tokens, and whether it is a learned bound."""
        bound = bounds.upper_bound(scores, self._corrections.level(place.size_class), self._level)
        bounded = bound is not None and self._epoch_jobs.get(profile.epoch, 0) >= bounds.fewest_jobs(self._level)
        upper = 0.0 if bound is None else place.likely_tokens * math.exp(bound * place.spread)
        return max(1, math.ceil(upper if bounded else max(upper, profile.worst_tokens))), bounded

    def _weighted(self, profile: Profile, group: int) -> list[Score]:
        """Earlier scores with their weight for this job: its own size class in full, the rest borrowed."""
        epoch = profile.epoch
        own = self._by_class.get((epoch, group), ())
        records = [r for r in self._latest if r.size_class != group or r.epoch != epoch]
        records += own
        levels = [_shared_level(record, profile, epoch, group) for record in records]
        at_least = list(accumulate(levels.count(level) for level in (4, 3, 2, 1, 0)))
        weights = residuals.weights_by_level(at_least[::-1], least=bounds.fewest_jobs(self._level))
        return [
            Score(record.value if level else record.value * _OTHER_EPOCH_WIDER, weights[level], record.censored)
            for record, level in zip(records, levels, strict=True)
        ]

    def _forecast(self, profile: Profile, place: _Place) -> SizeForecast:
        scores = self._distribution(profile, place.size_class)
        jobs = self._epoch_jobs.get(profile.epoch, 0)
        upper, bounded = self._upper(profile, place, scores)
        masses = self._masses_above(profile, place.size_class, scores)
        survival = _survival(masses, scores.weight, place.spread / profile.log_spread)
        lower = scores.lower(1 - self._level) if bounded else None
        return SizeForecast(
            likely_tokens=max(1, round(place.likely_tokens)),
            expected_tokens=min(max(1, round(place.likely_tokens * _mean_factor(survival, place.spread))), upper),
            lower_tokens=None if lower is None else round(place.likely_tokens * math.exp(lower * place.spread)),
            upper_tokens=upper,
            bounded=bounded,
            size_class=place.size_class,
            jobs=jobs,
            bound_weight=scores.weight,
            log_spread=place.spread,
            survival=survival,
            basis=_basis(jobs, bounded=bounded, others=bool(self._latest)),
            as_of=self._as_of,
        )


def _shared_level(record: _Record, profile: Profile, epoch: tuple[str, str], group: int) -> int:
    """The finest group that a record shares with a job: none, epoch, size class, kind, depth (0 to 4)."""
    if record.epoch != epoch:
        return 0
    if record.size_class != group:
        return 1
    if record.kind != profile.kind:
        return 2
    return 4 if record.depth == profile.depth else 3


def _group(profile: Profile, group: int) -> _Group:
    return profile.epoch, group, profile.kind, profile.depth


def _survival(masses: Sequence[float], weight: float, wider: float) -> tuple[float, ...]:
    """The chance of more than each size of the grid: seen jobs, and a few more as structure would spread them.

    `wider` is the forecast's spread beside the one that structure states: structure's few jobs stay as narrow as that.
    """
    seen, half = weight + _STRUCTURAL_JOBS, _STRUCTURAL_JOBS / 2
    scaled = wider / math.sqrt(2)
    return tuple([(mass + half * math.erfc(at * scaled)) / seen for mass, at in zip(masses, _GRID, strict=True)])


def _mean_factor(survival: Sequence[float], spread: float) -> float:
    """Mean over middle, over the same distribution that the chances are read off; the wildest sizes do not rule it."""
    factor, step, wildest = math.exp(_GRID[0] * spread), math.exp(_STEP * spread), math.exp(_WILDEST)
    mean = factor = min(factor, wildest)  # each size above the smallest counts as often as it is exceeded
    exceeded = survival[0]
    for exceeds_next in survival[1:]:
        larger = min(factor * step, wildest)
        mean += (larger - factor) * (exceeded + exceeds_next) / 2
        factor, exceeded = larger, exceeds_next
    return mean


def _basis(jobs: int, *, bounded: bool, others: bool) -> str:
    attempts = f"{jobs} finished attempt{'' if jobs == 1 else 's'}"
    if bounded:
        return f"learned from {attempts}"
    if jobs or others:
        return f"no bound yet ({attempts}): structural worst case"
    return "structural prior (no finished attempts used)"
