"""What is not sent, or not begun, for a job that was cancelled or given up while its worker was on the way."""

import asyncio
from pathlib import Path as FilePath

import pytest

from storage import jobs
from storage.engine import transaction
from tasks import leasing, runtime
from tasks.collecting import cancel_job
from tasks.conclusion import start
from tasks.flow_runs import Standing
from tests.faults.collecting import (
    LATER,
    RUN,
    Runs,
    carried_by_run,
    collect_with,
    happened,
    hold,
    let_leases_run_out,
    states,
)
from tests.faults.rounds import CHUNKED, SINGLE, books, collect, finish, statuses, submit
from tests.faults.support import LONG_ON_EACH, Service, book, summary
from tests.faults.test_late_posts import frozen_sweep
from throughline.domain.job import JobStatus
from throughline.domain.ledger import BatchState
from throughline.errors import JobBusy


async def test_a_job_that_is_cancelled_while_its_batch_is_held_up_before_the_post_is_not_sent(
    service: Service, tmp_path: FilePath
):
    """The last look asks who holds the jobs, not only what became of the batch."""
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    with frozen_sweep(service, "batch-before-post", tmp_path):
        async with service.opened():
            await cancel_job(job_id)
    assert await statuses(service, [job_id]) == [JobStatus.CANCELLED]
    assert service.simulator.bill()["batches_created"] == 0
    assert service.billed() == 0


@LONG_ON_EACH
async def test_a_batch_that_was_given_up_while_its_process_was_held_up_is_not_sent_by_it(
    service_on_each: Service, tmp_path: FilePath
):
    """Nobody has taken its job yet, so that the lease alone would let it go: what became of the batch decides."""
    service = service_on_each
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    with frozen_sweep(service, "batch-before-post", tmp_path):
        await let_leases_run_out(service)
        await collect(service, **LATER)
        assert await states(service) == [BatchState.ABANDONED]
    assert service.simulator.bill()["batches_created"] == 0
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert service.billed_rows("batch_item") == 1


@LONG_ON_EACH
async def test_a_job_that_is_cancelled_between_its_claim_and_its_intent_is_left_out_and_its_neighbours_travel(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    ids = await submit(service, *(summary(SINGLE, each) for each in books(tmp_path, 3)))
    with frozen_sweep(service, "sweep-claimed", tmp_path):
        async with service.opened():
            await cancel_job(ids[0])
    assert await statuses(service, ids) == [JobStatus.CANCELLED, JobStatus.WAITING, JobStatus.WAITING]
    assert [len(body["requests"]) for body in service.submissions()] == [2]
    await finish(service)


@LONG_ON_EACH
async def test_a_link_that_a_busy_api_made_wait_is_not_sent_again_for_a_job_that_was_cancelled_meanwhile(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    job_id = await service.register(summary(CHUNKED, book(tmp_path, 2)))
    service.simulator.faults("messages", "status", status=429, retry_after="1.5")  # waited for
    running = asyncio.create_task(service.carry_out(job_id, api_longest_wait_s=60.0))
    await happened(lambda: len(service.calls()) == 1)
    async with service.opened():
        await cancel_job(job_id)
    with pytest.raises(JobBusy, match="was cancelled"):
        await running
    assert len(service.calls()) == 1
    assert service.billed() == 0


async def test_a_job_that_is_cancelled_before_its_worker_starts_it_stays_so(service: Service, tmp_path: FilePath):
    job_id = await service.register(summary(CHUNKED, book(tmp_path, 2)))
    async with service.opened(), leasing.held(job_id):
        await cancel_job(job_id)
        with pytest.raises(JobBusy):
            await start(job_id)
    assert await statuses(service, [job_id]) == [JobStatus.CANCELLED]


async def test_an_orphan_whose_worker_renewed_since_it_was_listed_keeps_its_job(service: Service, tmp_path: FilePath):
    (job_id,) = await submit(service, summary(CHUNKED, book(tmp_path, 2)))
    await carried_by_run(service, job_id)
    await hold(service, job_id, for_s=-1)
    async with service.opened() as rt:
        with transaction(rt.engine) as tx:
            jobs.set_status(tx, job_id, JobStatus.RUNNING, now=runtime.now())

    class Renewing(Runs):
        async def standing(self, flow_run_id: str) -> Standing:
            await hold(service, job_id, for_s=60)
            return await super().standing(flow_run_id)

    collected = await collect_with(service, Renewing(stand={RUN: Standing.UNDER_WAY}))
    assert collected.requeued == 0
    assert await statuses(service, [job_id]) == [JobStatus.RUNNING]
