"""Collecting: what is wrong with one batch, one job, or the Prefect server keeps nothing else from being brought in."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path as FilePath

import pytest

from tasks.flow_runs import Standing
from tests.faults.collecting import RUN, Runs, carried_by_run, collect_with, happened, hold, stands, states
from tests.faults.rounds import BOTH, SINGLE, books, collect, finish, statuses, submit, sweep
from tests.faults.support import Service, summary
from throughline.domain.job import JobId, JobStatus
from throughline.domain.ledger import BatchState
from throughline.errors import AccessRefused


async def two_batches(service: Service, tmp_path: FilePath) -> list[JobId]:
    job_ids: list[JobId] = []
    for file in books(tmp_path, 2):
        job_ids += await submit(service, summary(SINGLE, file))
        await sweep(service)
    return job_ids


@dataclass(slots=True, kw_only=True)
class Away(Runs):
    """A Prefect server that does not answer, and how the batches stood each time that it was asked."""

    service: Service
    asked: list[list[BatchState]] = field(default_factory=list[list[BatchState]])

    async def standing(self, flow_run_id: str) -> Standing:
        self.asked.append(await states(self.service))
        return Standing.UNKNOWN


async def test_a_server_that_does_not_answer_is_asked_once_a_pass_and_after_everything_is_ingested(
    service: Service, tmp_path: FilePath
):
    for job_id in await two_batches(service, tmp_path):
        await carried_by_run(service, job_id)
    away = Away(stand={}, service=service)
    assert (await collect_with(service, away)).ingested == 2
    assert away.asked == [[BatchState.INGESTED] * 2]


async def test_a_batch_to_which_access_is_refused_is_told_when_the_others_are_brought_in(
    service: Service, tmp_path: FilePath
):
    job_ids = await two_batches(service, tmp_path)
    service.simulator.faults("batches.retrieve", "status", status=403)  # of the oldest, which comes first
    with pytest.raises(AccessRefused):
        await collect(service)
    assert await states(service) == [BatchState.SUBMITTED, BatchState.INGESTED]
    assert await statuses(service, job_ids) == [JobStatus.WAITING, JobStatus.QUEUED]
    await finish(service)


async def test_a_job_that_ends_while_its_run_is_looked_at_does_not_stop_the_pass(service: Service, tmp_path: FilePath):
    first, second = await two_batches(service, tmp_path)
    await carried_by_run(service, first)

    @dataclass(slots=True)
    class Racing(Runs):
        async def standing(self, flow_run_id: str) -> Standing:
            await service.carry_out(first)
            return Standing.CANCELLED

    await collect_with(service, Racing(stand={RUN: Standing.CANCELLED}))
    assert await statuses(service, [first, second]) == [JobStatus.DONE, JobStatus.QUEUED]


async def test_a_missing_line_keeps_only_the_job_that_it_belongs_to_waiting(service: Service, tmp_path: FilePath):
    job_ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 3)))
    await sweep(service)
    service.simulator.faults("batches.results", "duplicate_results", times=-1, instead_of_last=True)
    assert (await collect(service)).troubled == 1
    await sweep(service)
    found = await statuses(service, job_ids)
    service.heal()
    await finish(service)
    assert sorted(found) == [JobStatus.DONE, JobStatus.DONE, JobStatus.WAITING]
    assert await statuses(service, job_ids) == [JobStatus.DONE] * 3
    assert len(service.submissions()) == 1


async def test_a_request_that_brought_nothing_is_sent_again_though_a_neighbours_line_is_missing(
    service: Service, tmp_path: FilePath
):
    first, second = books(tmp_path, 2)
    job_ids = await submit(service, summary(SINGLE, first), summary(SINGLE, second))
    service.simulator.faults("item", "errored", times=2)
    await sweep(service)
    service.simulator.faults("batches.results", "duplicate_results", times=8, instead_of_last=True)
    await collect(service)
    await sweep(service)
    service.heal()
    await finish(service)
    assert await statuses(service, job_ids) == [JobStatus.DONE] * 2
    assert service.billed_rows("batch_item") == 2


async def test_a_shared_batch_in_doubt_is_settled_while_the_chain_of_one_of_its_jobs_is_worked_on(
    service: Service, tmp_path: FilePath
):
    first, second = books(tmp_path, 2)
    await submit(service, summary(SINGLE, first), summary(BOTH, second))
    service.simulator.faults("batches.create", "drop_after_accept")
    service.simulator.faults("messages", "hang", seconds=3.0)
    running = asyncio.create_task(sweep(service))
    await happened(lambda: len(service.calls()) == 1)
    collected = await collect(service, batch_settle_s=0.0)
    was_running = not running.done()
    await running
    await finish(service)
    assert was_running
    assert (collected.in_doubt, collected.ingested) == (0, 1)


async def test_a_job_whose_run_may_have_been_cancelled_is_not_queued_while_prefect_cannot_tell(
    service: Service, tmp_path: FilePath
):
    (job_id,) = await submit(service, summary(BOTH, books(tmp_path, 1)[0]))
    await carried_by_run(service, job_id)
    await stands(service, job_id, JobStatus.RUNNING)
    await hold(service, job_id, for_s=-1)
    assert (await collect_with(service, Away(stand={}, service=service))).requeued == 0
    assert (await collect_with(service, Runs(stand={RUN: Standing.CANCELLED}))).cancelled == 1
    assert await statuses(service, [job_id]) == [JobStatus.CANCELLED]
