"""Faults in what the model writes end in the verdict that the policy names, and a person's word ends the job."""

import asyncio
import re
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any

import pytest

from storage import checks, reviews
from storage.engine import reading, transaction
from storage.reviews import Review
from tasks.collecting import collect_once
from tasks.deciding import decide
from tasks.flow_runs import NoFlowRuns
from tasks.registration import Request
from tests.faults.support import BATCH_ITEM, CALL, Service, attempt, book, summary
from throughline.domain.job import AttemptId, AttemptStatus, JobId, JobStatus, Path, PathChoice, ReviewMode, Role
from throughline.domain.policy import Action
from throughline.domain.report import JobReport
from throughline.domain.review import Choice, Decision, OnExpiry, Origin
from throughline.errors import BadInput

STRICT: dict[str, Any] = {"tolerated_error_share": 0.0}


async def run(service: Service, folder: FilePath, path: PathChoice, chapters: int = 12) -> JobReport:
    return await service.run(summary(path, book(folder, chapters)), **STRICT)


def action(report: JobReport, role: Role) -> Action:
    verdict = attempt(report, role).verdict
    assert verdict is not None
    return verdict.action


# Faults and verdicts.


@pytest.mark.parametrize("path", [PathChoice.CHUNKED, PathChoice.SINGLE_PASS])
async def test_a_clean_output_is_published(service: Service, tmp_path: FilePath, path: PathChoice):
    report = await run(service, tmp_path, path)
    assert (report.status, action(report, Role.PRIMARY)) == (JobStatus.DONE, Action.PUBLISH)


@pytest.mark.parametrize("fault", ["alter_quotes", "invent_quotes"])
async def test_units_with_false_quotes_are_written_anew_once_with_the_evidence(
    service: Service, tmp_path: FilePath, fault: str
):
    service.simulator.faults("item", fault, match=BATCH_ITEM, share=0.1)
    report = await run(service, tmp_path, PathChoice.SINGLE_PASS)
    assert report.status is JobStatus.DONE
    assert action(report, Role.PRIMARY) is Action.REPAIR
    repaired = attempt(report, Role.REPAIR)
    assert report.published_attempt_id == repaired.id
    assert action(report, Role.REPAIR) is Action.PUBLISH
    verdict = attempt(report, Role.PRIMARY).verdict
    assert verdict is not None
    assert verdict.repairs is not None
    assert repaired.units == len(verdict.repairs) < 12
    first, *_ = service.calls()
    assert "quote" in str(first.body)


async def test_an_output_full_of_false_quotes_is_written_anew_by_the_chain(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "invent_quotes", match=BATCH_ITEM, share=1.0)
    report = await run(service, tmp_path, PathChoice.SINGLE_PASS)
    assert report.status is JobStatus.DONE
    assert action(report, Role.PRIMARY) is Action.FALL_BACK
    fallback = attempt(report, Role.FALLBACK)
    assert (fallback.units, report.published_attempt_id) == (12, fallback.id)


async def test_a_repair_that_is_no_better_goes_to_a_person(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "alter_quotes", match=BATCH_ITEM, share=0.1)
    service.simulator.faults("item", "alter_quotes", match=CALL, share=1.0, times=-1)
    report = await run(service, tmp_path, PathChoice.SINGLE_PASS)
    assert report.status is JobStatus.ESCALATED
    assert action(report, Role.REPAIR) is Action.ESCALATE
    assert report.reason is not None
    assert re.match(r"Errors in \d+ of 13 parts", report.reason)
    assert "Approve it as it is, reject it, or run it again" in report.reason


async def test_an_output_that_the_model_does_not_trust_goes_to_a_person(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "low_confidence", match=CALL, times=-1)
    report = await run(service, tmp_path, PathChoice.CHUNKED)
    assert report.status is JobStatus.ESCALATED
    assert report.reason is not None
    assert report.reason.startswith("The model itself trusts 12 units below 0.5")


async def test_a_single_pass_whose_end_drifts_into_false_quotes_is_written_anew_and_the_drift_is_shown(
    service: Service, tmp_path: FilePath
):
    service.simulator.faults("item", "drift", match=BATCH_ITEM, late=0.4)
    report = await run(service, tmp_path, PathChoice.SINGLE_PASS, chapters=24)
    assert (report.status, action(report, Role.PRIMARY)) == (JobStatus.DONE, Action.FALL_BACK)
    found = await drift_of(service, attempt(report, Role.PRIMARY).id)
    assert any("verified quotes falls" in each for each in found)
    assert any("Confidence falls" in each for each in found)


