"""The interval of a mean difference holds the truth about as often as it says, on skewed differences as well."""

import pytest

from benchmarks.interval_coverage import SORTS, share_held
from throughline.domain.paired import LEAST_PAIRS

TRIALS = 200  # the benchmark takes ten times as many


@pytest.mark.parametrize("sort", SORTS)
def test_ninety_five_per_cent_are_that_within_three_points(sort: str):
    draw, truth = SORTS[sort]
    assert share_held(draw, truth, LEAST_PAIRS, TRIALS) == pytest.approx(0.95, abs=0.03)
