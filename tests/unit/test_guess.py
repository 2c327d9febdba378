"""A word with a slip gets the nearest one; a word that is like none gets nothing."""

import pytest

from throughline.domain.guess import did_you_mean


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("sumary", " Did you mean 'summary'?"),
        ("SYNTHESIS", " Did you mean 'synthesis'?"),
        ("poem", ""),
        ("", ""),
    ],
)
def test_the_nearest_word_is_asked_for(typed: str, expected: str):
    assert did_you_mean(typed, ["summary", "synthesis"]) == expected
