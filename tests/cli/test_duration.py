"""Durations are read as people type them, and anything else is refused with an example."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.cli.duration import seconds
from throughline.errors import BadInput


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("45s", 45),
        ("90m", 5_400),
        ("2h", 7_200),
        ("1d", 86_400),
        ("1h30m", 5_400),
        ("1d2h3m4s", 93_784),
        (" 2H ", 7_200),
        ("0h30m", 1_800),
        ("999999s", 999_999),
    ],
)
def test_a_duration_is_so_many_seconds(text: str, expected: int):
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("0m", id="zero"),
        pytest.param("10", id="no unit"),
        pytest.param("h", id="no number"),
        pytest.param("30m1h", id="wrong order"),
        pytest.param("1h 30m", id="a space inside"),
        pytest.param("-1h", id="negative"),
        pytest.param("1.5h", id="a fraction"),
        pytest.param("1w", id="an unknown unit"),
        pytest.param("tomorrow", id="a word"),
        *(pytest.param(f"1000000{unit}", id=f"seven digits of {unit}") for unit in "dhms"),
        pytest.param("9" * 5_000 + "s", id="more digits than Python reads"),
    ],
)
def test_what_is_no_duration_is_refused_with_the_forms_that_are(text: str):
    with pytest.raises(BadInput, match="Write it like 45m, 2h, 1h30m or 1d"):
        seconds(text)


@settings(max_examples=30)
@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(1, 99))
def test_the_parts_add_up(days: int, hours: int, minutes: int, rest: int):
    expected = ((days * 24 + hours) * 60 + minutes) * 60 + rest
    assert seconds(f"{days}d{hours}h{minutes}m{rest}s") == expected
