"""Paired differences: the same jobs say the same, swapped sides the opposite, and few jobs say nothing."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.measures import Values
from throughline.domain.paired import LEAST_PAIRS, interval, paired, to_json

costs = st.lists(
    st.tuples(st.decimals(0, 100, places=4), st.decimals(0, 100, places=4)), min_size=LEAST_PAIRS, max_size=50
)


def jobs(pairs: list[tuple[Decimal, Decimal]]) -> list[tuple[Values, Values]]:
    return [({"paid_usd": left}, {"paid_usd": right}) for left, right in pairs]


@settings(max_examples=10, deadline=None)
@given(costs)
def test_jobs_beside_themselves_show_no_difference(pairs: list[tuple[Decimal, Decimal]]):
    (row,) = paired(jobs([(left, left) for left, _ in pairs]))
    assert (row.mean_difference, row.low, row.high, row.says) == (0, 0, 0, "no difference in any pair")


@settings(max_examples=10, deadline=None)
@given(costs)
def test_swapping_the_sides_turns_the_interval_round(pairs: list[tuple[Decimal, Decimal]]):
    (there,) = paired(jobs(pairs))
    (back,) = paired(jobs([(right, left) for left, right in pairs]))
    assert there.low is not None
    assert there.high is not None
    assert (back.mean_difference, back.low, back.high) == (-there.mean_difference, -there.high, -there.low)
    assert back.says == there.says


def test_the_same_jobs_always_say_the_same():
    pairs = [(Decimal(number), Decimal(number * number)) for number in range(LEAST_PAIRS)]
    assert paired(jobs(pairs)) == paired(jobs(pairs))


def test_too_few_jobs_say_nothing():
    (row,) = paired(jobs([(Decimal(1), Decimal(2))] * (LEAST_PAIRS - 1)))
    assert (row.pairs, row.mean_difference, row.low) == (LEAST_PAIRS - 1, 1, None)
    assert row.says == f"too few to say ({LEAST_PAIRS - 1} of {LEAST_PAIRS} pairs)"


@pytest.mark.parametrize(("shift", "says"), [(0, "may be none"), (10, "differs")])
def test_an_interval_that_holds_zero_may_be_no_difference(shift: int, says: str):
    pairs = [(Decimal(0), Decimal(shift + (-1) ** number)) for number in range(LEAST_PAIRS)]
    (row,) = paired(jobs(pairs))
    assert row.says == says


def test_a_job_without_a_value_on_one_side_is_no_pair():
    found = paired([({"minutes": None, "calls": Decimal(1)}, {"minutes": Decimal(3), "calls": Decimal(1)})])
    assert [(row.measure.key, row.pairs) for row in found] == [("calls", 1)]


def test_no_jobs_have_no_rows():
    assert paired([]) == ()


def test_one_odd_job_among_equals_gives_a_finite_interval():
    low, high = interval([0.0] * (LEAST_PAIRS - 1) + [40.0])
    assert low <= 0
    assert 1 < high < 40  # the mean is 1


def test_the_json_says_what_may_be_said():
    (row,) = to_json(paired(jobs([(Decimal(1), Decimal(2))])))
    assert (row["measure"], row["pairs"], row["low_95"], row["unit"]) == ("paid_usd", 1, None, "$")
    assert row["says"].startswith("too few")
