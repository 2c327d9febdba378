"""A job that was interrupted anywhere goes on from there and pays only for the rest."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path as FilePath

import pytest

from tests.faults.support import BATCHES, Service, asked, book, ids, request, summary
from throughline.domain.job import JobId, JobStatus, Kind, PathChoice
from throughline.errors import AccessRefused


async def interrupted(service: Service, job_id: JobId, *, when: Callable[[], bool], **settings: int) -> None:
    """Carry the job out and cancel it as soon as that is so."""
    running = asyncio.create_task(service.carry_out(job_id, **settings))
    async with asyncio.timeout(5):
        while not when():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.005)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def polls(service: Service) -> int:
    """How often a batch was looked at."""
    return sum(received["path"].startswith(f"{BATCHES}/") for received in service.simulator.requests("GET"))


async def test_a_chain_whose_key_was_revoked_midway_pays_only_for_the_rest(service: Service, tmp_path: FilePath):
    wanted = summary(PathChoice.CHUNKED, book(tmp_path, 24))
    service.simulator.faults("messages", "status", status=401, skip=2)
    with pytest.raises(AccessRefused):
        await service.run(wanted, chain_concurrency=1)
    stopped = await service.job()
    assert stopped.status is JobStatus.FAILED
    assert stopped.attempts[0].units == 16
    report = await service.run(wanted)
    assert (report.id, report.status) == (stopped.id, JobStatus.DONE)
    refused = service.calls()[2].units
    assert asked(service.calls()) == {unit_id: 2 if unit_id in refused else 1 for unit_id in ids(1, 24)}
    assert service.billed_rows("message") == 4


async def test_a_link_that_is_refused_does_not_waste_its_neighbours(service: Service, tmp_path: FilePath):
    wanted = summary(PathChoice.CHUNKED, book(tmp_path, 24))
    service.simulator.faults("messages", "status", status=401)
    with pytest.raises(AccessRefused):
        await service.run(wanted)
    assert (await service.job()).attempts[0].units == 16
    await service.run(wanted)
    assert sorted(asked(service.calls()).values()) == [1] * 16 + [2] * 8


async def test_a_chain_that_was_cancelled_during_a_call_loses_that_answer_alone(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    service.losable_answers = 1
    job_id = await service.register(summary(PathChoice.CHUNKED, book(tmp_path, 24)))
    service.simulator.faults("messages", "hang", skip=1, seconds=0.3)
    await interrupted(service, job_id, when=lambda: len(service.calls()) == 2, chain_concurrency=1)
    report = await service.carry_out(job_id)
    assert report.status is JobStatus.DONE
    (only,) = report.attempts
    assert (only.calls, only.lost_calls) == (5, 1)
    lost = service.calls()[1].units
    assert asked(service.calls()) == {unit_id: 2 if unit_id in lost else 1 for unit_id in ids(1, 24)}


async def test_an_outline_that_was_paid_for_is_not_asked_for_again(service: Service, tmp_path: FilePath):
    wanted = request(Kind.RESEARCH_REPORT, PathChoice.CHUNKED, [book(tmp_path, 3)])
    service.simulator.faults("messages", "status", status=401, skip=1)
    with pytest.raises(AccessRefused):
        await service.run(wanted)
    assert (await service.run(wanted)).status is JobStatus.DONE
    assert ["<plan_outline" in call.instruction for call in service.calls()] == [True, False, False]


async def test_a_job_that_was_cancelled_while_its_batch_ran_takes_up_the_same_batch(
    service: Service, tmp_path: FilePath
):
    job_id = await service.register(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    service.simulator.faults("item", "slow", seconds=0.3)
    await interrupted(service, job_id, when=lambda: polls(service) > 1)
    report = await service.carry_out(job_id)
    assert report.status is JobStatus.DONE
    assert (len(service.submissions()), report.attempts[0].calls) == (1, 1)


async def test_a_job_that_was_cancelled_while_posting_its_batch_adopts_it(service: Service, tmp_path: FilePath):
    job_id = await service.register(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    service.simulator.faults("batches.create", "hang", seconds=0.2)
    await interrupted(service, job_id, when=lambda: len(service.submissions()) == 1)
    report = await service.carry_out(job_id)
    assert report.status is JobStatus.DONE
    assert (len(service.submissions()), report.attempts[0].calls) == (1, 1)


async def test_the_path_that_is_done_is_not_run_again_when_the_other_one_failed(service: Service, tmp_path: FilePath):
    wanted = summary(PathChoice.BOTH, book(tmp_path, 10))
    service.simulator.faults("messages", "status", status=401, times=2)
    with pytest.raises(AccessRefused):
        await service.run(wanted)
    report = await service.run(wanted)
    assert report.status is JobStatus.DONE
    assert len(service.submissions()) == 1
