"""Claude tokens for one local token, learned from the prompts that were billed.

The published factors (`throughline.domain.tokens.FACTORS`) are the prior. Each billed prompt whose documents were
counted locally says how far off they were; the error is shared between the tokenizer family and the
content types by how much of the prompt each was. The upper factor is a conformal bound as for sizes, and
stays the published one until enough prompts of that family were billed.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from throughline.domain.learning import bounds, residuals
from throughline.domain.learning.effects import EffectPrior, Effects, Part
from throughline.domain.learning.residuals import Score
from throughline.domain.models import Tokenizer
from throughline.domain.tokens import FACTORS, TokenFactor

WINDOW = 200
FEWEST_LOCAL_TOKENS = 5_000  # below, what the prompt's own words are taken for outweighs the documents
_PRIORS = {
    "family": EffectPrior(spread=0.08, wander=0.002),
    "content": EffectPrior(spread=0.08, wander=0.002),
}
_PROMPT_SPREAD = 0.05  # log standard deviation between prompts of one content type; an assumption


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorObservation:
    """A billed prompt: its documents' `o200k_base` tokens by content type, and the Claude tokens of the documents.

    The caller takes the prompt's own words (instructions, schema, outline) off `claude_tokens`.
    """

    at: datetime
    tokenizer: Tokenizer
    prose_local_tokens: int
    code_local_tokens: int
    claude_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedFactor:
    """The factor, how many billed prompts stand behind it, and whether its upper end is a learned bound."""

    factor: TokenFactor
    prompts: int
    bounded: bool
    basis: str


@dataclass(frozen=True, slots=True)
class _Record:
    value: float
    mostly_code: bool


class FactorLearner:
    """Learns from billed prompts in time order."""

    def __init__(self, observations: Iterable[FactorObservation] = ()) -> None:
        self._effects = Effects(_PRIORS)
        self._records: dict[Tokenizer, deque[_Record]] = {}
        for observation in observations:
            self.add(observation)

    def add(self, observation: FactorObservation) -> None:
        """Learn from one prompt; small ones say nothing and are passed over."""
        tokenizer = observation.tokenizer
        if observation.prose_local_tokens + observation.code_local_tokens < FEWEST_LOCAL_TOKENS:
            return
        prose = observation.prose_local_tokens * FACTORS[tokenizer, False].expected
        code = observation.code_local_tokens * FACTORS[tokenizer, True].expected
        code_share = code / (prose + code)
        parts = _parts(tokenizer, code_share)
        value = math.log(max(observation.claude_tokens, 1) / (prose + code))
        centre = self._effects.centre(parts)
        score = (value - centre.mean) / math.sqrt(centre.variance + _PROMPT_SPREAD**2)
        self._records.setdefault(tokenizer, deque(maxlen=WINDOW)).append(_Record(score, code_share >= 0.5))
        self._effects.add(parts, value, _PROMPT_SPREAD**2, censored=False)

    def factor(self, tokenizer: Tokenizer, *, code: bool) -> LearnedFactor:
        """The factor for documents of one content type."""
        published = FACTORS[tokenizer, code]
        records = self._records.get(tokenizer, ())
        centre = self._effects.centre(_parts(tokenizer, float(code)))
        bound = bounds.upper_bound(_scores(records, code=code), bounds.LEVEL)
        expected = published.expected * math.exp(centre.mean)
        upper = max(published.upper, expected)
        if bound is not None:
            upper = expected * math.exp(max(bound, 0.0) * math.sqrt(centre.variance + _PROMPT_SPREAD**2))
        return LearnedFactor(
            factor=TokenFactor(expected=expected, upper=upper),
            prompts=len(records),
            bounded=bound is not None,
            basis=f"learned from {_prompts(len(records))}" if records else "published measurements",
        )


def _prompts(count: int) -> str:
    return f"{count} billed prompt{'' if count == 1 else 's'}"


def _parts(tokenizer: Tokenizer, code_share: float) -> tuple[Part, ...]:
    return (
        Part(("family", tokenizer)),
        Part(("content", tokenizer, "prose"), 1 - code_share),
        Part(("content", tokenizer, "code"), code_share),
    )


def _scores(records: Iterable[_Record], *, code: bool) -> residuals.Distribution:
    known = list(records)
    alike = sum(record.mostly_code == code for record in known)
    weights = residuals.weights_by_level([len(known), alike])
    return residuals.distribution([Score(r.value, weights[int(r.mostly_code == code)]) for r in known])
