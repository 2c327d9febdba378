"""What a finished attempt shows, and the size class that is known before it runs."""

import math
from datetime import UTC, datetime

import pytest

from throughline.domain.learning.observations import Observation, Profile, size_class

PROFILE = Profile(
    kind="summary",
    model="m",
    depth="standard",
    path="single_pass",
    prompt_version="7",
    prior_tokens=1_000,
    worst_tokens=2_000,
    log_spread=0.3,
    source_tokens=5_000,
)


def observed(tokens: int) -> Observation:
    return Observation(at=datetime(2026, 1, 1, tzinfo=UTC), profile=PROFILE, actual_tokens=tokens)


def test_a_residual_is_the_log_of_actual_over_prior():
    assert observed(2_000).log_residual == pytest.approx(math.log(2))


def test_an_empty_output_counts_as_one_token():
    assert observed(0).log_residual == pytest.approx(-math.log(1_000))


def test_another_model_or_prompt_version_is_another_epoch():
    assert PROFILE.epoch == ("m", "7")


@pytest.mark.parametrize(("tokens", "group"), [(1, 0), (3_999, 0), (4_000, 1), (16_000, 2), (64_000, 3), (9e5, 3)])
def test_the_size_class_begins_at_its_edge(tokens: float, group: int):
    assert size_class(tokens) == group
