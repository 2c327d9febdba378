"""What is told about a job is exact: money as plain dollars, times as ISO, nothing left out."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.estimates import Case, Policy
from throughline.domain.job import AttemptId, AttemptStatus, JobId, JobSpec, JobStatus, Kind, Path, PathChoice, Role
from throughline.domain.models import find
from throughline.domain.plan import Corpus, Endpoint, Plan
from throughline.domain.policy import Action, Verdict
from throughline.domain.pricing import Usage
from throughline.domain.report import AttemptReport, CitationCounts, JobReport, dollars, plan_json, to_json
from throughline.domain.routing import make_plan
from throughline.domain.tokens import exact

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPEC = JobSpec(kind=Kind.SUMMARY, model="claude-opus-5-5")
ATTEMPT = AttemptReport(
    id=AttemptId("attempt"),
    path=Path.CHUNKED,
    role=Role.PRIMARY,
    status=AttemptStatus.COMPLETE,
    continues_attempt_id=None,
    units=2,
    units_wanted=2,
    calls=3,
    lost_calls=1,
    lost_at_most_usd=Decimal("0.10"),
    open_calls=0,
    open_at_most_usd=Decimal(0),
    usage=Usage(
        input_tokens=1,
        output_tokens=2,
        thinking_tokens=1,
        cache_read_tokens=4,
        cache_write_5m_tokens=5,
        cache_write_1h_tokens=6,
    ),
    wasted_tokens=7,
    cost_usd=Decimal("0.0000005"),
    stop_reason="end_turn",
    reason=None,
    citations=CitationCounts(verified=8, altered=9, missing=10),
    started_at=START,
    finished_at=START + timedelta(seconds=90),
    verdict=Verdict(action=Action.PUBLISH),
)
JOB = JobReport(
    id=JobId("job"),
    spec=SPEC,
    title="Title",
    status=JobStatus.DONE,
    reason=None,
    simulated=True,
    sources=("a.md", "b.md"),
    plan=None,
    attempts=(ATTEMPT, replace(ATTEMPT, id=AttemptId("other"), cost_usd=Decimal("1.5"))),
    published_attempt_id=AttemptId("attempt"),
    created_at=START,
    finished_at=START + timedelta(minutes=2),
)


def planned(path: PathChoice) -> Plan:
    return make_plan(
        Case(
            spec=SPEC.model_copy(update={"path": path}),
            model=find(SPEC.model),
            corpus=Corpus(sources=1, characters=400, tokens=exact(100), counted_by="api"),
            units=2,
            endpoint=Endpoint(host="localhost", batches=True, structured_outputs=True),
            policy=Policy(review_usd_per_hour=Decimal(60), waiting_usd_per_hour=Decimal(1)),
            at=START,
        )
    )


def test_a_job_costs_what_all_its_attempts_cost():
    assert JOB.cost_usd == Decimal("1.5000005")


def test_a_job_without_attempts_cost_nothing():
    assert replace(JOB, attempts=()).cost_usd == 0


def test_the_report_is_one_json_object():
    data = json.loads(json.dumps(to_json(JOB)))
    assert data | {"attempts": len(data["attempts"])} == {
        "job_id": "job",
        "kind": "summary",
        "title": "Title",
        "status": "done",
        "reason": None,
        "simulated": True,
        "model": "claude-opus-5-5",
        "sources": ["a.md", "b.md"],
        "plan": None,
        "attempts": 2,
        "published_attempt_id": "attempt",
        "cost_usd": "1.5000005",
        "created_at": "2026-11-22T12:00:00+00:00",
        "finished_at": "2026-11-22T12:02:00+00:00",
    }


def test_an_attempt_is_told_with_everything_that_it_used():
    assert json.loads(json.dumps(to_json(JOB)))["attempts"][0] == {
        "id": "attempt",
        "path": "chunked",
        "role": "primary",
        "status": "complete",
        "continues_attempt_id": None,
        "units": 2,
        "units_wanted": 2,
        "calls": 3,
        "lost_calls": 1,
        "lost_at_most_usd": "0.1",
        "open_calls": 0,
        "open_at_most_usd": "0",
        "usage": {
            "input_tokens": 1,
            "output_tokens": 2,
            "thinking_tokens": 1,
            "cache_read_tokens": 4,
            "cache_write_tokens": 11,
        },
        "wasted_tokens": 7,
        "cost_usd": "0.0000005",
        "stop_reason": "end_turn",
        "reason": None,
        "citations": {"verified": 8, "altered": 9, "missing": 10},
        "verdict": {"action": "publish", "reasons": [], "repairs": None},
        "wall_s": 90.0,
    }


def test_what_still_runs_has_no_end():
    running = replace(JOB, finished_at=None, attempts=(replace(ATTEMPT, finished_at=None),))
    data = to_json(running)
    assert data["finished_at"] is None
    assert data["attempts"][0]["wall_s"] is None


@pytest.mark.parametrize(("path", "choice"), [(PathChoice.AUTO, "chunked"), (PathChoice.BOTH, "both")])
def test_a_plan_tells_its_choice_first(path: PathChoice, choice: str):
    data = plan_json(planned(path))
    assert data is not None
    assert next(iter(data.items())) == ("choice", choice)


def test_a_plan_tells_what_it_derives_for_each_path():
    plan = planned(PathChoice.AUTO)
    data = to_json(replace(JOB, plan=plan))["plan"]
    for path in (plan.single_pass, plan.chunked):
        assert data[path.path]["feasible"] is True
        assert Decimal(data[path.path]["expected_total_usd"]) == path.expected_total_usd


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        ("0", "0"),
        ("0.00", "0"),
        ("0E-9", "0"),
        ("1E-7", "0.0000001"),
        ("1.50", "1.5"),
        ("100", "100"),
        ("1E+2", "100"),
        ("1200.000", "1200"),
    ],
)
def test_dollars_are_written_plainly(usd: str, text: str):
    assert dollars(Decimal(usd)) == text


@settings(max_examples=30)
@given(st.decimals(min_value=0, max_value=10**6, places=12))
def test_dollars_are_exact(usd: Decimal):
    text = dollars(usd)
    assert Decimal(text) == usd
    assert "E" not in text


counts = st.builds(CitationCounts, verified=st.integers(0), altered=st.integers(0), missing=st.integers(0))


@settings(max_examples=30)
@given(counts, counts)
def test_citation_counts_add_up(one: CitationCounts, other: CitationCounts):
    both = one + other
    assert (both.verified, both.altered, both.missing) == (
        one.verified + other.verified,
        one.altered + other.altered,
        one.missing + other.missing,
    )
    assert one + CitationCounts() == one
