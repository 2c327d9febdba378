"""What finished attempts showed changes a plan."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.plans import LARGE, case
from throughline.domain.estimates import Case
from throughline.domain.job import Path, ReviewMode
from throughline.domain.learning.observations import Observation, Profile
from throughline.domain.learning.sizes import SizeLearner
from throughline.domain.plan import from_json, to_json
from throughline.domain.prompts import PROMPT_VERSION
from throughline.domain.routing import make_plan


def observed(of: Case, factor: float, count: int = 40) -> SizeLearner:
    """A learner of so many outputs like this one, that many times as long as structure says."""
    size = make_plan(of).size
    at = datetime(2026, 11, 1, tzinfo=UTC)
    learner = SizeLearner()
    for number in range(count):
        profile = Profile(
            kind=of.spec.kind,
            model=of.spec.model,
            depth=of.spec.depth,
            path=Path.SINGLE_PASS if number % 2 else Path.CHUNKED,
            prompt_version=PROMPT_VERSION,
            prior_tokens=size.expected_tokens,
            worst_tokens=size.upper_tokens,
            log_spread=size.log_spread,
            source_tokens=of.corpus.tokens.expected,
        )
        tokens = round(size.expected_tokens * factor * (1 + (number % 9 - 4) / 100))
        learner.add(Observation(at=at + timedelta(days=number), profile=profile, actual_tokens=tokens))
    return learner


def test_a_plan_sizes_by_what_finished_attempts_showed():
    of = case(**LARGE)
    plan = make_plan(replace(of, learner=observed(of, 0.5)))
    assert plan.size.basis == "learned from 40 finished attempts"
    assert plan.size.expected_tokens == pytest.approx(make_plan(of).size.expected_tokens / 2, rel=0.05)
    assert plan.single_pass.output_tokens == plan.size.expected_tokens
    assert plan.single_pass.upper_output_tokens == plan.size.upper_tokens
    assert plan.learned_until == datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=39)
    assert from_json(json.loads(json.dumps(to_json(plan)))) == plan


def test_an_output_takes_as_long_to_read_whichever_path_wrote_it():
    """Else a small learned difference in length would put the whole time of reading in dispute."""
    of = case(**LARGE, review=ReviewMode.ALWAYS)
    plan = make_plan(replace(of, learner=observed(of, 0.5)))
    assert plan.single_pass.output_tokens != plan.chunked.output_tokens
    assert plan.single_pass.review_usd == plan.chunked.review_usd
    assert "(a near tie)" not in plan.reasons[0]


def test_a_learner_without_attempts_changes_no_number():
    of = case(**LARGE)
    assert make_plan(replace(of, learner=SizeLearner())) == make_plan(of)


def test_what_was_learned_lets_a_single_pass_fit_that_structure_would_not():
    of = case(units=560, tokens=300_000)
    assert not make_plan(of).single_pass.feasible
    assert make_plan(replace(of, learner=observed(of, 0.6))).single_pass.feasible
