"""What a cut single pass leaves to be written: the mean of what lies beyond the cap, never the whole output again."""

import pytest

from throughline.domain.learning.overrun import overrun


def evenly(probability: float) -> float:
    """Sizes from 0 to 400, each as probable as the other."""
    return 400 * probability


def test_what_is_missing_is_the_mean_of_what_lies_beyond_the_cap():
    beyond = overrun(0.25, evenly, 300)
    assert (beyond.chance, beyond.tokens) == (0.25, pytest.approx(50))
    assert beyond.share == pytest.approx(0.137, abs=0.001)  # the mean of 1 - 300 / size from 300 to 400


def test_an_output_that_never_reaches_the_cap_leaves_nothing():
    assert (overrun(0.0, evenly, 500).tokens, overrun(0.00005, evenly, 399).share) == (0.0, 0.0)


def test_a_size_below_the_cap_leaves_nothing_however_likely_a_cut_is_said_to_be():
    assert overrun(0.5, lambda _: 250.0, 300).tokens == 0


def test_the_later_the_cap_the_less_is_missing():
    missing = [overrun(1 - cap / 400, evenly, cap).share for cap in (100, 200, 300, 380)]
    assert missing == sorted(missing, reverse=True)
