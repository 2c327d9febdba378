"""Collecting: a batch in doubt is looked for, adopted, or given up once nobody can send it any more."""

from datetime import timedelta
from pathlib import Path as FilePath

import pytest
from pydantic import SecretStr

from storage import batches
from storage.batches import Batch
from storage.engine import transaction
from tasks import doubts, runtime
from tests.faults.collecting import LATER, hold, in_doubt, let_leases_run_out, states, swept_to_death
from tests.faults.rounds import SINGLE, books, collect, end_batches, finish, statuses, submit, sweep
from tests.faults.support import BATCHES, LONG_ON_EACH, Service, book, summary
from tests.faults.test_submission import foreign_batch
from throughline.domain.job import JobStatus
from throughline.domain.ledger import BatchState
from throughline.errors import BadInput


@LONG_ON_EACH
async def test_a_batch_whose_sweep_was_killed_before_the_id_was_saved_is_adopted(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    wanted = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 3)))
    swept_to_death(service, "batch-after-post", tmp_path)
    collected = await collect(service, **LATER)
    assert (collected.open, collected.ingested) == (1, 0)  # as far as the ledger tells, its worker is alive
    await let_leases_run_out(service)
    collected = await collect(service, **LATER)
    assert (collected.ingested, collected.in_doubt) == (1, 0)
    await finish(service)
    assert await statuses(service, wanted) == [JobStatus.DONE] * 3
    assert len(service.submissions()) == 1
    assert service.billed_rows("batch_item") == 3


async def test_a_batch_that_a_live_worker_holds_is_its_own_to_settle(service: Service, tmp_path: FilePath):
    job_id = await in_doubt(service, tmp_path)
    await hold(service, job_id, for_s=60)
    listed = len(service.simulator.requests("GET", BATCHES))
    await collect(service, **LATER)
    assert await states(service) == [BatchState.UNKNOWN]
    assert len(service.simulator.requests("GET", BATCHES)) == listed


async def test_a_batch_that_is_not_found_is_given_up_only_after_the_settling_time(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    job_id = await in_doubt(service, tmp_path)
    assert (await collect(service, batch_settle_s=60)).in_doubt == 1
    assert await states(service) == [BatchState.UNKNOWN]
    assert (await collect(service, **LATER)).in_doubt == 0
    assert await states(service) == [BatchState.ABANDONED]
    assert await statuses(service, [job_id]) == [JobStatus.QUEUED]
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert len(service.submissions()) == 2
    assert service.simulator.bill()["batches_created"] == 1


async def test_a_batch_is_not_given_up_while_one_of_its_size_still_runs(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "slow", seconds=60, match="foreign-")
    foreign_batch(service, "running")
    await in_doubt(service, tmp_path)
    assert (await collect(service, **LATER)).in_doubt == 1
    assert await states(service) == [BatchState.UNKNOWN]
    end_batches(service)
    assert (await collect(service, **LATER)).in_doubt == 0
    assert await states(service) == [BatchState.ABANDONED]


@pytest.mark.parametrize("changed", ["host", "key"])
async def test_a_doubt_is_not_settled_at_another_host_or_with_another_key(
    service: Service, tmp_path: FilePath, changed: str, caplog: pytest.LogCaptureFixture
):
    job_id = await in_doubt(service, tmp_path)
    localhost = service.simulator.url.replace("127.0.0.1", "localhost")
    other = {"base_url": localhost} if changed == "host" else {"api_key": SecretStr("sim-other")}
    collected = await collect(service, **LATER, **other)
    assert (collected.troubled, collected.ingested) == (1, 0)
    assert "so that the batch is found and not paid twice" in caplog.text
    assert await states(service) == [BatchState.UNKNOWN]
    assert len(service.submissions()) == 1
    await collect(service, **LATER)
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]


async def test_a_run_with_another_key_is_told_to_use_the_first_one(service: Service, tmp_path: FilePath):
    job_id = await in_doubt(service, tmp_path)
    with pytest.raises(BadInput, match="Run the job once with the key that it began with"):
        await service.carry_out(job_id, api_key=SecretStr("sim-other"))
    assert len(service.submissions()) == 1


async def test_trouble_with_one_batch_does_not_keep_the_next_from_being_ingested(service: Service, tmp_path: FilePath):
    wanted = await submit(
        service, summary(SINGLE, book(tmp_path, 2, "a.md")), summary(SINGLE, book(tmp_path, 10, "b.md"))
    )
    await sweep(service)
    service.simulator.faults("batches.retrieve", "not_found", times=6)  # all the patience that one look has
    collected = await collect(service)
    assert (collected.open, collected.troubled, collected.ingested) == (2, 1, 1)
    assert await statuses(service, wanted) == [JobStatus.WAITING, JobStatus.QUEUED]
    await finish(service)
    assert await statuses(service, wanted) == [JobStatus.DONE] * 2
    assert len(service.submissions()) == 2


async def test_a_look_that_began_too_early_proves_nothing_however_long_it_took(
    service: Service, tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
):
    """What was accepted while a long list was gone through need not be in it."""
    await in_doubt(service, tmp_path)
    look, now = doubts.look, runtime.now
    later = timedelta(0)

    async def slowly(batch: Batch) -> doubts.Look:
        nonlocal later
        seen = await look(batch)
        later = timedelta(minutes=5)
        return seen

    monkeypatch.setattr(doubts, "look", slowly)
    monkeypatch.setattr(runtime, "now", lambda: now() + later)
    assert (await collect(service, lease_s=0.001, batch_settle_s=60)).in_doubt == 1
    assert await states(service) == [BatchState.UNKNOWN]


async def test_a_batch_of_ours_that_still_runs_keeps_no_other_in_doubt(service: Service, tmp_path: FilePath):
    """Another row owns it, so it need not tell whose it is."""
    one, other = books(tmp_path, 2)
    service.simulator.faults("item", "slow", seconds=60, match="book-0")
    ids = await submit(service, summary(SINGLE, one))
    await sweep(service)
    service.simulator.faults("batches.create", "drop_before_accept")
    ids += await submit(service, summary(SINGLE, other))
    await sweep(service)
    assert await states(service) == [BatchState.SUBMITTED, BatchState.UNKNOWN]
    assert (await collect(service, **LATER)).in_doubt == 0
    assert await states(service) == [BatchState.SUBMITTED, BatchState.ABANDONED]
    end_batches(service)
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 2


async def test_a_batch_whose_jobs_are_still_being_written_down_is_not_given_up(service: Service, tmp_path: FilePath):
    """Its row comes before those of its requests, by which one sees who holds it."""
    async with service.opened() as rt:
        with transaction(rt.engine) as tx:
            batches.intend(
                tx,
                host=rt.claude.host,
                key_fingerprint=rt.claude.key_fingerprint,
                request_count=1,
                simulated=True,
                now=runtime.now(),
            )
    assert (await collect(service)).in_doubt == 1
    assert await states(service) == [BatchState.INTENDED]
    assert (await collect(service, **LATER)).in_doubt == 0
    assert await states(service) == [BatchState.ABANDONED]