async def test_a_drift_into_doubt_below_the_threshold_goes_to_a_person(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "drift", match=BATCH_ITEM, share=0.0, value=0.3)
    report = await run(service, tmp_path, PathChoice.SINGLE_PASS, chapters=24)
    assert (report.status, action(report, Role.PRIMARY)) == (JobStatus.ESCALATED, Action.ESCALATE)
    assert report.reason is not None
    assert report.reason.startswith("The model itself trusts 8 units below 0.5")


async def test_a_drift_that_stays_above_the_threshold_is_published_with_its_warning(
    service: Service, tmp_path: FilePath
):
    service.simulator.faults("item", "drift", match=BATCH_ITEM, share=0.0, value=0.6)
    report = await run(service, tmp_path, PathChoice.SINGLE_PASS, chapters=24)
    assert (report.status, action(report, Role.PRIMARY)) == (JobStatus.DONE, Action.PUBLISH)
    assert any("Confidence falls" in each for each in await drift_of(service, attempt(report, Role.PRIMARY).id))


async def test_a_refused_single_pass_falls_back_to_the_chain(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "refusal", match=BATCH_ITEM)
    report = await run(service, tmp_path, PathChoice.SINGLE_PASS)
    assert report.status is JobStatus.DONE
    assert attempt(report, Role.PRIMARY).status is AttemptStatus.FAILED
    assert report.published_attempt_id == attempt(report, Role.FALLBACK).id


async def test_a_refusal_on_both_paths_goes_to_a_person_who_is_told_why_what_going_on_costs_and_the_choices(
    service: Service, tmp_path: FilePath
):
    service.simulator.faults("item", "refusal", times=-1, category="cyber")
    report = await run(service, tmp_path, PathChoice.SINGLE_PASS)
    assert report.status is JobStatus.ESCALATED
    assert report.reason is not None
    assert "refused (cyber)" in report.reason
    assert re.search(r"Reject it, or run it again \(single pass about \$\d+\.\d\d, chunked about \$", report.reason)


async def test_empty_units_are_written_by_the_chain(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "empty_units", match=BATCH_ITEM, count=2)
    report = await run(service, tmp_path, PathChoice.SINGLE_PASS)
    assert (report.status, action(report, Role.PRIMARY)) == (JobStatus.DONE, Action.ESCALATE)
    assert attempt(report, Role.FALLBACK).units == 2
    assert action(report, Role.FALLBACK) is Action.PUBLISH


async def test_units_that_stay_empty_go_to_a_person(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "empty_units", times=-1, count=1)
    report = await run(service, tmp_path, PathChoice.CHUNKED, chapters=4)
    assert (report.status, action(report, Role.PRIMARY)) == (JobStatus.ESCALATED, Action.ESCALATE)
    assert report.reason is not None
    assert report.reason.startswith("No complete output.")


async def drift_of(service: Service, attempt_id: AttemptId) -> list[str]:
    """What the drift check found in that attempt's output."""
    async with service.opened() as rt:
        with reading(rt.engine) as tx:
            (row,) = [row for row in checks.of_attempt(tx, attempt_id) if row.name == "drift"]
    return [finding["what"] for finding in row.evidence["findings"]]


async def test_an_output_that_is_only_compared_is_not_repaired(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "alter_quotes", match=CALL, share=0.1, times=-1)
    report = await run(service, tmp_path, PathChoice.BOTH)
    compared = attempt(report, Role.COMPARISON)
    assert {each.role for each in report.attempts} == {Role.PRIMARY, Role.COMPARISON} | (
        {Role.REPAIR} if compared.path is Path.SINGLE_PASS else set()
    )


async def test_without_review_a_weak_output_is_published_with_its_warning(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "low_confidence", match=CALL, times=-1)
    request = summary(PathChoice.CHUNKED, book(tmp_path, 4))
    spec = request.spec.model_copy(update={"review": ReviewMode.NEVER})
    report = await service.run(Request(spec=spec, references=request.references), **STRICT)
    assert report.status is JobStatus.DONE
    assert report.reason is not None
    assert report.reason.startswith("Published without review (review=never).")


# A person's word.


async def escalated(service: Service, folder: FilePath) -> JobId:
    """A job whose complete output waits for a person."""
    request = summary(PathChoice.CHUNKED, book(folder, 4))
    spec = request.spec.model_copy(update={"review": ReviewMode.ALWAYS})
    report = await service.run(Request(spec=spec, references=request.references))
    assert report.status is JobStatus.ESCALATED
    return report.id


def decision(choice: Choice, **more: Any) -> Decision:
    return Decision(choice=choice, reviewer="Ada", came_from=Origin.COMMAND, **more)


async def decided(service: Service, job_id: JobId, given: Decision) -> JobId | None:
    async with service.opened():
        return await decide(job_id, given)


async def review_of(service: Service, job_id: JobId) -> Review:
    async with service.opened() as rt:
        with reading(rt.engine) as tx:
            found = reviews.latest_of(tx, job_id)
    assert found is not None
    return found


