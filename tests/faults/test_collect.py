"""Collecting: one pass over everything that is open, which adopts, ingests, wakes and requeues, and never sends."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path as FilePath
from typing import Any

import pytest

from storage import jobs, leases
from storage.engine import Engine, connect, transaction
from tasks import runtime
from tasks.collecting import Collected, cancel_job
from tasks.flow_runs import Standing
from tests.faults.collecting import (
    OTHER,
    RUN,
    Runs,
    cancellations,
    carried_by_run,
    collect_with,
    happened,
    hold,
    interrupted_chain,
    let_leases_run_out,
    states,
    swept_to_death,
)
from tests.faults.rounds import (
    CHUNKED,
    SINGLE,
    at_once,
    books,
    collect,
    end_batches,
    statuses,
    submit,
    sweep,
)
from tests.faults.support import Service, asked, book, ids, summary
from throughline.domain.job import AttemptStatus, JobId, JobStatus
from throughline.domain.ledger import BatchState, IllegalMove
from throughline.errors import JobBusy

# Jobs whose worker died.


async def test_a_job_whose_worker_died_goes_on_from_its_next_link(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    job_id = await interrupted_chain(service, tmp_path)
    await hold(service, job_id, for_s=-1)
    assert (await collect(service)).requeued == 1
    assert await statuses(service, [job_id]) == [JobStatus.QUEUED]
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    broken = service.calls()[1].units
    assert asked(service.calls()) == {unit_id: 2 if unit_id in broken else 1 for unit_id in ids(1, 24)}


async def test_a_chain_whose_sweep_was_killed_between_two_links_pays_for_no_link_twice(
    service: Service, tmp_path: FilePath
):
    (job_id,) = await submit(service, summary(CHUNKED, book(tmp_path, 24)))
    swept_to_death(service, "link-after-record:2", tmp_path)
    await let_leases_run_out(service)
    assert (await collect(service)).requeued == 1
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert asked(service.calls()) == dict.fromkeys(ids(1, 24), 1)


async def test_a_job_that_a_worker_still_renews_is_not_requeued(service: Service, tmp_path: FilePath):
    job_id = await interrupted_chain(service, tmp_path)
    await hold(service, job_id, for_s=60)
    assert (await collect(service)).requeued == 0
    assert await statuses(service, [job_id]) == [JobStatus.RUNNING]
    await let_leases_run_out(service)
    assert (await service.carry_out(job_id)).status is JobStatus.DONE


async def test_a_job_that_was_given_back_in_order_is_left_to_the_person_who_stopped_it(
    service: Service, tmp_path: FilePath
):
    job_id = await interrupted_chain(service, tmp_path)
    assert (await collect(service)).requeued == 0
    assert await statuses(service, [job_id]) == [JobStatus.RUNNING]
    assert (await service.carry_out(job_id)).status is JobStatus.DONE


async def test_collects_at_once_requeue_an_orphan_once(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    job_id = await interrupted_chain(service, tmp_path)
    await hold(service, job_id, for_s=-1)
    collected: list[Collected] = at_once(3, lambda: collect(service))
    assert sum(each.requeued for each in collected) == 1
    assert await statuses(service, [job_id]) == [JobStatus.QUEUED]
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]


# Cancelled jobs.


async def test_the_next_link_of_a_cancelled_job_is_not_sent(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    job_id = await service.register(summary(CHUNKED, book(tmp_path, 24)))
    service.simulator.faults("messages", "hang", skip=1, seconds=1.0)
    running = asyncio.create_task(service.carry_out(job_id, chain_concurrency=1))
    await happened(lambda: len(service.calls()) == 2)
    async with service.opened():
        await cancel_job(job_id)
    with pytest.raises(JobBusy, match="was cancelled"):
        await running
    report = await service.job()
    assert report.status is JobStatus.CANCELLED
    assert len(service.calls()) == 2
    assert report.attempts[0].units == 16  # the link that was under way is kept: it is paid for


async def test_a_batch_is_stopped_only_when_nobody_wants_it_any_more(service: Service, tmp_path: FilePath):
    first, second = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 2)))
    service.simulator.faults("item", "slow", seconds=60, times=2)
    await sweep(service)
    async with service.opened():
        await cancel_job(first)
    assert (await collect(service)).cancelled == 0
    assert cancellations(service) == 0
    async with service.opened():
        await cancel_job(second)
    assert (await collect(service)).cancelled == 1
    assert cancellations(service) == 1
    await collect(service)
    assert await states(service) == [BatchState.INGESTED]
    assert await statuses(service, [first, second]) == [JobStatus.CANCELLED] * 2
    assert service.billed() == 0


async def test_what_was_finished_for_a_cancelled_job_is_ingested_and_kept(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    await sweep(service)
    assert service.billed() > 0  # it has ended by now
    async with service.opened():
        await cancel_job(job_id)
    await collect(service)
    report = await service.job()
    assert report.status is JobStatus.CANCELLED
    assert (report.attempts[0].status, report.attempts[0].units) == (AttemptStatus.COMPLETE, 2)
    assert report.cost_usd == service.billed()


async def test_a_cancelled_job_that_is_resumed_pays_only_for_what_it_lacks(service: Service, tmp_path: FilePath):
    kept, stopped = await submit(
        service, summary(SINGLE, book(tmp_path, 2)), summary(SINGLE, book(tmp_path, 10, "b.md"))
    )
    service.simulator.faults("item", "slow", seconds=60, match="u010")
    await sweep(service)
    assert service.billed_rows("batch_item") == 1
    async with service.opened():
        await cancel_job(kept)
        await cancel_job(stopped)
    await collect(service)
    posted = len(service.submissions())
    assert (await service.carry_out(kept)).status is JobStatus.DONE
    assert len(service.submissions()) == posted
    assert (await service.carry_out(stopped)).status is JobStatus.DONE
    assert len(service.submissions()) == posted + 1


async def test_a_job_that_is_done_cannot_be_cancelled(service: Service, tmp_path: FilePath):
    report = await service.run(summary(CHUNKED, book(tmp_path, 2)))
    async with service.opened():
        with pytest.raises(IllegalMove, match="cannot go from done to cancelled"):
            await cancel_job(report.id)
    assert (await service.job()).status is JobStatus.DONE


# Flow runs that wait.


async def test_without_a_prefect_server_results_are_saved_and_who_waits_is_left_alone(
    service: Service, tmp_path: FilePath
):
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    await sweep(service)
    await carried_by_run(service, job_id)
    collected = await collect(service)
    assert (collected.ingested, collected.resumed, collected.requeued) == (1, 0, 0)
    assert await statuses(service, [job_id]) == [JobStatus.WAITING]


async def test_results_that_are_said_to_be_elsewhere_do_not_keep_other_batches_from_being_ingested(
    service: Service, tmp_path: FilePath
):
    job_ids: list[JobId] = []
    for name in ("one.md", "other.md"):  # a batch each
        job_ids += await submit(service, summary(SINGLE, book(tmp_path, 2, name)))
        await sweep(service)
    service.simulator.faults("batches.results", "status", status=302)
    collected = await collect(service)
    assert (collected.ingested, collected.troubled) == (1, 1)
    assert (await collect(service)).ingested == 1
    await sweep(service)
    assert await statuses(service, job_ids) == [JobStatus.DONE, JobStatus.DONE]


async def test_a_suspended_run_is_woken_once_and_not_before_its_batch_is_ingested(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    service.simulator.faults("item", "slow", seconds=60)
    await sweep(service)
    await carried_by_run(service, job_id)
    runs = Runs(stand={RUN: Standing.SUSPENDED})
    assert (await collect_with(service, runs)).resumed == 0
    end_batches(service)
    assert (await collect_with(service, runs)).resumed == 1
    assert (await collect_with(service, runs)).resumed == 0
    assert runs.woken == [RUN]
    assert await statuses(service, [job_id]) == [JobStatus.WAITING]  # the run itself goes on with it


async def test_a_run_that_could_not_be_woken_is_woken_by_the_next_pass(service: Service, tmp_path: FilePath):
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    await sweep(service)
    await carried_by_run(service, job_id)
    runs = Runs(stand={RUN: Standing.SUSPENDED}, answers=False)
    assert (await collect_with(service, runs)).resumed == 0
    runs.answers = True
    assert (await collect_with(service, runs)).resumed == 1


@pytest.mark.parametrize("standing", [Standing.GONE, Standing.ENDED])
async def test_the_job_of_a_run_that_is_no_more_is_left_to_the_sweep(
    service: Service, tmp_path: FilePath, standing: Standing
):
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    await sweep(service)
    await carried_by_run(service, job_id)
    assert (await collect_with(service, Runs(stand={RUN: standing}))).requeued == 1
    assert await statuses(service, [job_id]) == [JobStatus.QUEUED]
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]


@pytest.mark.parametrize("standing", [Standing.UNDER_WAY, Standing.UNKNOWN])
async def test_a_run_that_goes_on_or_cannot_be_seen_keeps_its_job(
    service: Service, tmp_path: FilePath, standing: Standing
):
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    await sweep(service)
    await carried_by_run(service, job_id)
    runs = Runs(stand={RUN: standing})
    collected = await collect_with(service, runs)
    assert (collected.resumed, collected.requeued, runs.woken) == (0, 0, [])
    assert await statuses(service, [job_id]) == [JobStatus.WAITING]


async def test_the_job_of_a_cancelled_run_is_cancelled_and_its_batch_stopped(service: Service, tmp_path: FilePath):
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    service.simulator.faults("item", "slow", seconds=60)
    await sweep(service)
    await carried_by_run(service, job_id)
    await collect_with(service, Runs(stand={RUN: Standing.CANCELLED}))
    assert await statuses(service, [job_id]) == [JobStatus.CANCELLED]
    assert cancellations(service) == 1
    await collect(service)
    assert service.billed() == 0


async def test_a_job_that_was_taken_up_at_this_moment_is_not_put_back_into_the_queue(
    simulator: Any, postgres_url: str, tmp_path: FilePath
):
    service = Service(simulator=simulator, database_url=postgres_url)
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    await sweep(service)
    await collect(service)
    elsewhere = connect(postgres_url)
    try:
        await _collect_while_taken_up(service, job_id, elsewhere)
    finally:
        elsewhere.dispose()
    taken_up = await statuses(service, [job_id])
    await service.balance()
    assert taken_up == [JobStatus.RUNNING]


async def _collect_while_taken_up(service: Service, job_id: JobId, elsewhere: Engine) -> None:
    """Collect while another process is about to commit that the same waiting job runs."""
    with transaction(elsewhere) as tx:
        jobs.set_status(tx, job_id, JobStatus.RUNNING, now=runtime.now())
        jobs.set_status(tx, job_id, JobStatus.WAITING, now=runtime.now())
    at_work, collected = threading.Event(), threading.Event()

    def take_up() -> None:
        with transaction(elsewhere) as tx:
            assert leases.acquire(tx, job_id, owner=OTHER, until=runtime.now() + timedelta(hours=1), now=runtime.now())
            jobs.set_status(tx, job_id, JobStatus.RUNNING, now=runtime.now())
            at_work.set()
            collected.wait(0.5)  # the other one waits for this transaction, so that time runs out

    worker = threading.Thread(target=take_up)
    worker.start()
    at_work.wait()
    await collect(service)
    collected.set()
    worker.join()
