"""The proof in worlds whose truth is known: the bound holds, also within size classes, and again after a change.

Tolerances follow from the number of jobs: the promised points, and two standard errors of a share at that number.
"""

import math
from functools import cache

import pytest

from benchmarks import worlds
from benchmarks.worlds import Outcome
from throughline.domain.learning.observations import size_class

JOBS = 200
RUNS = 3


@cache
def runs(name: str) -> tuple[Outcome, ...]:
    return tuple(outcome for seed in range(RUNS) for outcome in worlds.outcomes(name, JOBS, seed))


def tolerance(points: float, jobs: int) -> float:
    return points + 2 * math.sqrt(0.9 * 0.1 / jobs)


STEADY = ["as structure says", "light tails", "heavy tails", "drift", "two mixed kinds", "cut at a cap", worlds.UNEVEN]


@pytest.mark.parametrize("name", [*STEADY, *worlds.SHIFTS])
def test_the_bound_holds_for_nine_jobs_in_ten(name: str):
    judged = worlds.after_cold_start(runs(name))
    assert worlds.share_held(judged) == pytest.approx(0.9, abs=tolerance(0.03, len(judged)))


@pytest.mark.parametrize("name", STEADY)
def test_the_bound_holds_within_each_size_class(name: str):
    judged = worlds.after_cold_start(runs(name))
    for group in range(4):
        alike = [o for o in judged if size_class(o.observation.profile.prior_tokens) == group]
        assert worlds.share_held(alike) == pytest.approx(0.9, abs=tolerance(0.06, len(alike)))


def test_the_bound_holds_within_each_kind():
    judged = worlds.after_cold_start(runs("two mixed kinds"))
    for kind in ("summary", "code_review"):
        alike = [o for o in judged if o.observation.profile.kind == kind]
        assert worlds.share_held(alike) == pytest.approx(0.9, abs=tolerance(0.06, len(alike)))


@pytest.mark.parametrize("name", worlds.SHIFTS)
def test_forty_jobs_after_a_change_the_bound_holds_again(name: str):
    recovered = worlds.recovered(runs(name), JOBS)
    assert worlds.share_held(recovered) == pytest.approx(0.9, abs=tolerance(0.03, len(recovered)))


@pytest.mark.parametrize("name", [*STEADY, *worlds.SHIFTS])
def test_the_cold_start_is_no_worse_than_the_structural_worst_case(name: str):
    early = [outcome for outcome in runs(name) if outcome.place < worlds.COLD_START]
    by_structure = sum(outcome.held_by_structure for outcome in early) / len(early)
    assert worlds.share_held(early) >= min(by_structure, 0.9) - tolerance(0.0, len(early))
    for outcome in early:
        if not outcome.forecast.bounded:
            assert outcome.forecast.upper_tokens >= math.floor(outcome.observation.profile.worst_tokens)
