"""A job told as a whole: every token and every cent once, and what is not known said apart."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from storage import attempts, checks, jobs, reports
from storage.attempts import Attempt
from storage.engine import Engine, Tx, transaction
from tests.storage.support import (
    NOW,
    OUTLINE,
    PLAN,
    SPEC,
    begin,
    begun,
    intend,
    put,
    record,
    register,
    source,
    unit,
)
from throughline.domain.citations import CheckedCitation, CitationStatus
from throughline.domain.job import AttemptStatus, JobId, JobStatus, Path, Role
from throughline.domain.ledger import CallState
from throughline.domain.pricing import Usage
from throughline.domain.report import AttemptReport, CitationCounts

USAGE: dict[str, Any] = {"input_tokens": 100, "output_tokens": 50, "thinking_tokens": 20, "cache_read_tokens": 30}


def report_of(tx: Tx, attempt: Attempt) -> AttemptReport:
    (found,) = [report for report in reports.job(tx, attempt.job_id).attempts if report.id == attempt.id]
    return found


def test_a_job_is_told_as_it_was_registered_and_planned(ledger: Engine):
    with transaction(ledger) as tx:
        job = register(tx, documents=[source("z.md"), source("a.md", "Other.")], simulated=True)
        jobs.save_plan(tx, job.id, PLAN, OUTLINE, NOW)
        jobs.set_status(tx, job.id, JobStatus.RUNNING, now=NOW)
        jobs.set_status(tx, job.id, JobStatus.ESCALATED, reason="two quotes are missing", now=NOW + timedelta(hours=1))
        report = reports.job(tx, job.id)
    assert (report.id, report.spec, report.title, report.simulated) == (job.id, SPEC, "Rivers", True)
    assert (report.status, report.reason) == (JobStatus.ESCALATED, "two quotes are missing")
    assert (report.sources, report.plan, report.attempts) == (("z.md", "a.md"), PLAN, ())
    assert (report.created_at, report.finished_at) == (NOW, NOW + timedelta(hours=1))
    assert report.cost_usd == 0


def test_a_job_that_is_not_there_is_said_so(ledger: Engine):
    with transaction(ledger) as tx, pytest.raises(LookupError):
        reports.job(tx, JobId("nobody"))


def test_the_tokens_of_an_attempt_are_the_sum_over_its_calls(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        for _ in range(3):
            record(tx, intend(tx, attempt), wasted=7, cache_write_5m_tokens=4, cache_write_1h_tokens=6, **USAGE)
        found = report_of(tx, attempt)
    assert found.usage.cache_write_tokens == 30
    assert found.usage.prompt_tokens == 3 * (100 + 30 + 10)
    assert (found.usage.output_tokens, found.usage.thinking_tokens, found.wasted_tokens) == (150, 60, 21)
    assert found.calls == 3


def test_every_cent_of_every_attempt_is_in_the_cost_of_the_job(ledger: Engine):
    with transaction(ledger) as tx:
        failed = begun(tx)
        other = begin(tx, failed.job_id, Path.SINGLE_PASS)
        record(tx, intend(tx, failed), "0.1", **USAGE)
        record(tx, intend(tx, failed), "0.2", **USAGE)
        record(tx, intend(tx, other), "0.000000000001", **USAGE)
        attempts.finish(tx, failed.id, AttemptStatus.FAILED, now=NOW)
        report = reports.job(tx, failed.job_id)
    assert [attempt.cost_usd for attempt in report.attempts] == [Decimal("0.3"), Decimal("1e-12")]
    assert report.cost_usd == Decimal("0.300000000001")


def test_a_lost_call_is_no_cost_but_what_it_may_have_cost(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        record(tx, intend(tx, attempt, "9"), "0.1", **USAGE)
        for _ in range(2):
            put(tx, intend(tx, attempt, "1.5"), CallState.LOST)
        found = report_of(tx, attempt)
    assert (found.calls, found.lost_calls) == (3, 2)
    assert (found.cost_usd, found.lost_at_most_usd) == (Decimal("0.1"), Decimal(3))


def test_a_call_that_was_never_sent_is_not_told(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        put(tx, intend(tx, attempt, "1.5"), CallState.ABANDONED)
        found = report_of(tx, attempt)
    assert (found.calls, found.lost_calls, found.cost_usd, found.lost_at_most_usd) == (0, 0, 0, 0)


def test_an_attempt_without_an_answer_has_used_nothing(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        intend(tx, attempt)
        found = report_of(tx, attempt)
    assert (found.usage, found.cost_usd, found.wasted_tokens) == (Usage(), 0, 0)
    assert (found.units, found.units_wanted, found.wall_s) == (0, 2, None)


def test_an_attempt_counts_its_units_and_its_quotes(ledger: Engine):
    quotes = [
        ("u001", CheckedCitation(source="a.md", quote=f"Quote {number}", status=status))
        for number, status in enumerate([CitationStatus.VERIFIED] * 3 + [CitationStatus.MISSING])
    ]
    with transaction(ledger) as tx:
        attempt = begun(tx)
        other = begin(tx, attempt.job_id, Path.SINGLE_PASS, outline=None)
        attempts.save_units(tx, attempt.id, intend(tx, attempt), [unit("u001")])
        checks.save(tx, attempt.id, results=[], quotes=quotes, now=NOW)
        attempts.finish(tx, attempt.id, AttemptStatus.SHORT, now=NOW + timedelta(seconds=90), stop_reason="end_turn")
        found, bare = report_of(tx, attempt), report_of(tx, other)
    assert (found.units, found.units_wanted) == (1, 2)
    assert (bare.units, bare.units_wanted) == (0, None)
    assert found.citations == CitationCounts(verified=3, missing=1)
    assert bare.citations == CitationCounts()
    assert (found.status, found.stop_reason, found.wall_s) == (AttemptStatus.SHORT, "end_turn", 90)


def test_progress_counts_what_is_done_open_written_and_paid(ledger: Engine):
    with transaction(ledger) as tx:
        attempt, other = begun(tx, "first"), begun(tx, "second")
        done = intend(tx, attempt)
        record(tx, done, "0.1", **USAGE)
        record(tx, intend(tx, attempt), "0.2", **USAGE)
        intend(tx, attempt, state=CallState.INTENDED)
        put(tx, intend(tx, attempt), CallState.LOST)
        intend(tx, other)
        attempts.save_units(tx, attempt.id, done, [unit("u001"), unit("u002")])
        progress = reports.progress(tx, attempt.job_id)
    assert (progress.calls_done, progress.calls_open, progress.units_written) == (2, 1, 2)
    assert (progress.output_tokens, progress.cost_usd) == (100, Decimal("0.3"))


def test_progress_counts_units_by_the_path_that_they_are_for_and_a_repaired_one_once(ledger: Engine):
    with transaction(ledger) as tx:
        chain = begun(tx)
        single = begin(tx, chain.job_id, Path.SINGLE_PASS)
        rest = begin(tx, chain.job_id, Path.CHUNKED, role=Role.FALLBACK, continues=single.id)
        repair = begin(tx, chain.job_id, Path.CHUNKED, role=Role.REPAIR, continues=chain.id)
        for attempt, names in ((chain, ["u001", "u002"]), (single, ["u001"]), (rest, ["u002"]), (repair, ["u001"])):
            attempts.save_units(tx, attempt.id, intend(tx, attempt), [unit(name) for name in names])
        progress = reports.progress(tx, chain.job_id)
    assert progress.units == {Path.CHUNKED: 2, Path.SINGLE_PASS: 2}
    assert progress.units_written == 4


def test_a_job_that_has_not_begun_has_come_nowhere(ledger: Engine):
    with transaction(ledger) as tx:
        progress = reports.progress(tx, register(tx).id)
    assert progress == reports.Progress(units={}, calls_done=0, calls_open=0, output_tokens=0, cost_usd=Decimal(0))
