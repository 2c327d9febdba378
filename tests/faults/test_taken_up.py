"""Who takes a job up again: a cancelled one only a person who asks, any other whoever holds it, and nobody else."""

import asyncio
from pathlib import Path as FilePath

import pytest
from pydantic import SecretStr

from tasks import leasing
from tasks.collecting import cancel_job
from tasks.conclusion import fail, put_aside, put_back, start
from tasks.flow_runs import Standing
from tests.faults.collecting import (
    RUN,
    Runs,
    as_run,
    carried_by_run,
    collect_with,
    happened,
    hold,
    in_row,
    let_leases_run_out,
    stands,
)
from tests.faults.rounds import CHUNKED, SINGLE, books, end_batches, finish, statuses, submit, sweep
from tests.faults.support import Service, book, summary
from throughline.domain.job import JobId, JobStatus
from throughline.errors import BadInput, JobBusy, ThroughlineError

ANOTHER_RUN = "01a20000-0000-7000-8000-000000000002"
REAL_KEY = SecretStr("sk-ant-real")


async def cancelled(service: Service, job_id: JobId) -> None:
    async with service.opened():
        await cancel_job(job_id)


async def suspended(service: Service, tmp_path: FilePath) -> JobId:
    """A job whose flow run is suspended until its batch is there."""
    job_id = await service.register(summary(SINGLE, book(tmp_path, 2)))
    service.simulator.faults("item", "slow", seconds=60, times=1)
    assert await as_run(service, job_id) is None
    return job_id


# Cancelled jobs.


async def test_a_woken_run_of_a_cancelled_job_ends_with_its_report_and_pays_nothing(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    job_id = await suspended(service, tmp_path)
    await cancelled(service, job_id)
    runs = Runs(stand={RUN: Standing.SUSPENDED})
    await collect_with(service, runs)
    assert runs.woken == [RUN]
    report = await as_run(service, job_id)
    assert report is not None
    assert report.status is JobStatus.CANCELLED
    assert len(service.submissions()) == 1
    assert service.billed() == 0


async def test_a_new_flow_run_that_asks_for_a_cancelled_job_goes_on_with_it(service: Service, tmp_path: FilePath):
    job_id = await suspended(service, tmp_path)
    await cancelled(service, job_id)
    await collect_with(service, Runs(stand={RUN: Standing.ENDED}))
    report = await as_run(service, job_id, ANOTHER_RUN, hold=True)
    assert report is not None
    assert report.status is JobStatus.DONE


async def test_a_job_that_is_cancelled_before_its_turn_in_a_sweep_is_not_sent(service: Service, tmp_path: FilePath):
    first, second = await submit(service, *(summary(CHUNKED, file) for file in books(tmp_path, 2)))
    service.simulator.faults("messages", "hang", seconds=1.0)
    running = asyncio.create_task(sweep(service, sweep_concurrency=1))
    await happened(lambda: len(service.calls()) == 1)
    await cancelled(service, second)
    await running
    assert await statuses(service, [first, second]) == [JobStatus.DONE, JobStatus.CANCELLED]


async def test_a_signal_that_meets_a_cancelled_job_in_the_hands_of_a_sweep_does_not_queue_it(
    service: Service, tmp_path: FilePath
):
    (job_id,) = await submit(service, summary(CHUNKED, book(tmp_path, 2)))
    await cancelled(service, job_id)
    async with service.opened(), leasing.held(job_id):
        await put_back(job_id, ThroughlineError("its worker was stopped"))
    assert await statuses(service, [job_id]) == [JobStatus.CANCELLED]


async def test_a_job_that_is_queued_is_cancelled_with_its_flow_run_and_may_be_queued_again(
    service: Service, tmp_path: FilePath
):
    wanted = summary(CHUNKED, book(tmp_path, 2))
    (job_id,) = await submit(service, wanted)
    await carried_by_run(service, job_id)
    runs = Runs(stand={RUN: Standing.CANCELLED})
    assert (await collect_with(service, runs)).cancelled == 1
    assert (await sweep(service)).claimed == 0
    assert await statuses(service, [job_id]) == [JobStatus.CANCELLED]
    await submit(service, wanted)
    assert (await collect_with(service, runs)).cancelled == 0
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]


# Two flow runs of one request.


async def test_a_second_run_does_not_take_a_job_at_work_from_the_first(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    (job_id,) = await submit(service, summary(CHUNKED, book(tmp_path, 2)))
    await carried_by_run(service, job_id)
    await stands(service, job_id, JobStatus.RUNNING)
    await hold(service, job_id, for_s=60)
    with pytest.raises(JobBusy, match="is being worked on"):
        await as_run(service, job_id, ANOTHER_RUN)
    assert (await in_row(service, job_id)).flow_run_id == RUN
    await let_leases_run_out(service)
    await service.carry_out(job_id)


async def test_a_second_run_of_a_job_that_waits_is_refused_and_holds_nothing(service: Service, tmp_path: FilePath):
    job_id = await suspended(service, tmp_path)
    with pytest.raises(JobBusy, match=f"carried out by flow run {RUN}"):
        await as_run(service, job_id, ANOTHER_RUN)
    found = await in_row(service, job_id)
    assert (found.status, found.flow_run_id, found.lease_owner) == (JobStatus.WAITING, RUN, None)


async def test_a_second_run_of_a_job_that_is_done_leaves_the_first_to_be_woken(service: Service, tmp_path: FilePath):
    job_id = await suspended(service, tmp_path)
    service.simulator.heal()
    await cancelled(service, job_id)
    end_batches(service)
    await service.carry_out(job_id)
    report = await as_run(service, job_id, ANOTHER_RUN)
    assert report is not None
    assert report.status is JobStatus.DONE
    assert (await in_row(service, job_id)).flow_run_id == RUN


# A slip with the key.


@pytest.mark.parametrize("key", [REAL_KEY, None], ids=["another world's", "none"])
@pytest.mark.parametrize("status", [JobStatus.WAITING, JobStatus.QUEUED, JobStatus.CANCELLED])
async def test_a_request_with_the_wrong_key_leaves_a_job_where_it_stands(
    service: Service, tmp_path: FilePath, status: JobStatus, key: SecretStr | None
):
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    if status is JobStatus.WAITING:
        await sweep(service)
    if status is JobStatus.CANCELLED:
        await cancelled(service, job_id)
    with pytest.raises(BadInput, match="key"):
        await service.carry_out(job_id, api_key=key)
    assert await statuses(service, [job_id]) == [status]
    await finish(service)


# Jobs that have failed.


async def test_trouble_of_the_other_path_does_not_take_up_a_job_that_waits_for_a_person(
    service: Service, tmp_path: FilePath
):
    job_id = await service.register(summary(CHUNKED, book(tmp_path, 2)))
    async with service.opened(), leasing.held(job_id):
        await start(job_id)
        await fail(job_id, ThroughlineError("its answer was lost five times"))
        await put_back(job_id, ThroughlineError("the API is busy"))
        await put_aside(job_id)
    found = await in_row(service, job_id)
    assert (found.status, found.reason) == (JobStatus.FAILED, "its answer was lost five times")


async def test_what_a_person_submits_again_is_not_cancelled_with_the_run_that_had_it(
    service: Service, tmp_path: FilePath
):
    job_id = await suspended(service, tmp_path)
    end_batches(service)
    await cancelled(service, job_id)
    await submit(service, summary(SINGLE, book(tmp_path, 2)))
    await collect_with(service, Runs(stand={RUN: Standing.CANCELLED}))
    assert await statuses(service, [job_id]) == [JobStatus.QUEUED]
    await finish(service)