async def test_an_approved_output_is_published_with_who_when_why_and_minutes(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    job_id = await escalated(service, tmp_path)
    await decided(service, job_id, decision(Choice.APPROVE, reason="reads well", minutes=3.5))
    report = await service.job()
    assert (report.status, report.published_attempt_id) == (JobStatus.DONE, report.attempts[0].id)
    review = await review_of(service, job_id)
    assert (review.choice, review.reviewer, review.reason, review.minutes) == (Choice.APPROVE, "Ada", "reads well", 3.5)
    assert review.came_from is Origin.COMMAND
    assert review.decided_at is not None


async def test_a_rejected_output_stays_in_the_ledger(service: Service, tmp_path: FilePath):
    job_id = await escalated(service, tmp_path)
    await decided(service, job_id, decision(Choice.REJECT, reason="too long"))
    report = await service.job()
    assert (report.status, report.reason) == (JobStatus.REJECTED, "Rejected by Ada. too long")
    assert report.attempts[0].status is AttemptStatus.COMPLETE


async def test_a_rerun_is_a_new_job_by_the_other_path_over_the_same_sources(service: Service, tmp_path: FilePath):
    job_id = await escalated(service, tmp_path)
    (tmp_path / "book.md").unlink()
    again = await decided(service, job_id, decision(Choice.RERUN))
    assert again is not None
    report = await service.carry_out(again)
    assert report.spec.path is PathChoice.SINGLE_PASS
    assert report.attempts[0].units == 4


async def test_a_rerun_may_have_another_budget_and_a_wish_to_the_writer(service: Service, tmp_path: FilePath):
    job_id = await escalated(service, tmp_path)
    wanted = decision(Choice.RERUN, path=Path.CHUNKED, budget_usd=Decimal(3), note="Name every ship.")
    again = await decided(service, job_id, wanted)
    assert again is not None
    report = await service.carry_out(again)
    assert report.spec.budget_usd == Decimal(3)
    assert "Name every ship." in str(service.calls()[-1].body)


async def test_of_two_reruns_at_the_same_time_one_is_made_and_the_other_leaves_nothing_behind(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    job_id = await escalated(service, tmp_path)
    async with service.opened():
        both = [decide(job_id, decision(Choice.RERUN)) for _ in range(2)]
        outcomes = await asyncio.gather(*both, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, BadInput)]
    assert len(refused) == 1
    assert "was decided already: rerun by Ada" in str(refused[0])
    statuses = [job.status for job in await service.jobs()]
    assert sorted(statuses) == [JobStatus.QUEUED, JobStatus.REJECTED]


async def test_a_second_decision_is_refused_and_changes_nothing(service: Service, tmp_path: FilePath):
    job_id = await escalated(service, tmp_path)
    await decided(service, job_id, decision(Choice.APPROVE))
    with pytest.raises(BadInput, match="was decided already: approve by Ada"):
        await decided(service, job_id, decision(Choice.REJECT))
    assert (await service.job()).status is JobStatus.DONE


async def test_a_job_that_asks_nobody_takes_no_decision(service: Service, tmp_path: FilePath):
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
    with pytest.raises(BadInput, match="waits for no decision"):
        await decided(service, report.id, decision(Choice.REJECT))


async def test_minutes_are_those_that_were_counted_when_nobody_says_otherwise(service: Service, tmp_path: FilePath):
    job_id = await escalated(service, tmp_path)
    review = await review_of(service, job_id)
    async with service.opened() as rt:
        with transaction(rt.engine) as tx:
            reviews.add_reading(tx, review.id, range(1_000, 1_060))
            reviews.add_reading(tx, review.id, range(1_030, 1_090))  # a second tab at the same time
    await decided(service, job_id, decision(Choice.APPROVE))
    assert (await review_of(service, job_id)).minutes == 1.5


@pytest.mark.parametrize(
    ("setting", "status"), [(OnExpiry.REJECT, JobStatus.REJECTED), (OnExpiry.PUBLISH, JobStatus.DONE)]
)
async def test_what_nobody_decides_in_time_ends_as_the_setting_says(
    service: Service, tmp_path: FilePath, setting: OnExpiry, status: JobStatus
):
    request = summary(PathChoice.CHUNKED, book(tmp_path, 4))
    spec = request.spec.model_copy(update={"review": ReviewMode.ALWAYS})
    report = await service.run(Request(spec=spec, references=request.references), review_expires_h=1e-9)
    assert report.status is JobStatus.ESCALATED
    async with service.opened(review_on_expiry=setting):
        await collect_once(NoFlowRuns())
    report = await service.job()
    assert report.status is status
    assert report.reason is not None
    assert "Nobody decided in time." in report.reason
    assert (await review_of(service, report.id)).came_from is Origin.CLOCK
