"""Time, repairs and reading: assumed at first, then by degrees what finished jobs showed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from throughline.domain.job import Path
from throughline.domain.learning.rates import ASSUMED, JobOutcome, PathOutcome, rates


def path(path: Path = Path.SINGLE_PASS, **changed: Any) -> PathOutcome:
    usual = PathOutcome(path=path, assumed_hours=1.0, hours=2.0, planned_usd=1.0, repairs_usd=0.0)
    return replace(usual, **changed)


def job(*paths: PathOutcome, **changed: Any) -> JobOutcome:
    usual = JobOutcome(paths=paths, asked=None, assumed_minutes=10.0, minutes=None)
    return replace(usual, **changed)


def test_without_jobs_every_rate_is_the_assumption():
    assert rates([]) == ASSUMED
    assert ASSUMED.sentence == (
        "Assumed: hours of single_pass, hours of chunked, repairs of single_pass, repairs of chunked, "
        "minutes of reading, share that is read"
    )


@pytest.mark.parametrize(("jobs", "expected"), [(1, 7 / 6), (5, 1.5), (95, 1.95)])
def test_a_rate_moves_by_degrees_from_the_assumption_to_what_was_seen(jobs: int, expected: float):
    """The assumption counts for five jobs."""
    found = rates([job(path())] * jobs).hours(Path.SINGLE_PASS)
    assert (found.value, found.jobs) == (pytest.approx(expected), jobs)


def test_each_path_has_times_and_repairs_of_its_own():
    found = rates([job(path(), path(Path.CHUNKED, hours=0.5, repairs_usd=0.6))])
    assert found.hours(Path.CHUNKED).value == pytest.approx(5.5 / 6)
    assert found.repairs(Path.CHUNKED).value == pytest.approx(0.1)
    assert found.repairs(Path.SINGLE_PASS).value == 0
    assert found.repairs(Path.SINGLE_PASS).jobs == 1


def test_one_wild_job_counts_as_ten_times_its_plan():
    assert rates([job(path(hours=500.0))]).single_hours.value == pytest.approx(15 / 6)


def unknown() -> Sequence[JobOutcome]:
    return [
        job(path(hours=None, planned_usd=0.0)),
        job(path(assumed_hours=0.0), assumed_minutes=0.0, minutes=3.0),
    ]


def test_what_is_not_known_moves_nothing():
    found = rates(unknown())
    assert (found.single_hours, found.reading, found.reviewed) == (
        ASSUMED.single_hours,
        ASSUMED.reading,
        ASSUMED.reviewed,
    )


def test_reading_is_learned_from_the_minutes_that_people_took():
    found = rates([job(minutes=20.0)] * 5)
    assert (found.reading.value, found.reading.jobs) == (1.5, 5)


def test_how_often_a_person_must_read_is_learned_where_that_was_left_open():
    found = rates([job(asked=True), job(asked=True), job(asked=False), job(asked=None)]).reviewed
    assert (found.value, found.jobs) == (pytest.approx(2.5 / 8), 3)


def test_the_sentence_says_how_many_jobs_stand_behind_each_rate():
    found = rates([job(path(), minutes=20.0, asked=True)])
    assert found.sentence == (
        "Learned: hours of single_pass x1.17 (1 job), repairs of single_pass 0.0% of its tokens (1 job), "
        "minutes of reading x1.17 (1 job), share that is read 25% (1 job). "
        "Assumed: hours of chunked, repairs of chunked"
    )
    both = rates([job(path(), path(Path.CHUNKED), minutes=20.0, asked=True)] * 2)
    assert "Assumed" not in both.sentence
