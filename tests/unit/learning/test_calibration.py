"""The report on a ledger: what was forecast beside what came, plans beside actuals, and what choices cost."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from throughline.domain.estimates import Case, Policy
from throughline.domain.job import AttemptId, AttemptStatus, JobId, JobSpec, JobStatus, Kind, Path, Role
from throughline.domain.learning.calibration import Calibration, Concluded, as_json, calibration, to_json
from throughline.domain.learning.exploration import Exploration
from throughline.domain.learning.observations import Observation, Profile
from throughline.domain.learning.report import Trial
from throughline.domain.models import find
from throughline.domain.plan import Corpus, Endpoint, Plan
from throughline.domain.pricing import Usage
from throughline.domain.report import AttemptReport, CitationCounts, JobReport
from throughline.domain.routing import make_plan
from throughline.domain.tokens import exact

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPEC = JobSpec(kind=Kind.SUMMARY, model="claude-opus-5-5")
PLAN = make_plan(
    Case(
        spec=SPEC,
        model=find(SPEC.model),
        corpus=Corpus(sources=1, characters=400, tokens=exact(100), counted_by="api"),
        units=2,
        endpoint=Endpoint(host="localhost", batches=True, structured_outputs=True),
        policy=Policy(review_usd_per_hour=Decimal(60), waiting_usd_per_hour=Decimal(1)),
        at=START,
    )
)


def attempt(path: Path, usd: str, *, hours: float | None = 1, **given: Any) -> AttemptReport:
    figures: dict[str, Any] = {"status": AttemptStatus.COMPLETE, "role": Role.PRIMARY, **given}
    return AttemptReport(
        id=AttemptId(path),
        path=path,
        continues_attempt_id=None,
        units=2,
        units_wanted=2,
        calls=1,
        lost_calls=0,
        lost_at_most_usd=Decimal(0),
        open_calls=0,
        open_at_most_usd=Decimal(0),
        usage=Usage(output_tokens=20),
        wasted_tokens=0,
        cost_usd=Decimal(usd),
        stop_reason=None,
        reason=None,
        citations=CitationCounts(),
        verdict=None,
        started_at=START,
        finished_at=None if hours is None else START + timedelta(hours=hours),
        **figures,
    )


def ended(*attempts: AttemptReport, plan: Plan | None = PLAN, minutes: float | None = 0.0) -> Concluded:
    report = JobReport(
        id=JobId("job"),
        spec=SPEC,
        title="Title",
        status=JobStatus.DONE,
        reason=None,
        simulated=True,
        sources=("a.md",),
        plan=plan,
        attempts=attempts,
        published_attempt_id=None,
        created_at=START,
        finished_at=START,
    )
    return Concluded(report=report, review_minutes=minutes)


BOTH = (attempt(Path.SINGLE_PASS, "0.10", hours=2), attempt(Path.CHUNKED, "0.30", hours=1))


def observations(count: int) -> list[Observation]:
    profile = Profile(
        kind="summary",
        model="m",
        depth="standard",
        path="chunked",
        prompt_version="1",
        prior_tokens=1_000,
        worst_tokens=1_600,
        log_spread=0.35,
        source_tokens=5_000,
    )
    return [
        Observation(at=START + timedelta(hours=place), profile=profile, actual_tokens=900 + 20 * (place % 10))
        for place in range(count)
    ]


def said(actual: int, *, censored: bool = False) -> Trial:
    return Trial(
        at=START,
        kind="summary",
        size_class=0,
        likely_tokens=1_000,
        upper_tokens=1_600,
        worst_tokens=1_600,
        bounded=True,
        actual_tokens=actual,
        censored=censored,
    )


def report(*concluded: Concluded, count: int = 0, planned: tuple[Trial, ...] = ()) -> Calibration:
    return calibration(observations(count), planned, concluded, simulated=True)


def test_each_attempt_is_judged_by_the_bound_that_those_before_it_gave():
    found = report(count=30)
    assert found.attempts == 30
    assert (found.sizes.no_bound_yet, found.sizes.overall.known) == (9, 21)


def test_what_plans_said_is_judged_by_itself():
    found = report(planned=(said(1_500), said(1_700), said(1_000, censored=True)))
    assert (found.as_planned.held, found.as_planned.known, found.as_planned.unknown) == (1, 2, 1)
    assert "what plans said held in 1 of 2 attempts, 50.0% (9.5% to 90.5%); 1 were cut below it" in found.lines


def test_plans_are_compared_with_what_their_complete_paths_took():
    short = attempt(Path.CHUNKED, "9", status=AttemptStatus.SHORT)
    found = report(ended(BOTH[0]), ended(BOTH[1]), ended(short), ended(BOTH[0], plan=None), ended(minutes=None))
    cost, time, minutes = found.against_plan
    planned = PLAN.single_pass.expected_usd + PLAN.single_pass.rework_usd
    planned += PLAN.chunked.expected_usd + PLAN.chunked.rework_usd
    assert cost.total_ratio == pytest.approx(0.4 / float(planned))
    assert time.total_ratio == pytest.approx(3 / (PLAN.single_pass.hours + PLAN.chunked.hours))
    assert (cost.jobs, time.jobs, minutes.jobs) == (2, 2, 3)
    assert minutes.total_ratio == 0


def test_a_job_that_ran_both_paths_shows_what_the_choice_cost():
    """Waiting counts at the price that the plan had: here a dollar an hour."""
    found = report(ended(*BOTH)).routing
    assert PLAN.chosen is Path.CHUNKED
    assert found.better_path_usd == Decimal("1.30")
    assert found.router.regret_usd == 0
    assert found.always_single.total_usd == Decimal("2.10")


def test_a_drawn_job_stands_for_those_that_were_not_drawn():
    exploration = Exploration(run_both=True, probability=0.25, reason="drawn")
    drawn = ended(*BOTH, plan=replace(PLAN, exploration=exploration))
    assert report(drawn).routing.router.total_usd == 4 * Decimal("1.30")
    passed_over = ended(*BOTH, plan=replace(PLAN, exploration=replace(exploration, run_both=False)))
    assert report(passed_over).routing.router.total_usd == Decimal("1.30")


@pytest.mark.parametrize(
    "attempts",
    [
        pytest.param((BOTH[0],), id="one path"),
        pytest.param((BOTH[0], attempt(Path.CHUNKED, "1", status=AttemptStatus.FAILED)), id="one of both failed"),
    ],
)
def test_regret_is_known_only_where_both_paths_brought_the_whole(attempts: tuple[AttemptReport, ...]):
    found = report(ended(*attempts))
    assert found.routing.jobs == 0
    assert found.lines[-1].startswith("no job has run both paths")


def test_what_is_not_known_is_said_so():
    lines = report().lines
    assert lines[0] == "0 finished attempts (simulated: lengths and times are the stand-in's)"
    assert lines[1] == "no bound yet: 0 jobs"
    assert {"what plans said held: not known yet", "cost: not known yet", "time: not known yet"} <= set(lines)


def test_a_report_on_real_jobs_says_so():
    found = calibration(observations(12), [], [ended(*BOTH, minutes=3)], simulated=False)
    assert found.lines[0] == "12 finished attempts (real)"
    assert any(line.startswith("cost: actual / planned ") for line in found.lines)
    assert any(line.startswith("1 job, both paths known") for line in found.lines)


def test_a_time_that_is_not_known_counts_as_none():
    found = report(ended(attempt(Path.CHUNKED, "1", hours=None)))
    assert found.against_plan[1].total_ratio == 0


def test_the_report_is_json():
    """What is not known is null: NaN is no JSON."""
    data = json.loads(json.dumps(to_json(report(ended(*BOTH), count=12)), allow_nan=False))
    assert data["attempts"] == 12
    assert data["routing"]["better_path_usd"] == "1.3"
    assert json.loads(json.dumps(to_json(report()), allow_nan=False))["sizes"]["pinball_loss"] is None
    assert as_json([math.nan, Decimal("0.10"), "x"]) == [None, "0.1", "x"]
