"""A batch whose id was lost is found in the API's list whatever stands beside it, and never posted a second time."""

from datetime import timedelta
from pathlib import Path as FilePath
from typing import Any

import pytest
from sqlalchemy import update

from storage.engine import transaction
from storage.tables import batches as batch_table
from tests.faults.collecting import LATER, in_doubt, states
from tests.faults.rounds import SINGLE, collect, end_batches, finish, statuses, submit, sweep
from tests.faults.support import Service, book, summary
from tests.faults.test_submission import foreign_batch
from throughline.domain.job import JobId, JobStatus
from throughline.domain.ledger import BatchState
from throughline.errors import AccessRefused

PAGE = 100  # batches that one page of the list holds


async def accepted_unseen(service: Service, tmp_path: FilePath) -> JobId:
    """A job whose batch was accepted, though its id never came back."""
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    service.simulator.faults("batches.create", "drop_after_accept")
    await sweep(service)
    assert await states(service) == [BatchState.UNKNOWN]
    return job_id


async def set_our_clock(service: Service, *, ahead_h: float) -> None:
    """As if the times of the ledger had been written by a clock that goes so far before the API's."""
    ahead = timedelta(hours=ahead_h)
    async with service.opened() as rt:
        with transaction(rt.engine) as tx:
            (row,) = tx.execute(batch_table.select()).all()
            times = {"intended_at": row.intended_at + ahead, "post_until": row.post_until + ahead}
            tx.execute(update(batch_table).values(times))


@pytest.mark.parametrize("ahead_h", [20, -20])
async def test_a_batch_is_adopted_though_our_clock_and_the_apis_differ_by_hours(
    service: Service, tmp_path: FilePath, ahead_h: float
):
    job_id = await accepted_unseen(service, tmp_path)
    await set_our_clock(service, ahead_h=ahead_h)
    collected = await collect(service, **LATER)
    assert (collected.ingested, collected.in_doubt) == (1, 0)
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert len(service.submissions()) == 1


@pytest.mark.parametrize("newer", [PAGE - 1, PAGE, PAGE + 1])
async def test_a_batch_is_adopted_on_whichever_side_of_a_page_of_the_list_it_stands(
    service: Service, tmp_path: FilePath, newer: int
):
    job_id = await accepted_unseen(service, tmp_path)
    for number in range(newer):
        foreign_batch(service, f"newer-{number}", items=2)
    assert (await collect(service, **LATER)).ingested == 1
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert service.billed_rows("batch_item") == 1 + 2 * newer


async def test_among_several_of_its_size_a_batch_is_found_though_one_of_them_cannot_be_read(
    service: Service, tmp_path: FilePath
):
    job_id = await accepted_unseen(service, tmp_path)
    foreign_batch(service, "unreadable")  # newer, so it is looked at first
    service.simulator.faults("batches.retrieve", "foreign_results_url")
    assert (await collect(service, **LATER)).ingested == 1
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert service.billed_rows("batch_item") == 2


@pytest.mark.parametrize(
    ("what", "args"),
    [
        pytest.param("status", {"times": 6, "status": 500}, id="server errors"),
        pytest.param("status", {"status": 429, "retry_after": 86_400}, id="busy for a day"),
        pytest.param("status", {"status": 403}, id="refused"),
        pytest.param("drop_before_accept", {"times": 6}, id="cut off"),
        pytest.param("not_found", {"times": 6}, id="denied"),
        pytest.param("page", {}, id="a gateway's page"),
    ],
)
async def test_another_programs_batch_that_cannot_be_read_for_a_while_does_not_hide_ours(
    service: Service, tmp_path: FilePath, what: str, args: dict[str, Any]
):
    job_id = await accepted_unseen(service, tmp_path)
    foreign_batch(service, "unreadable")  # newer, so it is looked at first
    service.simulator.faults("batches.results", what, **args)
    assert (await collect(service, **LATER)).ingested == 1
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert service.billed_rows("batch_item") == 2


async def test_a_key_that_may_not_list_batches_ends_the_look(service: Service, tmp_path: FilePath):
    await in_doubt(service, tmp_path)
    service.simulator.faults("batches.list", "status", status=403)
    with pytest.raises(AccessRefused):
        await collect(service, **LATER)
    assert await states(service) == [BatchState.UNKNOWN]
    service.heal()
    await finish(service)


