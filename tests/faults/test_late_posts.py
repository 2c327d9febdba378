"""A POST that is late: held up in its own process it is not sent; held up on its way it is found, and shown as paid."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path as FilePath

import pytest
from sqlalchemy import select, update

from storage.engine import reading, transaction
from storage.tables import batches as batch_table
from storage.tables import calls as call_table
from tasks.doubts import adopt, find_late
from tests.faults.collecting import LATER, let_leases_run_out, states, swept_to_death
from tests.faults.rounds import CHUNKED, SINGLE, collect, finish, statuses, submit, sweep
from tests.faults.support import BATCHES, LONG_ON_EACH, Service, book, summary
from tests.servers import ROOT, SIMULATED_KEY
from throughline.domain.job import BatchId, JobId, JobStatus
from throughline.domain.ledger import BatchState, CallState
from throughline.domain.settlement import TOO_LATE


async def given_up(service: Service, tmp_path: FilePath) -> JobId:
    """A job whose batch was looked for and taken for lost, while its POST is still on its way."""
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    service.simulator.faults("batches.create", "accept_late")
    await sweep(service)
    await collect(service, **LATER)
    assert await states(service) == [BatchState.ABANDONED]
    return job_id


async def let_time_pass(service: Service, *, days: float) -> None:
    """As if the batches had been posted and looked for so much earlier."""
    async with service.opened() as rt:
        with transaction(rt.engine) as tx:
            for row in tx.execute(batch_table.select()).all():
                times = {"post_until": row.post_until, "looked_at": row.looked_at}
                earlier = {name: None if at is None else at - timedelta(days=days) for name, at in times.items()}
                tx.execute(update(batch_table).where(batch_table.c.id == row.id).values(earlier))


async def settled(service: Service) -> list[tuple[str, list[str], bool]]:
    """Each call's state, what was wrong with its answer, and whether all of it was wasted."""
    async with service.opened() as rt:
        with reading(rt.engine) as tx:
            rows = tx.execute(select(call_table).order_by(call_table.c.id)).all()
    return [(row.state, row.errors, row.wasted_tokens == row.output_tokens - row.thinking_tokens) for row in rows]


