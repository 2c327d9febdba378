"""The upper bound: none before enough jobs, and a record of misses that moves its level within limits."""

from statistics import NormalDist

import pytest

from throughline.domain.learning.bounds import STEP, Corrections, bound_at, fewest_jobs, upper_bound
from throughline.domain.learning.residuals import Score, distribution

TWENTY = distribution([Score(float(i)) for i in range(20)])


@pytest.mark.parametrize(("level", "jobs"), [(0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)])
def test_a_bound_needs_one_over_alpha_less_one_jobs(level: float, jobs: int):
    assert fewest_jobs(level) == jobs


def test_without_enough_jobs_there_is_no_bound_yet():
    assert upper_bound(distribution([Score(1.0)] * 8), 0.9) is None


def test_a_correction_asks_for_no_more_than_the_largest_score():
    assert upper_bound(TWENTY, 0.9) == 18.0
    assert upper_bound(TWENTY, 0.99) == 19.0
    assert upper_bound(TWENTY, 0.8) == 16.0


@pytest.mark.parametrize("chance", [1e-12, 1e-17, 1e-300])
def test_a_chance_too_small_to_tell_from_none_has_the_widest_bound(chance: float):
    assert bound_at(chance, 10, lambda probability: 100 * NormalDist(1, 1).inv_cdf(probability)) == 804


def test_a_miss_widens_its_own_group_and_nine_hits_take_it_back():
    corrections = Corrections()
    corrections.add(1, missed=True)
    assert corrections.level(1) == pytest.approx(0.9 + 0.9 * STEP)
    assert corrections.level(2) == pytest.approx(0.9)
    for _ in range(9):
        corrections.add(1, missed=False)
    assert corrections.level(1) == pytest.approx(0.9)


def test_luck_makes_no_group_careless_and_bad_luck_none_useless():
    corrections = Corrections()
    for _ in range(500):
        corrections.add(0, missed=False)
        corrections.add(1, missed=True)
    assert corrections.level(0) == pytest.approx(0.8)
    assert corrections.level(1) == pytest.approx(0.98)
