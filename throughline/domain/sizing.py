"""How many tokens an output will have: as a distribution, from the structure that is asked for.

Expected size = units x tokens a unit + closing + thinking. It never follows from the input's length:
published output lengths barely depend on it. The upper bound adds variances, not bounds: units vary
independently around a common factor of the job (how talkative this model is on this text), so the bound
of a hundred units is not a hundred single bounds. All figures below are priors, stated as such in the
plan, until finished attempts correct them (`learned`). What was learned never becomes a prior: the next
correction starts from structure again.
"""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

from throughline.domain.job import Depth, Effort, Kind
from throughline.domain.learning.bounds import LEVEL, bound_at
from throughline.domain.learning.overrun import Overrun, overrun
from throughline.domain.learning.sizes import SizeForecast
from throughline.domain.models import Model, Thinking, Tokenizer

_JOB_SPREAD = 0.25  # log standard deviation of a whole job's length around its prior
_UNIT_SPREAD = 0.45  # log standard deviation of one unit's length within a job
_NEW_TOKENS_PER_WORD = 1.8  # 1M tokens are about 555K English words; the older tokenizer 750K
_OLD_TOKENS_PER_WORD = 1.33
_UNIT_OVERHEAD_WORDS = 40  # ids, heading, JSON syntax
_THINKING_SHARE = {Effort.LOW: 0.05, Effort.MEDIUM: 0.15, Effort.HIGH: 0.35}
CLOSING_WORDS = {Depth.BRIEF: 150, Depth.STANDARD: 300, Depth.EXHAUSTIVE: 500}


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """What one unit of a kind and depth is asked to be."""

    body_words: int
    quoted_words: int
    source_tokens_per_unit: int
    planned_units: int

    @property
    def words(self) -> int:
        """All words of a unit, quotes and overhead included."""
        return self.body_words + self.quoted_words + _UNIT_OVERHEAD_WORDS


def _norm(body: int, quoted: int, source_tokens: int, planned: int) -> Norm:
    return Norm(body_words=body, quoted_words=quoted, source_tokens_per_unit=source_tokens, planned_units=planned)