@pytest.mark.parametrize("body", ["{}", '{"data": []}', "<html>Back soon.</html>"])
async def test_a_list_that_is_none_proves_nothing(service: Service, tmp_path: FilePath, body: str):
    job_id = await accepted_unseen(service, tmp_path)
    kind = "text/html" if body.startswith("<") else "application/json"
    service.simulator.faults("batches.list", "page", times=6, body=body, type=kind)
    assert (await collect(service, **LATER)).troubled == 1
    assert await states(service) == [BatchState.UNKNOWN]
    await collect(service, **LATER)
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert len(service.submissions()) == 1


async def test_a_stray_line_in_the_place_of_the_only_one_is_no_proof(service: Service, tmp_path: FilePath):
    """A file with as many lines as the batch has requests, and none of them ours, at the first reading alone."""
    job_id = await accepted_unseen(service, tmp_path)
    service.simulator.faults("batches.results", "foreign_custom_id", instead_of_last=True)
    assert (await collect(service, **LATER)).ingested == 1
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert service.billed_rows("batch_item") == 1


async def test_a_batch_that_was_found_to_be_anothers_is_not_read_again(service: Service, tmp_path: FilePath):
    await in_doubt(service, tmp_path)
    foreign_batch(service, "ended")
    service.simulator.faults("item", "slow", seconds=60, match="foreign-running")
    foreign_batch(service, "running")  # so that the doubt stays open
    for _ in range(3):
        assert (await collect(service, **LATER)).in_doubt == 1
    read = [asked for asked in service.simulator.requests("GET") if asked["path"].endswith("/results")]
    assert len(read) == 2  # a file of one line proves something only when it is the same at a second reading
    end_batches(service)
    await finish(service)


async def test_a_program_that_always_has_a_batch_of_our_size_under_way_keeps_no_doubt_open(
    service: Service, tmp_path: FilePath
):
    job_id = await in_doubt(service, tmp_path)
    service.simulator.faults("item", "slow", times=-1, seconds=60, match="foreign-")
    foreign_batch(service, "running")
    await collect(service, **LATER)
    assert await states(service) == [BatchState.UNKNOWN]
    await set_our_clock(service, ahead_h=-3 * 24)  # three days have passed, and it posts on
    await collect(service, **LATER)
    assert await states(service) == [BatchState.ABANDONED]
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]


async def test_a_batch_whose_results_expired_before_it_was_found_counts_as_lost_and_its_job_goes_on(
    service_on_each: Service, tmp_path: FilePath
):
    """After 29 days nobody can tell whose batch it was: the most that ours can have cost counts, as for a known one."""
    service = service_on_each
    service.losable_answers = 1
    job_id = await accepted_unseen(service, tmp_path)
    service.simulator.faults("batches.retrieve", "archived", times=-1)
    collected = await collect(service, **LATER)
    assert (collected.in_doubt, collected.troubled) == (0, 0)
    assert await states(service) == [BatchState.INGESTED]
    (report,) = await service.jobs()
    assert (len(service.submissions()), report.attempts[0].lost_calls) == (1, 1)
    assert report.attempts[0].lost_at_most_usd >= service.billed("batch_item") > 0
    service.heal()
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert len(service.submissions()) == 2


async def test_a_run_by_hand_goes_on_when_the_results_of_its_batch_expired_before_it_was_found(
    service: Service, tmp_path: FilePath
):
    service.losable_answers = 1
    job_id = await accepted_unseen(service, tmp_path)
    service.simulator.faults("batches.retrieve", "archived")
    report = await service.carry_out(job_id, batch_settle_s=0.0)
    assert report.status is JobStatus.DONE
    assert len(service.submissions()) == 2


async def test_another_programs_expired_batch_does_not_hide_ours(service: Service, tmp_path: FilePath):
    job_id = await accepted_unseen(service, tmp_path)
    foreign_batch(service, "expired")
    service.simulator.faults("batches.retrieve", "archived")  # newer, so it is looked at first
    assert (await collect(service, **LATER)).ingested == 1
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert (await service.job()).attempts[0].lost_calls == 0


async def test_a_batch_beside_which_nothing_of_its_size_stands_in_the_list_cost_nothing(
    service: Service, tmp_path: FilePath
):
    job_id = await in_doubt(service, tmp_path)
    foreign_batch(service, "larger", items=2)
    service.simulator.faults("batches.retrieve", "archived", times=-1)
    await collect(service, **LATER)
    assert await states(service) == [BatchState.ABANDONED]
    service.heal()
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
