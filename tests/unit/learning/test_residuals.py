"""The weighted order statistic, censoring, and how much is borrowed from whom."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughline.domain.learning.residuals import BORROWED, Score, distribution, weights_by_level


def exact(values: list[float]) -> list[Score]:
    return [Score(value) for value in values]


@pytest.mark.parametrize(
    ("jobs", "rank"), [(9, 9), (10, 10), (19, 18), (50, 46), (99, 90)], ids=lambda number: f"{number}"
)
def test_the_bound_is_the_order_statistic_of_rank_ceil_n_plus_1_times_level(jobs: int, rank: int):
    assert distribution(exact([float(i) for i in range(1, jobs + 1)])).quantile(0.9) == rank


@pytest.mark.parametrize("jobs", [0, 1, 8])
def test_fewer_than_nine_jobs_have_no_bound(jobs: int):
    assert distribution(exact([float(i) for i in range(jobs)])).quantile(0.9) is None


def test_the_lower_end_mirrors_the_upper_one():
    scores = distribution(exact([float(i) for i in range(1, 20)]))
    assert (scores.lower(0.1), scores.quantile(0.9)) == (2.0, 18.0)
    assert distribution(exact([1.0])).lower(0.1) is None


def test_half_weights_count_for_half_a_job():
    assert distribution([Score(float(i), 0.5) for i in range(17)]).quantile(0.9) is None
    assert distribution([Score(float(i), 0.5) for i in range(18)]).quantile(0.9) == 17.0


def test_a_cut_job_below_the_bound_raises_it_and_is_never_the_bound():
    values = [float(i) for i in range(1, 31)]
    cut = [Score(value, censored=value in (10.0, 20.0)) for value in values]
    assert distribution(exact(values)).quantile(0.8) == 25.0
    bound = distribution(cut).quantile(0.8)
    assert bound is not None
    assert bound > 25.0
    assert bound not in (10.0, 20.0)


def test_cut_jobs_above_all_others_leave_no_bound():
    scores = [*exact([float(i) for i in range(20)]), *[Score(99.0, censored=True)] * 4]
    assert distribution(scores).quantile(0.9) is None
    assert distribution(scores).mass_above(50.0) == pytest.approx(4)


def test_the_mass_above_counts_jobs():
    scores = distribution(exact([1.0, 2.0, 3.0]))
    assert [scores.mass_above(at) for at in (0.0, 1.0, 2.5, 3.0)] == [3.0, 2.0, 1.0, 0.0]


@given(st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=1, max_size=60))
def test_censoring_never_lowers_a_bound(jobs: list[tuple[float, bool]]):
    uncut = distribution([Score(value) for value, _ in jobs]).quantile(0.9)
    cut = distribution([Score(value, censored=censored) for value, censored in jobs]).quantile(0.9)
    assert cut is None or (uncut is not None and cut >= uncut)


def test_a_group_of_many_stands_on_itself_and_one_of_few_on_its_parents():
    many = weights_by_level([400, 300, 200])
    few = weights_by_level([400, 300, 2])
    assert many[-1] == few[-1] == 1.0
    borrowed = [weights[0] * 100 + weights[1] * 100 for weights in (many, few)]
    assert borrowed[0] < BORROWED < 200
    assert few[0] * 100 + few[1] * 298 == pytest.approx(BORROWED, rel=0.1)


def test_what_is_borrowed_shrinks_without_a_step():
    shares = [weights_by_level([500, own])[0] * (500 - own) for own in range(0, 200, 10)]
    assert all(abs(after - before) < 1.5 for before, after in pairwise(shares))


@given(st.lists(st.integers(0, 500), min_size=2, max_size=5).map(lambda counts: sorted(counts, reverse=True)))
def test_no_job_counts_for_more_than_one_and_nearer_ones_for_no_less(counts: list[int]):
    weights = weights_by_level(counts)
    assert weights == sorted(weights)
    assert all(0 <= weight <= 1 for weight in weights)


@given(st.lists(st.integers(0, 30), min_size=3, max_size=5))
def test_all_scores_together_count_for_as_many_jobs_as_a_bound_needs(jobs: list[int]):
    """As long as there are so many; and where there are more of its own, for no fewer than without that rule."""
    counts = [sum(jobs[level:]) for level in range(len(jobs))]
    raised, plain = (
        sum(w * n for w, n in zip(weights_by_level(counts, least=least), jobs, strict=True)) for least in (9, 0)
    )
    assert raised == pytest.approx(max(plain, min(9, counts[0])))
