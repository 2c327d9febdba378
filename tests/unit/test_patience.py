"""How long a busy API is asked again, as a table of numbers."""

from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.claude.patience import Patience, patiently
from throughline.errors import Rejected, Retryable

PATIENCE = Patience(tries=6, first_wait_s=1.0, longest_wait_s=10.0)
BUSY = Retryable()
AT_ONCE = Patience(tries=3, first_wait_s=0.0)


@pytest.mark.parametrize(("tried", "longest"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0)])
def test_waits_double_up_to_the_longest(tried: int, longest: float):
    assert PATIENCE.wait_s(tried, BUSY, 1.0) == longest


@pytest.mark.parametrize(("jitter", "expected"), [(0.0, 2.0), (0.5, 3.0), (1.0, 4.0)])
def test_jitter_takes_away_up_to_half(jitter: float, expected: float):
    assert PATIENCE.wait_s(3, BUSY, jitter) == expected


@pytest.mark.parametrize(
    ("retry_after_s", "expected"),
    [
        pytest.param(0.0, 0.0, id="at once"),
        pytest.param(7.0, 7.0, id="as asked"),
        pytest.param(10.0, 10.0, id="the longest"),
        pytest.param(10.1, None, id="longer: give up"),
        pytest.param(4_294_967.0, None, id="weeks: give up"),
    ],
)
def test_what_the_server_asks_for_is_done_unless_it_is_too_long(retry_after_s: float, expected: float | None):
    assert PATIENCE.wait_s(1, Retryable(retry_after_s=retry_after_s), 0.5) == expected


@pytest.mark.parametrize("error", [BUSY, Retryable(retry_after_s=1.0)], ids=["no wish", "a wish"])
@pytest.mark.parametrize("tried", [6, 7])
def test_patience_ends_after_its_tries(tried: int, error: Retryable):
    assert PATIENCE.wait_s(tried, error, 0.5) is None


@settings(max_examples=30)
@given(st.integers(1, 5), st.floats(0, 1), st.none() | st.floats(0, 1e9))
def test_no_wait_is_negative_or_above_the_longest(tried: int, jitter: float, retry_after_s: float | None):
    wait_s = PATIENCE.wait_s(tried, Retryable(retry_after_s=retry_after_s), jitter)
    assert wait_s is None or 0 <= wait_s <= PATIENCE.longest_wait_s


def busy(times: int, error: Exception = BUSY) -> tuple[Callable[[], Awaitable[str]], list[None]]:
    """Someone who refuses so many times and then answers, and the calls that were made."""
    calls: list[None] = []

    async def ask() -> str:
        calls.append(None)
        if len(calls) <= times:
            raise error
        return "answer"

    return ask, calls


@pytest.mark.parametrize("times", [0, 1, 2])
async def test_a_busy_api_is_asked_until_it_answers(times: int):
    ask, calls = busy(times)
    assert await patiently(ask, AT_ONCE) == "answer"
    assert len(calls) == times + 1


async def test_when_patience_ends_the_last_refusal_is_raised():
    ask, calls = busy(3)
    with pytest.raises(Retryable):
        await patiently(ask, AT_ONCE)
    assert len(calls) == AT_ONCE.tries


async def test_a_refusal_for_good_is_not_asked_again():
    ask, calls = busy(1, Rejected())
    with pytest.raises(Rejected):
        await patiently(ask, AT_ONCE)
    assert len(calls) == 1
