"""A decision on the page ends the wait, once; and the seconds of reading are counted once."""

import re
import time
from decimal import Decimal
from pathlib import Path as FilePath

import pytest

from tests.faults.support import Service, book, summary
from tests.review.support import minutes_of, review_of, visiting, waiting_job
from throughline.domain.job import JobId, JobStatus, PathChoice
from throughline.domain.review import Choice, Origin

NOWHERE = JobId("00000000-0000-7000-8000-000000000000")


async def test_an_approval_completes_the_job_and_says_who_why_and_how_long(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    now = int(time.time())
    async with visiting(service) as visitor:
        await visitor.beat(report.id, list(range(now - 90, now)))
        response = await visitor.decide(report.id, "approve", reason="reads well", attempt=report.attempts[0].id)
        review = review_of(report.id)
        assert "1.5 minutes of reading" in response.text
        assert "Nothing waits" in await visitor.text("/")
    job = await service.job()
    assert (job.status, job.published_attempt_id) == (JobStatus.DONE, report.attempts[0].id)
    assert (review.choice, review.reviewer, review.reason) == (Choice.APPROVE, "Ada", "reads well")
    assert (review.minutes, review.came_from) == (1.5, Origin.PAGE)


async def test_a_rejection_keeps_the_output(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        await visitor.decide(report.id, "reject", reason="too long")
        assert "too long" in await visitor.text(f"/jobs/{report.id}")
    assert (await service.job()).status is JobStatus.REJECTED


async def test_a_rerun_queues_a_new_job_by_the_named_path(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        response = await visitor.decide(report.id, "rerun", path="single_pass")
    again = next(job for job in await service.jobs() if job.id != report.id)
    assert f'href="/jobs/{again.id}"' in response.text
    assert (again.spec.path, again.status) == (PathChoice.SINGLE_PASS, JobStatus.QUEUED)


async def test_a_rerun_takes_a_budget_and_a_wish_to_the_writer(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        await visitor.decide(report.id, "rerun", path="chunked", budget_usd="$2.50", note="Name every ship.")
    again = next(job for job in await service.jobs() if job.id != report.id)
    assert (again.spec.budget_usd, again.spec.instructions) == (Decimal("2.50"), "Name every ship.")


async def test_whoever_waits_for_the_decision_is_woken(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    woken: list[JobId] = []

    async def wake(job_id: JobId) -> bool:
        woken.append(job_id)
        return True

    async with visiting(service, wake=wake) as visitor:
        await visitor.decide(report.id, "approve")
        await visitor.decide(report.id, "reject")
    assert woken == [report.id]


async def test_a_second_decision_is_refused_kindly_and_changes_nothing(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        await visitor.decide(report.id, "approve")
        late = await visitor.decide(report.id, "reject")
    assert late.status_code == 409
    assert "was decided already: approve by Ada" in late.text
    assert (await service.job()).status is JobStatus.DONE


async def test_a_decision_on_no_job_is_not_found(service: Service):
    async with visiting(service) as visitor:
        assert (await visitor.decide(NOWHERE, "approve")).status_code == 404


@pytest.mark.parametrize("fields", [{"choice": "destroy"}, {"choice": "approve", "attempt": "another"}])
async def test_a_decision_that_makes_no_sense_changes_nothing(
    service: Service, tmp_path: FilePath, fields: dict[str, str]
):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        assert (await visitor.decide(report.id, **fields)).status_code in (403, 409)
    assert (await service.job()).status is JobStatus.ESCALATED


async def test_a_blind_approval_that_prefers_neither_side_changes_nothing(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path, PathChoice.BOTH)
    async with visiting(service) as visitor:
        text = await visitor.text(f"/jobs/{report.id}/blind")
        assert re.findall(r'<button name="(\w+)" value="(\w+)"', text)[:3] == [
            ("side", "a"),
            ("side", "b"),
            ("choice", "reject"),
        ]
        response = await visitor.decide(report.id, "approve", blind="1")
    assert (response.status_code, "Choose A or B" in response.text) == (403, True)
    assert (await service.job()).status is JobStatus.ESCALATED


async def test_a_job_that_wrote_nothing_offers_no_approval_and_takes_none(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "refusal", times=-1)
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 1)))
    async with visiting(service) as visitor:
        text = await visitor.text(f"/jobs/{report.id}")
        response = await visitor.decide(report.id, "approve", attempt=report.attempts[0].id)
    assert 'value="approve"' not in text
    assert "There is no output to approve." in text
    assert (response.status_code, "wrote nothing that could be approved" in response.text) == (409, True)
    assert (await service.job()).status is JobStatus.ESCALATED


async def test_the_longest_reason_and_wish_in_any_script_are_taken(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    longest = "\U00020000" * 4_000  # four bytes each, twelve in a form
    async with visiting(service) as visitor:
        response = await visitor.decide(report.id, "rerun", reason=longest, note=longest)
        assert response.status_code == 200
        assert review_of(report.id).reason == longest


async def test_seconds_told_by_two_tabs_or_twice_count_once(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    now = int(time.time())
    async with visiting(service) as visitor:
        for seconds in (range(now - 60, now), range(now - 30, now), range(now - 60, now)):
            assert (await visitor.beat(report.id, list(seconds))).status_code == 204
        assert minutes_of(report.id) == 1.0
        assert "1.0 min" in await visitor.text("/")


async def test_seconds_that_were_not_sent_yet_go_with_the_decision(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    now = int(time.time())
    async with visiting(service) as visitor:
        await visitor.beat(report.id, list(range(now - 30, now - 5)))
        await visitor.decide(report.id, "reject", seconds=",".join(map(str, range(now - 10, now))))
        assert review_of(report.id).minutes == 0.5


async def test_seconds_of_long_ago_or_to_come_and_nonsense_do_not_count(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    now = int(time.time())
    async with visiting(service) as visitor:
        await visitor.beat(report.id, [now - 3_600, now + 60, 0, -5, 10**12, 10**30])
        data = {"proof": await visitor.proof(), "job": report.id, "seconds": "x,,1e9,١٢"}
        assert (await visitor.http.post("/beats", data=data)).status_code == 204
        assert minutes_of(report.id) == 0.0


async def test_reading_of_a_job_that_nobody_is_asked_about_is_not_kept(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    now = int(time.time())
    async with visiting(service) as visitor:
        await visitor.decide(report.id, "approve")
        assert (await visitor.beat(report.id, [now])).status_code == 204
        assert (await visitor.beat(NOWHERE, [now])).status_code == 204
        assert minutes_of(report.id) == 0.0
