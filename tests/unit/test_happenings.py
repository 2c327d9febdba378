"""What a team is told, and in which words."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from throughline.domain.happenings import (
    EVENTS,
    LOOKED_FOR,
    TOLD,
    Notice,
    of_batch,
    of_end,
    of_job,
    of_overdue_batch,
    of_refused_run,
)
from throughline.domain.job import JobId, JobSpec, JobStatus, Kind
from throughline.domain.report import JobReport

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
PAGES = "https://review.example/"
JOB = JobReport(
    id=JobId("018f"),
    spec=JobSpec(kind=Kind.SUMMARY, model="claude-sonnet-5-5", instructions="the instructions"),
    title="report.md",
    status=JobStatus.ESCALATED,
    reason="the reason, which may quote a document",
    simulated=False,
    sources=("report.md",),
    plan=None,
    attempts=(),
    published_attempt_id=None,
    created_at=AT,
    finished_at=AT,
)


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (JobStatus.ESCALATED, "throughline.job.escalated"),
        (JobStatus.DONE, "throughline.job.published"),
        (JobStatus.FAILED, "throughline.job.failed"),
        (JobStatus.BUDGET, "throughline.job.budget-spent"),
    ],
)
def test_an_end_that_a_team_waits_for_is_told_under_its_own_name(status: JobStatus, event: str):
    told = of_job(replace(JOB, status=status), pages=PAGES)
    assert told is not None
    assert told.notice == of_end("018f", status, AT)
    assert told.notice.event == event
    assert event in EVENTS
    assert told.notice.subject == "throughline.job.018f"


@pytest.mark.parametrize("status", [status for status in JobStatus if status not in TOLD])
def test_what_a_person_did_or_what_goes_on_is_not_told(status: JobStatus):
    assert of_job(replace(JOB, status=status), pages=PAGES) is None


def test_a_job_without_an_end_is_not_told():
    assert of_job(replace(JOB, finished_at=None), pages=PAGES) is None


def test_the_sentence_says_what_how_much_and_where():
    told = of_job(JOB, pages=PAGES)
    assert told is not None
    assert told.sentence == "summary of report.md waits for a person: $0.0000. https://review.example/jobs/018f"


def test_a_simulated_job_says_so():
    told = of_job(replace(JOB, simulated=True), pages=PAGES)
    assert told is not None
    assert "$0.0000 (simulated)" in told.sentence
    assert told.facts["simulated"] is True


def test_the_facts_are_those_of_a_list_of_jobs_and_hold_neither_reason_nor_instructions():
    told = of_job(JOB, pages=PAGES)
    assert told is not None
    assert set(told.facts) == {"job_id", "kind", "title", "status", "model", "cost_usd", "simulated", "page"}
    text = json.dumps(dict(told.facts)) + told.sentence
    assert "quote a document" not in text
    assert "instructions" not in text
    assert Decimal(str(told.facts["cost_usd"])) == JOB.cost_usd


def test_the_same_happening_has_the_same_id_and_another_one_has_another():
    notice = of_end("018f", JobStatus.FAILED, AT)
    assert notice.id == of_end("018f", JobStatus.FAILED, AT).id
    others = [
        of_end("018e", JobStatus.FAILED, AT),
        of_end("018f", JobStatus.DONE, AT),
        of_end("018f", JobStatus.FAILED, AT + timedelta(seconds=1)),
    ]
    assert len({notice.id, *(other.id for other in others)}) == 4


def test_an_overdue_batch_is_told_at_the_moment_it_became_overdue():
    after = timedelta(hours=6)
    notice = of_overdue_batch("01bb", AT, after)
    assert notice == Notice(event="throughline.batch.overdue", about="01bb", at=AT + after)
    assert notice.subject == "throughline.batch.01bb"
    told = of_batch(notice, requests=3, simulated=True, after=after, pages=PAGES)
    assert told.sentence == "A batch of 3 has had no answer for 6 hours (simulated). https://review.example/"
    assert told.facts["sent_at"] == AT.isoformat()
    assert "(simulated)" not in of_batch(notice, requests=3, simulated=False, after=after, pages=PAGES).sentence


def test_a_run_that_never_became_a_job_is_told_as_refused():
    told = of_refused_run("run-1", name="summary auto: gone.md", kind="summary", page="http://ui/run-1", at=AT)
    assert told.notice.event == "throughline.run.refused"
    assert told.notice.event not in LOOKED_FOR  # it says nothing about how far the ledger was looked through
    assert told.facts["flow_run_id"] == "run-1"
    assert told.sentence == "summary auto: gone.md failed before it became a job: $0.0000. http://ui/run-1"
