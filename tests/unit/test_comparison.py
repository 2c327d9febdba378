"""Each path's side holds everything that was spent for it, its fallback included."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from throughline.domain.comparison import path_of, published_of, sides, to_json
from throughline.domain.estimates import Case, Policy
from throughline.domain.job import AttemptId, AttemptStatus, JobId, JobSpec, JobStatus, Kind, Path, Role
from throughline.domain.models import find
from throughline.domain.plan import Corpus, Endpoint, Plan
from throughline.domain.pricing import Usage
from throughline.domain.remaining import remaining_usd
from throughline.domain.report import AttemptReport, CitationCounts, JobReport
from throughline.domain.routing import make_plan
from throughline.domain.tokens import exact

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPEC = JobSpec(kind=Kind.SUMMARY, model="claude-opus-5-5")


def planned(chosen: Path) -> Plan:
    case = Case(
        spec=SPEC,
        model=find(SPEC.model),
        corpus=Corpus(sources=1, characters=400, tokens=exact(100), counted_by="api"),
        units=2,
        endpoint=Endpoint(host="localhost", batches=True, structured_outputs=True),
        policy=Policy(review_usd_per_hour=Decimal(60), waiting_usd_per_hour=Decimal(1)),
        at=START,
    )
    return replace(make_plan(case), chosen=chosen)


def attempt(
    name: str,
    path: Path = Path.SINGLE_PASS,
    role: Role = Role.PRIMARY,
    status: AttemptStatus = AttemptStatus.COMPLETE,
    seconds: float | None = 60,
    **given: Any,
) -> AttemptReport:
    figures: dict[str, Any] = {
        "units": 2,
        "units_wanted": 2,
        "calls": 1,
        "usage": Usage(input_tokens=10, cache_read_tokens=5, output_tokens=20),
        "wasted_tokens": 3,
        "cost_usd": Decimal("0.5"),
        "citations": CitationCounts(verified=4, altered=1, missing=2),
        "continues_attempt_id": None,
    }
    return AttemptReport(
        id=AttemptId(name),
        path=path,
        role=role,
        status=status,
        lost_calls=0,
        lost_at_most_usd=Decimal(0),
        open_calls=0,
        open_at_most_usd=Decimal(0),
        stop_reason=None,
        reason=None,
        started_at=START,
        finished_at=None if seconds is None else START + timedelta(seconds=seconds),
        **(figures | given),
    )


def job(*attempts: AttemptReport, chosen: Path | None = Path.SINGLE_PASS) -> JobReport:
    return JobReport(
        id=JobId("job"),
        spec=SPEC,
        title="Title",
        status=JobStatus.DONE,
        reason=None,
        simulated=True,
        sources=("a.md",),
        plan=planned(chosen) if chosen else None,
        attempts=attempts,
        published_attempt_id=None,
        created_at=START,
        finished_at=None,
    )


CUT = attempt("cut", status=AttemptStatus.SHORT, units=1, seconds=3_600)
FALLBACK = attempt("fallback", Path.CHUNKED, Role.FALLBACK, units=1, units_wanted=None, calls=2)
COMPARISON = attempt("comparison", Path.CHUNKED, Role.COMPARISON)


@pytest.mark.parametrize(
    ("of", "path"),
    [
        pytest.param(CUT, Path.SINGLE_PASS, id="single pass"),
        pytest.param(FALLBACK, Path.SINGLE_PASS, id="the chain that finishes a single pass"),
        pytest.param(COMPARISON, Path.CHUNKED, id="the chain of a comparison"),
        pytest.param(attempt("a", Path.CHUNKED), Path.CHUNKED, id="a chain of its own"),
    ],
)
def test_an_attempt_belongs_to_the_path_that_it_was_made_for(of: AttemptReport, path: Path):
    assert path_of(of, job(of)) is path


def test_the_single_pass_stands_first():
    assert [side.path for side in sides(job(COMPARISON, CUT))] == [Path.SINGLE_PASS, Path.CHUNKED]


def test_a_path_that_did_not_run_has_no_side():
    assert [side.path for side in sides(job(COMPARISON))] == [Path.CHUNKED]


def test_a_job_without_attempts_has_no_sides():
    assert sides(job()) == ()


def test_a_side_adds_up_all_that_its_path_took():
    (side,) = sides(job(CUT, FALLBACK))
    assert (side.attempts, side.units, side.units_wanted, side.calls) == (2, 2, 2, 3)
    assert (side.input_tokens, side.output_tokens, side.wasted_tokens) == (30, 40, 6)
    assert (side.cost_usd, side.wall_s) == (Decimal(1), 3_660)
    assert side.citations == CitationCounts(verified=8, altered=2, missing=4)


def test_a_side_is_where_its_last_attempt_stands():
    (side,) = sides(job(CUT, FALLBACK))
    assert side.status == "complete"


def test_a_side_that_still_runs_has_no_duration():
    (side,) = sides(job(CUT, replace(FALLBACK, finished_at=None)))
    assert side.wall_s is None


def test_a_side_whose_outline_is_unknown_wants_no_number_of_units():
    (side,) = sides(job(replace(CUT, units_wanted=None)))
    assert side.units_wanted is None


SINGLE, CHAIN = attempt("single"), attempt("chain", Path.CHUNKED, Role.COMPARISON)


@pytest.mark.parametrize(
    ("of", "published"),
    [
        pytest.param(job(SINGLE, CHAIN), "single", id="the chosen path, single pass"),
        pytest.param(job(SINGLE, CHAIN, chosen=Path.CHUNKED), "chain", id="the chosen path, chain"),
        pytest.param(job(CUT, FALLBACK, CHAIN), "fallback", id="the chosen path by its fallback"),
        pytest.param(job(CUT, CHAIN), "chain", id="the other path when the chosen one is short"),
        pytest.param(job(SINGLE, CHAIN, chosen=None), "single", id="any, without a plan"),
        pytest.param(job(CUT), None, id="none when none is complete"),
        pytest.param(job(), None, id="none without attempts"),
    ],
)
def test_what_is_published_is_complete_and_of_the_chosen_path_if_possible(of: JobReport, published: str | None):
    assert published_of(of) == published


@pytest.mark.parametrize("repaired", [CUT, FALLBACK, COMPARISON], ids=["single pass", "fallback", "comparison"])
def test_a_repair_belongs_to_the_path_that_it_makes_good(repaired: AttemptReport):
    repair = attempt("repair", Path.CHUNKED, Role.REPAIR, continues_attempt_id=repaired.id)
    report = job(repaired, repair)
    assert path_of(repair, report) is path_of(repaired, report)


def test_the_units_of_a_repair_replace_others_and_are_not_counted_as_more():
    whole = attempt("whole")
    repair = attempt("repair", Path.CHUNKED, Role.REPAIR, units=1, continues_attempt_id=whole.id)
    (side,) = sides(job(whole, repair))
    assert (side.units, side.cost_usd) == (2, Decimal(1))


def test_of_two_complete_outputs_of_the_chosen_path_the_newer_is_published():
    whole = attempt("whole")
    repair = attempt("repair", Path.CHUNKED, Role.REPAIR, continues_attempt_id=whole.id)
    assert published_of(job(whole, repair)) == "repair"


def test_the_json_of_a_side_counts_its_fallback():
    (single,) = to_json(job(CUT, FALLBACK))
    assert (single["path"], single["attempts"], single["calls"], single["units"]) == ("single_pass", 2, 3, 2)
    assert (single["cost_usd"], single["citations"]) == ("1", {"verified": 8, "altered": 2, "missing": 4})


def test_what_is_not_begun_costs_what_the_plan_expects():
    plan = planned(Path.SINGLE_PASS)
    assert remaining_usd(job()) == plan.single_pass.expected_usd.quantize(Decimal("0.0001"))
    nothing_written = attempt("refused", units=0)
    assert remaining_usd(job(nothing_written)) == remaining_usd(job())


def test_what_is_missing_is_the_chains_to_write():
    plan = planned(Path.SINGLE_PASS)
    assert remaining_usd(job(CUT)) == (plan.chunked.expected_usd / 2).quantize(Decimal("0.0001"))
    assert remaining_usd(job(CUT, FALLBACK)) == 0


def test_of_both_paths_both_remain():
    plan = replace(planned(Path.SINGLE_PASS), run_both=True)
    both = replace(job(COMPARISON), plan=plan)
    assert remaining_usd(both) == plan.single_pass.expected_usd.quantize(Decimal("0.0001"))


def test_without_a_plan_nobody_knows_what_remains():
    assert remaining_usd(job(CUT, chosen=None)) is None
