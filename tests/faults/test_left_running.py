"""No job stays in work without somebody at work: it ends with a reason, waits, or goes back into the queue."""

from pathlib import Path as FilePath

import pytest

from tasks import job_life, leasing
from tasks.flow_runs import Standing
from tests.faults.collecting import (
    RUN,
    Runs,
    as_run,
    carried_by_run,
    collect_with,
    hold,
    in_row,
    interrupted_chain,
    let_leases_run_out,
    stands,
)
from tests.faults.rounds import CHUNKED, SINGLE, collect, statuses, submit, sweep
from tests.faults.support import Service, book, summary
from throughline.domain.job import JobId, JobStatus
from throughline.errors import BatchUnknown, Retryable


async def queued_chain(service: Service, tmp_path: FilePath) -> JobId:
    return (await submit(service, summary(CHUNKED, book(tmp_path, 2))))[0]


# Something unexpected.


async def broken(*_: object, **__: object) -> None:
    raise RuntimeError("nobody thought of this")


async def test_a_job_that_a_worker_could_not_go_on_with_is_failed_and_says_why(
    service: Service, tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
):
    job_id = await queued_chain(service, tmp_path)
    monkeypatch.setattr(job_life, "check_attempt", broken)
    with pytest.raises(RuntimeError):
        await as_run(service, job_id)
    found = await in_row(service, job_id)
    assert (found.status, found.lease_owner) == (JobStatus.FAILED, None)
    assert found.reason == "RuntimeError: nobody thought of this"


class Stopped(BaseException):
    """What Prefect's handler of SIGTERM raises wherever the process is: no exception that anybody expects."""


async def stopped(*_: object, **__: object) -> None:
    raise Stopped


@pytest.mark.parametrize("deployed", [False, True], ids=["sweep", "flow run"])
async def test_a_worker_that_is_stopped_in_the_middle_of_a_step_leaves_its_job_to_the_next(
    service: Service, tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch, deployed: bool
):
    job_id = await queued_chain(service, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(job_life, "check_attempt", stopped)
        with pytest.raises(Stopped):
            await (as_run(service, job_id) if deployed else sweep(service))
    await collect_with(service, Runs(stand={RUN: Standing.UNDER_WAY}))
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]


# Leases.


@pytest.mark.parametrize("attended", [True, False])
async def test_only_a_person_is_given_back_a_job_that_is_still_running(
    service: Service, tmp_path: FilePath, attended: bool
):
    job_id = await queued_chain(service, tmp_path)
    async with service.opened(), leasing.held(job_id, attended=attended):
        await stands(service, job_id, JobStatus.RUNNING)
    assert (await in_row(service, job_id)).lease_owner is None
    assert (await collect(service)).requeued == (not attended)


async def test_a_running_job_without_a_lease_is_queued_though_its_run_looks_alive(service: Service, tmp_path: FilePath):
    job_id = await queued_chain(service, tmp_path)
    await carried_by_run(service, job_id)
    await stands(service, job_id, JobStatus.RUNNING)
    assert (await collect_with(service, Runs(stand={RUN: Standing.UNDER_WAY}))).requeued == 1
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]


async def test_a_job_whose_worker_died_before_it_was_started_is_queued(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    job_id = await service.register(summary(CHUNKED, book(tmp_path, 2)))
    await carried_by_run(service, job_id)
    await hold(service, job_id, for_s=60)
    assert (await collect_with(service, Runs(stand={RUN: Standing.UNDER_WAY}))).requeued == 0
    await let_leases_run_out(service)
    assert (await collect_with(service, Runs(stand={RUN: Standing.UNDER_WAY}))).requeued == 1
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]


async def test_an_interrupted_job_that_is_submitted_is_queued(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    job_id = await interrupted_chain(service, tmp_path)
    await submit(service, summary(CHUNKED, str(tmp_path / "book.md")))
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]


async def test_a_job_at_work_that_is_submitted_is_left_to_its_worker(service: Service, tmp_path: FilePath):
    job_id = await interrupted_chain(service, tmp_path)
    await hold(service, job_id, for_s=60)
    await submit(service, summary(CHUNKED, str(tmp_path / "book.md")))
    assert await statuses(service, [job_id]) == [JobStatus.RUNNING]
    await let_leases_run_out(service)
    await service.carry_out(job_id)


# A deployed run has nobody beside it.


async def test_a_batch_that_the_api_denies_to_know_leaves_a_deployed_run_waiting(service: Service, tmp_path: FilePath):
    job_id = await service.register(summary(SINGLE, book(tmp_path, 2)))
    service.simulator.faults("batches.retrieve", "not_found", times=-1)
    assert await as_run(service, job_id) is None
    assert await statuses(service, [job_id]) == [JobStatus.WAITING]
    runs = Runs(stand={RUN: Standing.SUSPENDED})
    assert (await collect_with(service, runs)).troubled == 1
    service.heal()
    assert (await collect_with(service, runs)).resumed == 1
    report = await as_run(service, job_id)
    assert report is not None
    assert report.status is JobStatus.DONE
    assert len(service.submissions()) == 1


async def test_a_deployed_run_that_polls_leaves_a_batch_that_stays_unknown_to_the_collector(
    service: Service, tmp_path: FilePath
):
    job_id = await service.register(summary(SINGLE, book(tmp_path, 2)))
    service.simulator.faults("batches.retrieve", "not_found", times=-1)
    with pytest.raises(BatchUnknown):
        await as_run(service, job_id, hold=True, batch_unknown_s=0.0)
    service.heal()
    assert (await collect_with(service, Runs(stand={RUN: Standing.ENDED}))).requeued == 1
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]


async def test_a_busy_api_puts_the_job_of_a_deployed_run_that_polls_back_into_the_queue(
    service: Service, tmp_path: FilePath
):
    job_id = await service.register(summary(CHUNKED, book(tmp_path, 2)))
    service.simulator.faults("messages", "status", status=529, times=-1)
    with pytest.raises(Retryable):
        await as_run(service, job_id, hold=True)
    assert await statuses(service, [job_id]) == [JobStatus.QUEUED]
    service.heal()
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