@LONG_ON_EACH
async def test_a_batch_that_is_accepted_after_it_was_given_up_is_adopted_before_another_is_sent(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    job_id = await given_up(service, tmp_path)
    assert service.simulator.release() == 1
    await let_time_pass(service, days=0.1)
    assert (await collect(service)).found_late == 1
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert len(service.submissions()) == 1
    assert service.billed_rows("batch_item") == 1


@LONG_ON_EACH
async def test_an_answer_that_comes_when_its_work_is_done_is_recorded_as_paid_and_of_no_use(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    job_id = await given_up(service, tmp_path)
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert service.simulator.release() == 1
    await let_time_pass(service, days=0.5)
    assert (await collect(service)).found_late == 1
    await collect(service)
    late, used = await settled(service)
    assert late == (CallState.RECORDED, [TOO_LATE], True)
    assert used == (CallState.RECORDED, [], False)
    assert service.billed_rows("batch_item") == 2


async def test_a_late_batch_that_still_runs_when_its_work_is_done_is_stopped(service: Service, tmp_path: FilePath):
    job_id = await given_up(service, tmp_path)
    await sweep(service)  # the second batch, which is quick
    service.simulator.faults("item", "slow", seconds=60)
    assert service.simulator.release() == 1
    (late,) = [each for each in service.listed() if each["processing_status"] == "in_progress"]
    async with service.opened() as rt:  # the process that posted it lived on, and got its id after all
        with reading(rt.engine) as tx:
            first = tx.execute(select(batch_table.c.id).order_by(batch_table.c.id).limit(1)).scalar_one()
        await adopt(BatchId(first), late["id"])
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert service.billed_rows("batch_item") == 1


async def test_what_was_given_up_is_looked_for_at_growing_intervals_for_a_day(service: Service, tmp_path: FilePath):
    await given_up(service, tmp_path)

    async def looks() -> int:
        before = len(service.simulator.requests("GET", BATCHES))
        async with service.opened():
            await find_late()
        return len(service.simulator.requests("GET", BATCHES)) - before

    await let_time_pass(service, days=0.2)
    assert await looks() == 1
    assert await looks() == 0  # the next one is due when as much time again has passed
    await let_time_pass(service, days=0.3)
    assert await looks() == 1
    await let_time_pass(service, days=0.6)
    assert await looks() == 0


async def test_a_refused_batch_is_not_looked_for(service: Service, tmp_path: FilePath):
    await submit(service, summary(SINGLE, book(tmp_path, 2)))
    service.simulator.faults("batches.create", "status", times=-1, status=529)
    await sweep(service)
    assert await states(service) == [BatchState.ABANDONED]
    listed = len(service.simulator.requests("GET", BATCHES))
    await let_time_pass(service, days=0.1)
    await collect(service)
    assert len(service.simulator.requests("GET", BATCHES)) == listed


# A process that is held up.


@LONG_ON_EACH
@pytest.mark.parametrize("place", ["batch-before-intent", "batch-before-post"])
async def test_a_batch_that_turns_up_while_its_work_is_about_to_be_sent_again_is_the_only_one(
    service_on_each: Service, tmp_path: FilePath, place: str
):
    service = service_on_each
    job_id = await given_up(service, tmp_path)
    with frozen_sweep(service, place, tmp_path):
        assert service.simulator.release() == 1
        await let_time_pass(service, days=0.1)
        assert (await collect(service)).found_late == 1
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert service.simulator.bill()["batches_created"] == 1
    assert service.billed_rows("batch_item") == 1


@contextlib.contextmanager
def frozen_sweep(service: Service, place: str, folder: FilePath) -> Generator["subprocess.Popen[str]"]:
    """`throughline sweep` in a process of its own that stops at that place until it is continued."""
    environment = {
        "PYTHONPATH": str(ROOT),
        "ANTHROPIC_API_KEY": SIMULATED_KEY,
        "ANTHROPIC_BASE_URL": service.simulator.url,
        "THROUGHLINE_DATABASE_URL": service.database_url,
        "THROUGHLINE_FAILPOINT": f"{place}:1:freeze",
        "THROUGHLINE_LEASE_S": "2",
    }
    command = [sys.executable, "-m", "throughline", "sweep"]
    with subprocess.Popen(
        command, cwd=folder, env=os.environ | environment, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            pid, status = os.waitpid(child.pid, os.WUNTRACED)
            assert (pid, os.WIFSTOPPED(status)) == (child.pid, True), "it ended before it came to that place"
            yield child
        finally:
            child.send_signal(signal.SIGCONT)
            child.wait(timeout=120)


@LONG_ON_EACH
@pytest.mark.parametrize("place", ["batch-before-post", "batch-may-post"])
async def test_a_process_that_was_held_up_past_its_lease_does_not_send_what_another_has_sent(
    service_on_each: Service, tmp_path: FilePath, place: str
):
    service = service_on_each
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    with frozen_sweep(service, place, tmp_path):
        await happened_after_the_lease(service)
        await finish(service)
        assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert service.simulator.bill()["batches_created"] == 1
    assert service.billed_rows("batch_item") == 1


async def happened_after_the_lease(service: Service) -> None:
    """The frozen worker's lease and its leave to post have run out, and another takes its batch for lost."""
    await let_leases_run_out(service)
    await let_time_pass(service, days=0.001)
    await asyncio.sleep(0.6)  # its own clock must see a quarter of its lease go by as well
    collected = await collect(service, **LATER)
    assert (collected.in_doubt, collected.requeued) == (0, 0)
    assert await states(service) == [BatchState.ABANDONED]


async def test_a_process_that_was_held_up_while_nobody_took_its_job_sends_it_once(service: Service, tmp_path: FilePath):
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    with frozen_sweep(service, "batch-may-post", tmp_path):
        await let_leases_run_out(service)
        await asyncio.sleep(0.6)  # its leave to post, a quarter of its lease, runs out as well
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert len(service.submissions()) == 1


@LONG_ON_EACH
async def test_a_link_that_was_held_up_past_its_lease_is_not_sent_when_another_has_sent_it(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    (job_id,) = await submit(service, summary(CHUNKED, book(tmp_path, 2)))
    with frozen_sweep(service, "link-after-intent", tmp_path):
        await let_leases_run_out(service)
        await collect(service, **LATER)
        await finish(service)
        assert await statuses(service, [job_id]) == [JobStatus.DONE]
        sent = len(service.calls())
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert len(service.calls()) == sent


async def test_a_request_that_was_left_in_a_batch_that_was_given_up_is_sent_anew_once(
    service_on_each: Service, tmp_path: FilePath
):
    """As an older version could leave it: written down while another process took the batch for lost."""
    service = service_on_each
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    swept_to_death(service, "batch-after-intent", tmp_path)
    await let_leases_run_out(service)
    async with service.opened() as rt:
        with transaction(rt.engine) as tx:
            tx.execute(update(batch_table).values(state=BatchState.ABANDONED))
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert service.billed_rows("batch_item") == 1
