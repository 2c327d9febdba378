"""The learner: structure until there is data, then the data, never with a look ahead."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks import worlds
from throughline.domain.learning.observations import Observation, Profile
from throughline.domain.learning.sizes import SizeLearner

PROFILE = Profile(
    kind="summary",
    model="first",
    depth="standard",
    path="single_pass",
    prompt_version="1",
    prior_tokens=10_000,
    worst_tokens=15_000,
    log_spread=0.3,
    source_tokens=20_000,
)
LIGHT = [outcome.observation for outcome in worlds.outcomes("light tails", 60, 0)]


def observed(profile: Profile, *ratios: float, censored: bool = False) -> list[Observation]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Observation(
            at=at + timedelta(hours=i),
            profile=profile,
            actual_tokens=round(profile.prior_tokens * ratio),
            censored=censored,
        )
        for i, ratio in enumerate(ratios)
    ]


SPREAD_RATIOS = [math.exp(0.1 * step) for step in (-3, 1, 0, 2, -1, -2, 3, 0, 1, -1, 2, -2)]


def test_without_data_the_forecast_is_structure_and_its_worst_case():
    forecast = SizeLearner().forecast(PROFILE)
    assert (forecast.likely_tokens, forecast.upper_tokens) == (10_000, 15_000)
    assert forecast.expected_tokens > forecast.likely_tokens  # a mean: long outputs weigh more than short ones
    assert (forecast.bounded, forecast.lower_tokens, forecast.jobs, forecast.as_of) == (False, None, 0, None)
    assert forecast.basis == "structural prior (no finished attempts used)"
    assert forecast.probability_over(10_000) == pytest.approx(0.5)
    assert forecast.probability_over(10_000 * math.exp(0.3)) == pytest.approx(0.1587, abs=0.005)


def test_nine_jobs_give_a_bound_and_eight_do_not():
    eight = SizeLearner(observed(PROFILE, *SPREAD_RATIOS[:8])).forecast(PROFILE)
    nine = SizeLearner(observed(PROFILE, *SPREAD_RATIOS[:9])).forecast(PROFILE)
    assert (eight.bounded, eight.upper_tokens) == (False, 15_000)
    assert eight.basis == "no bound yet (8 finished attempts): structural worst case"
    assert nine.bounded
    assert nine.lower_tokens is not None
    assert nine.lower_tokens < nine.likely_tokens < nine.upper_tokens
    assert nine.basis == "learned from 9 finished attempts"


def test_the_middle_moves_to_what_was_seen():
    forecast = SizeLearner(observed(PROFILE, *[2 * ratio for ratio in SPREAD_RATIOS * 3])).forecast(PROFILE)
    assert forecast.likely_tokens == pytest.approx(20_000, rel=0.1)
    assert forecast.expected_tokens >= forecast.likely_tokens


def test_cut_jobs_give_no_bound_at_their_cap():
    learner = SizeLearner([*observed(PROFILE, *SPREAD_RATIOS), *observed(PROFILE, *[1.2] * 8, censored=True)])
    forecast = learner.forecast(PROFILE)
    assert not forecast.bounded
    assert forecast.upper_tokens >= PROFILE.worst_tokens


def test_a_cut_above_the_bound_is_a_miss_and_one_below_says_nothing():
    learned = observed(PROFILE, *SPREAD_RATIOS * 3)
    below = SizeLearner([*learned, *observed(PROFILE, 0.5, censored=True)])
    above = SizeLearner([*learned, *observed(PROFILE, 9.0, censored=True)])
    assert above.forecast(PROFILE).upper_tokens > below.forecast(PROFILE).upper_tokens


RATIOS = [pytest.param(0.3, id="shorter than structure said"), pytest.param(3.0, id="longer than structure said")]


def of_size(times: float) -> Profile:
    """The profile of a job so many times as large, sources too."""
    return replace(
        PROFILE,
        prior_tokens=PROFILE.prior_tokens * times,
        worst_tokens=PROFILE.worst_tokens * times,
        source_tokens=round(PROFILE.source_tokens * times),
    )


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("jobs", [1, 4, 12, 60])
def test_small_jobs_move_the_forecast_of_one_71_times_as_large_by_less_than_a_third(jobs: int, ratio: float):
    small = [each for i in range(jobs) for each in observed(of_size(0.8 + 0.1 * (i % 5)), ratio)]
    large = of_size(71)
    moved = math.log(SizeLearner(small).forecast(large).likely_tokens / large.prior_tokens)
    assert abs(moved) <= 0.3 * abs(math.log(ratio))


@pytest.mark.parametrize("ratio", RATIOS)
def test_jobs_of_near_size_move_the_forecast_most_of_the_way(ratio: float):
    small = observed(PROFILE, *[ratio] * 4)
    large = of_size(71)
    near = [each for times in (50, 60, 80, 100) for each in observed(of_size(times), ratio)]
    moved = math.log(SizeLearner([*small, *near]).forecast(large).likely_tokens / large.prior_tokens)
    assert moved / math.log(ratio) > 0.75


def test_a_forecast_does_not_jump_at_any_size():
    learner = SizeLearner(each for times in (1, 30) for each in observed(of_size(times), *[2.0 / times**0.2] * 6))
    steps = [of_size(math.exp(0.02 * step)) for step in range(-100, 400)]
    logs = [math.log(learner.forecast(each).likely_tokens / each.prior_tokens) for each in steps]
    assert max(abs(a - b) for a, b in zip(logs[1:], logs, strict=False)) < 0.02


def test_a_bound_that_is_known_stays_known_when_more_attempts_finish():
    """Attempts of its own size displace borrowed ones; they never take the bound away."""
    learner = SizeLearner(observed(PROFILE, *SPREAD_RATIOS[:9]))
    large = of_size(10)
    for ratio in SPREAD_RATIOS * 2:
        assert learner.forecast(large).bounded
        learner.add(*observed(large, ratio))


def test_a_single_attempt_is_named_as_one():
    assert SizeLearner(observed(PROFILE, 1.0)).forecast(PROFILE).basis == (
        "no bound yet (1 finished attempt): structural worst case"
    )


def test_a_new_model_starts_from_the_old_centre_with_a_wider_spread_and_no_bound():
    learner = SizeLearner(observed(PROFILE, *[2 * ratio for ratio in SPREAD_RATIOS * 4]))
    old, new = learner.forecast(PROFILE), learner.forecast(replace(PROFILE, model="second"))
    assert new.likely_tokens > 12_000
    assert new.log_spread > old.log_spread
    assert (new.bounded, new.jobs) == (False, 0)
    assert new.upper_tokens > PROFILE.worst_tokens


def test_a_new_prompt_version_starts_anew_as_well():
    learner = SizeLearner(observed(PROFILE, *SPREAD_RATIOS))
    assert learner.forecast(PROFILE).bounded
    assert not learner.forecast(replace(PROFILE, prompt_version="2")).bounded


def test_a_kind_or_depth_without_jobs_borrows_a_bound():
    learner = SizeLearner(observed(PROFILE, *SPREAD_RATIOS * 2))
    own = learner.forecast(PROFILE)
    for other in (
        replace(PROFILE, kind="synthesis"),
        replace(PROFILE, depth="brief"),
        replace(PROFILE, prior_tokens=9e4),
    ):
        borrowed = learner.forecast(other)
        assert borrowed.bounded
        assert borrowed.upper_tokens / borrowed.likely_tokens > own.upper_tokens / own.likely_tokens


def test_larger_sources_matter_only_as_far_as_they_did():
    pairs = [(20_000, 1.0), (5_000, 0.5), (80_000, 2.0)] * 20
    learner = SizeLearner(
        each for source, ratio in pairs for each in observed(replace(PROFILE, source_tokens=source), ratio)
    )
    small, large = (learner.forecast(replace(PROFILE, source_tokens=source)) for source in (5_000, 80_000))
    assert large.likely_tokens > 2 * small.likely_tokens


def test_a_forecast_never_looks_ahead():
    learner = SizeLearner()
    before = [learner.add(observation) for observation in LIGHT]
    again = SizeLearner(LIGHT[:40])
    assert again.forecast(LIGHT[40].profile) == before[40]
    assert before[40].as_of == LIGHT[39].at


def test_a_forecast_changes_nothing():
    learner = SizeLearner(LIGHT)
    first = learner.forecast(PROFILE)
    learner.forecast(replace(PROFILE, kind="synthesis"))
    assert learner.forecast(PROFILE) == first


def test_sizes_and_chances_are_two_readings_of_one_curve():
    forecast = SizeLearner(LIGHT).forecast(PROFILE)
    sizes = [forecast.size_at(probability / 20) for probability in range(1, 20)]
    assert sizes == sorted(sizes)
    assert forecast.probability_over(forecast.size_at(0.8)) == pytest.approx(0.2, abs=0.02)
    assert forecast.probability_over(1) > 0.99
    assert forecast.probability_over(10**9) < 0.01


def test_the_chance_of_a_cut_is_right_on_average():
    judged = worlds.after_cold_start(worlds.outcomes("light tails", 250, 1))
    caps = [1.3 * outcome.forecast.likely_tokens for outcome in judged]
    foreseen = sum(o.forecast.probability_over(cap) for o, cap in zip(judged, caps, strict=True)) / len(judged)
    seen = sum(o.true_tokens > cap for o, cap in zip(judged, caps, strict=True)) / len(judged)
    assert foreseen == pytest.approx(seen, abs=2 * math.sqrt(seen * (1 - seen) / len(judged)))
