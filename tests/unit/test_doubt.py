"""When a look proves that a batch is not there, and when to look for it once more."""

from datetime import UTC, datetime, timedelta

import pytest

from throughline.domain.doubt import earliest, is_due_again, is_surely_absent, is_too_late

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SETTLE = timedelta(seconds=30)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_what_was_never_let_go_is_surely_absent():
    assert is_surely_absent(post_until=None, looked_from=NOON, settle=SETTLE)


@pytest.mark.parametrize(("looked_from_s", "surely"), [(-5, False), (0, False), (29.9, False), (30, True), (600, True)])
def test_a_look_proves_absence_only_when_it_began_after_the_settling_time(looked_from_s: float, surely: bool):
    assert is_surely_absent(post_until=NOON, looked_from=after(looked_from_s), settle=SETTLE) == surely


def test_what_was_never_looked_for_is_due():
    assert is_due_again(post_until=NOON, looked_at=None, now=after(1))


@pytest.mark.parametrize(("now_s", "due"), [(30, False), (59, False), (60, True), (300, True)])
def test_a_look_is_due_when_as_much_time_has_passed_again(now_s: float, due: bool):
    assert is_due_again(post_until=NOON, looked_at=after(30), now=after(now_s)) == due


def test_a_day_holds_about_twelve_looks():
    looked_at, looks = after(30), 0
    for minute in range(1, 24 * 60):
        if is_due_again(post_until=NOON, looked_at=looked_at, now=after(60 * minute)):
            looked_at, looks = after(60 * minute), looks + 1
    assert looks == 11


def test_a_batch_that_the_apis_clock_puts_a_day_before_ours_may_be_ours():
    assert earliest(NOON) == NOON - timedelta(days=1)


@pytest.mark.parametrize(("created_h", "too_late"), [(-24, False), (24, False), (48, False), (49, True), (1000, True)])
def test_a_batch_that_came_days_after_our_post_is_anothers(created_h: float, too_late: bool):
    """What is given up is looked for for a day, by a clock that may be a day behind the API's."""
    assert is_too_late(NOON + timedelta(hours=created_h), post_until=NOON) == too_late
