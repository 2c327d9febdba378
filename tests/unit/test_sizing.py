"""An output's size follows from the units it is asked to have, as a distribution with a 90 % bound."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.job import Depth, Effort, Kind
from throughline.domain.learning.observations import Observation, Profile
from throughline.domain.learning.sizes import SizeLearner
from throughline.domain.models import MODELS, Model, Thinking, find
from throughline.domain.sizing import (
    NORMS,
    OutputSize,
    closing_tokens,
    learned,
    size_output,
    thinking_share,
    tokens_per_unit,
    tokens_per_word,
)

NEW, OLD = find("claude-sonnet-5-5"), find("claude-sonnet-4-6")
kinds, depths, efforts = st.sampled_from(Kind), st.sampled_from(Depth), st.sampled_from(Effort)
models = st.sampled_from(sorted(MODELS.values(), key=lambda model: model.id))
units = st.integers(0, 2_000)


def sized(count: int, *, model: Model = NEW, kind: Kind = Kind.SUMMARY, effort: Effort = Effort.MEDIUM) -> OutputSize:
    return size_output(kind=kind, depth=Depth.STANDARD, model=model, effort=effort, units=count)


def profile(size: OutputSize) -> Profile:
    prior = size.structural
    return Profile(
        kind="summary",
        model=NEW.id,
        depth="standard",
        path="chunked",
        prompt_version="1",
        prior_tokens=prior.tokens,
        worst_tokens=prior.worst_tokens,
        log_spread=prior.log_spread,
        source_tokens=9_000,
    )


def after(*finished: tuple[float, int]) -> OutputSize:
    """The size of ten units after so many outputs that were so many times what structure says, give or take."""
    own = profile(sized(10))
    learner = SizeLearner()
    for factor, count in finished:
        for number in range(count):
            tokens = round(own.prior_tokens * factor * (1 + (number % 7 - 3) / 50))
            learner.add(Observation(at=datetime(2026, 11, 1, tzinfo=UTC), profile=own, actual_tokens=tokens))
    return learned(sized(10), learner.forecast(own))


def test_every_kind_and_depth_has_a_norm():
    assert set(NORMS) == {(kind, depth) for kind in Kind for depth in Depth}


@pytest.mark.parametrize("kind", list(Kind))
def test_a_deeper_output_asks_for_more_words_a_unit(kind: Kind):
    brief, standard, exhaustive = (NORMS[kind, depth].words for depth in Depth)
    assert brief < standard < exhaustive


def test_a_unit_has_its_body_its_quotes_and_its_overhead():
    assert NORMS[Kind.SUMMARY, Depth.STANDARD].words == 300 + 120 + 40


def test_the_newer_tokenizer_takes_more_tokens_a_word():
    assert tokens_per_word(NEW) == 1.8
    assert tokens_per_word(OLD) == 1.33


def test_expected_tokens_are_units_and_closing_and_thinking():
    visible = 10 * tokens_per_unit(Kind.SUMMARY, Depth.STANDARD, NEW) + closing_tokens(Depth.STANDARD, NEW)
    size = sized(10)
    assert visible == 10 * 828 + 540
    assert size.thinking_tokens == round(visible * 0.15)
    assert size.expected_tokens == visible + size.thinking_tokens


def test_a_model_that_does_not_think_unasked_takes_no_thinking_tokens():
    assert OLD.thinking is Thinking.OFF
    assert sized(10, model=OLD, effort=Effort.HIGH).thinking_tokens == 0


def test_more_effort_takes_more_thinking():
    low, medium, high = (thinking_share(NEW, effort) for effort in Effort)
    assert 0 < low < medium < high


@settings(max_examples=30)
@given(kinds, depths, efforts, models, units)
def test_the_upper_bound_is_above_what_is_expected(kind: Kind, depth: Depth, effort: Effort, model: Model, count: int):
    size = size_output(kind=kind, depth=depth, model=model, effort=effort, units=count)
    assert 0 < size.expected_tokens < size.upper_tokens
    assert 0 <= size.thinking_tokens < size.expected_tokens


@settings(max_examples=30)
@given(kinds, depths, efforts, models, units)
def test_one_more_unit_never_makes_the_output_shorter(
    kind: Kind, depth: Depth, effort: Effort, model: Model, count: int
):
    def size(number: int) -> OutputSize:
        return size_output(kind=kind, depth=depth, model=model, effort=effort, units=number)

    assert size(count).expected_tokens < size(count + 1).expected_tokens


def test_many_units_vary_less_in_all_than_one_does():
    assert sized(1).log_spread > sized(10).log_spread > sized(1_000).log_spread > 0.25


def test_one_output_in_ten_is_longer_than_the_upper_bound():
    size = sized(100)
    assert size.probability_over(size.upper_tokens) == pytest.approx(0.10, abs=0.001)


def test_every_second_output_is_longer_than_expected():
    size = sized(100)
    assert size.probability_over(size.expected_tokens) == pytest.approx(0.5)


@settings(max_examples=30)
@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_higher_cap_is_never_more_likely_to_be_exceeded(one: int, other: int):
    low, high = sorted((one, other))
    size = sized(100)
    assert 0 <= size.probability_over(high) <= size.probability_over(low) <= 1


@pytest.mark.parametrize(("cap", "chance"), [(99, 1.0), (100, 0.0), (101, 0.0)])
def test_a_size_without_spread_exceeds_a_cap_or_does_not(cap: int, chance: float):
    fixed = OutputSize(
        units=1, expected_tokens=100, upper_tokens=100, thinking_tokens=0, log_spread=0.0, basis="a known length"
    )
    assert fixed.probability_over(cap) == chance


@pytest.mark.parametrize("chance", [0.01, 0.05, 0.2, 0.5])
def test_a_bound_of_another_chance_is_read_off_the_distribution(chance: float):
    size = sized(100)
    assert size.probability_over(size.bound(chance)) == pytest.approx(chance, abs=0.001)


def test_a_bound_grows_as_the_chance_of_more_shrinks():
    for size in (sized(10), after((1.5, 30))):
        bounds = [size.bound(chance) for chance in (0.5, 0.2, 0.1, 0.05, 0.01)]
        assert bounds == sorted(bounds)
        assert size.bound(0.1) == size.upper_tokens


def test_without_finished_attempts_a_size_stays_what_structure_says():
    assert learned(sized(10), SizeLearner().forecast(profile(sized(10)))) == sized(10)


def test_a_learned_size_is_corrected_and_keeps_its_prior():
    size = after((1.5, 30))
    assert size.expected_tokens == pytest.approx(1.5 * sized(10).expected_tokens, rel=0.05)
    assert size.thinking_tokens / size.expected_tokens == pytest.approx(0.15 / 1.15, abs=0.001)
    assert size.basis == "learned from 30 finished attempts"
    assert size.lower_tokens is not None
    assert size.lower_tokens <= size.expected_tokens <= size.upper_tokens
    assert size.structural == sized(10).structural
    assert learned(size, SizeLearner().forecast(profile(size))).prior == size.prior


def test_a_few_finished_attempts_make_no_bound():
    size = after((1.1, 5))
    assert size.lower_tokens is None
    assert size.upper_tokens >= sized(10).upper_tokens
    assert size.basis == "no bound yet (5 finished attempts): structural worst case"


def test_a_learned_size_is_as_likely_to_exceed_a_cap_as_its_forecast_says():
    size = after((1.5, 30))
    assert size.forecast is not None
    assert size.probability_over(12_000) == size.forecast.probability_over(12_000)


def test_the_size_says_what_it_rests_on():
    assert sized(1).basis == "structural prior (no finished attempts used)"
