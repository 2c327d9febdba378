"""Claude tokens for a local token: published until prompts were billed, then learned by content type."""

from datetime import UTC, datetime

import pytest

from throughline.domain.learning.factors import FactorLearner, FactorObservation
from throughline.domain.models import Tokenizer
from throughline.domain.tokens import FACTORS

NEW = Tokenizer.CLAUDE_NEW


def billed(factor: float, *, prose: int = 10_000, code: int = 0) -> FactorObservation:
    return FactorObservation(
        at=datetime(2026, 1, 1, tzinfo=UTC),
        tokenizer=NEW,
        prose_local_tokens=prose,
        code_local_tokens=code,
        claude_tokens=round((prose + code) * factor),
    )


SOME = [billed(1.5 * (1 + 0.01 * (i % 5 - 2))) for i in range(30)]


def test_without_billed_prompts_the_published_factor_stands():
    learned = FactorLearner().factor(NEW, code=False)
    assert learned.factor == FACTORS[NEW, False]
    assert (learned.bounded, learned.prompts, learned.basis) == (False, 0, "published measurements")


def test_the_factor_moves_to_what_was_billed_and_its_upper_end_becomes_a_bound():
    learned = FactorLearner(SOME).factor(NEW, code=False)
    assert learned.factor.expected == pytest.approx(1.5, rel=0.02)
    assert learned.factor.expected < learned.factor.upper < FACTORS[NEW, False].upper
    assert (learned.bounded, learned.prompts, learned.basis) == (True, 30, "learned from 30 billed prompts")


def test_few_prompts_leave_the_published_upper_end():
    learned = FactorLearner(SOME[:5]).factor(NEW, code=False)
    assert not learned.bounded
    assert learned.factor.upper == FACTORS[NEW, False].upper


def test_prose_and_code_come_apart_even_in_mixed_prompts():
    mixed = [billed(1.4), billed(1.9, prose=0, code=10_000), billed(1.65, prose=5_000, code=5_000)] * 20
    learner = FactorLearner(mixed)
    assert learner.factor(NEW, code=False).factor.expected == pytest.approx(1.4, rel=0.04)
    assert learner.factor(NEW, code=True).factor.expected == pytest.approx(1.9, rel=0.04)


def test_another_family_is_not_touched():
    assert FactorLearner(SOME).factor(Tokenizer.CLAUDE_OLD, code=False).factor == FACTORS[Tokenizer.CLAUDE_OLD, False]


def test_a_small_prompt_says_nothing():
    assert FactorLearner([billed(9.0, prose=1_000)]).factor(NEW, code=False).prompts == 0