NORMS: dict[tuple[Kind, Depth], Norm] = {
    (Kind.SUMMARY, Depth.BRIEF): _norm(120, 60, 16_000, 0),
    (Kind.SUMMARY, Depth.STANDARD): _norm(300, 120, 6_000, 0),
    (Kind.SUMMARY, Depth.EXHAUSTIVE): _norm(700, 200, 2_000, 0),
    (Kind.CODE_REVIEW, Depth.BRIEF): _norm(100, 150, 12_000, 0),
    (Kind.CODE_REVIEW, Depth.STANDARD): _norm(180, 350, 6_000, 0),
    (Kind.CODE_REVIEW, Depth.EXHAUSTIVE): _norm(300, 800, 2_500, 0),
    (Kind.RESEARCH_REPORT, Depth.BRIEF): _norm(250, 180, 0, 6),
    (Kind.RESEARCH_REPORT, Depth.STANDARD): _norm(500, 300, 0, 12),
    (Kind.RESEARCH_REPORT, Depth.EXHAUSTIVE): _norm(1_000, 500, 0, 30),
    (Kind.SYNTHESIS, Depth.BRIEF): _norm(250, 200, 0, 6),
    (Kind.SYNTHESIS, Depth.STANDARD): _norm(450, 350, 0, 12),
    (Kind.SYNTHESIS, Depth.EXHAUSTIVE): _norm(900, 600, 0, 30),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What structure alone says of an output: likely tokens, 90 % bound, log standard deviation."""

    tokens: int
    worst_tokens: int
    log_spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSize:
    """Output tokens of a job, thinking included: what is expected, and the 90 % upper bound.

    By structure alone `forecast` is None, and `expected_tokens` is the middle of a log-normal. With a
    forecast it is the mean, and `prior` keeps what structure had said.
    """

    units: int
    expected_tokens: int
    upper_tokens: int
    thinking_tokens: int
    log_spread: float
    basis: str
    prior: Prior | None = None
    forecast: SizeForecast | None = None

    @property
    def structural(self) -> Prior:
        """What structure alone says, whatever was learned."""
        own = Prior(tokens=self.expected_tokens, worst_tokens=self.upper_tokens, log_spread=self.log_spread)
        return self.prior or own

    @property
    def lower_tokens(self) -> int | None:
        """What nine outputs in ten exceed; None while too few attempts are known."""
        return None if self.forecast is None else self.forecast.lower_tokens

    def probability_over(self, cap_tokens: int) -> float:
        """The chance that the output needs more than `cap_tokens`."""
        if self.forecast is not None:
            return self.forecast.probability_over(cap_tokens)
        if self.log_spread <= 0:
            return float(self.expected_tokens > cap_tokens)
        distance = math.log(cap_tokens / self.expected_tokens) / self.log_spread
        return 1 - NormalDist().cdf(distance)

    def size_at(self, probability: float) -> float:
        """The size in tokens that the output stays below with that probability."""
        if self.forecast is not None:
            return self.forecast.size_at(probability)
        return self.expected_tokens * math.exp(self.log_spread * NormalDist().inv_cdf(probability))

    def overrun(self, cap_tokens: int) -> Overrun:
        """What of the output may lie beyond `cap_tokens`."""
        return overrun(self.probability_over(cap_tokens), self.size_at, cap_tokens)

    def bound(self, chance_of_more: float) -> int:
        """The size that is exceeded with that chance at most."""
        return bound_at(chance_of_more, self.upper_tokens, self.size_at)


def tokens_per_word(model: Model) -> float:
    """Output tokens of one English word."""
    return _OLD_TOKENS_PER_WORD if model.tokenizer is Tokenizer.CLAUDE_OLD else _NEW_TOKENS_PER_WORD


def tokens_per_unit(kind: Kind, depth: Depth, model: Model) -> int:
    """Visible output tokens that one unit is expected to take."""
    return round(NORMS[kind, depth].words * tokens_per_word(model))


def closing_tokens(depth: Depth, model: Model) -> int:
    """Visible output tokens of the closing."""
    return round(CLOSING_WORDS[depth] * tokens_per_word(model))


def thinking_share(model: Model, effort: Effort) -> float:
    """Thinking tokens for each visible one; they are billed and count against the cap."""
    return _THINKING_SHARE[effort] if model.thinking is Thinking.ON else 0.0


def size_output(*, kind: Kind, depth: Depth, model: Model, effort: Effort, units: int) -> OutputSize:
    """The size of an output of that many units with its closing."""
    visible = units * tokens_per_unit(kind, depth, model) + closing_tokens(depth, model)
    thinking = round(visible * thinking_share(model, effort))
    expected = visible + thinking
    spread = math.hypot(_JOB_SPREAD, _UNIT_SPREAD / math.sqrt(max(units, 1)))
    return OutputSize(
        units=units,
        expected_tokens=expected,
        upper_tokens=round(expected * math.exp(spread * NormalDist().inv_cdf(LEVEL))),
        thinking_tokens=thinking,
        log_spread=spread,
        basis="structural prior (no finished attempts used)",
    )


def learned(size: OutputSize, forecast: SizeForecast) -> OutputSize:
    """A structural size corrected by what finished attempts showed; unchanged while there are none."""
    if forecast.as_of is None:
        return size
    share = size.thinking_tokens / size.expected_tokens
    return replace(
        size,
        expected_tokens=forecast.expected_tokens,
        upper_tokens=forecast.upper_tokens,
        thinking_tokens=round(forecast.expected_tokens * share),
        log_spread=forecast.log_spread,
        basis=forecast.basis,
        prior=size.structural,
        forecast=forecast,
    )
