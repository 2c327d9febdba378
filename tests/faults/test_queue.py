"""The queue: independent jobs share batches, no two workers take the same one, and a bad one harms no neighbour."""

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any

import pytest

from storage import jobs, leases, queue
from storage.engine import reading, transaction
from tasks import leasing, runtime, sending
from tasks.batches import Intent, Submission
from tasks.collecting import Collected, cancel_job
from tasks.registration import register
from tasks.sending import Swept
from tests.faults.collecting import LATER
from tests.faults.rounds import (
    BOTH,
    CHUNKED,
    SINGLE,
    at_once,
    batch_sizes,
    books,
    collect,
    finish,
    statuses,
    submit,
    sweep,
)
from tests.faults.support import Service, asked, attempt, book, summary
from throughline.domain.job import AttemptStatus, JobId, JobStatus, Role
from throughline.errors import BrokenOff

# All is well.


async def test_sweep_collect_and_sweep_again_bring_every_job_to_done(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    first, second, third, fourth = books(tmp_path, 4)
    ids = await submit(
        service, summary(SINGLE, first), summary(SINGLE, second), summary(CHUNKED, third), summary(BOTH, fourth)
    )
    await sweep(service)
    assert await statuses(service, ids[:3]) == [JobStatus.WAITING, JobStatus.WAITING, JobStatus.DONE]
    collected = await collect(service)
    assert (collected.open, collected.troubled) == (collected.ingested, 0)
    assert await statuses(service, ids[:2]) == [JobStatus.QUEUED, JobStatus.QUEUED]
    await sweep(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 4
    assert service.billed_rows("batch_item") == 3
    assert max(asked(service.calls()).values()) == 2  # once by each of the two chains


async def test_another_round_finds_nothing_to_do_and_sends_nothing(service: Service, tmp_path: FilePath):
    await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 2)))
    await finish(service)
    sent = len(service.simulator.requests("POST"))
    assert await sweep(service) == Swept()
    assert await collect(service) == Collected()
    assert len(service.simulator.requests("POST")) == sent


async def test_single_passes_of_one_size_class_share_a_batch(service: Service, tmp_path: FilePath):
    short, long = books(tmp_path, 3), books(tmp_path, 2, chapters=10, name="long")
    ids = await submit(service, *(summary(SINGLE, file) for file in (*short, *long)))
    swept = await sweep(service)
    assert batch_sizes(service) == [3, 2]
    assert (swept.claimed, swept.batches, swept.sent, swept.carried_out, swept.failed) == (5, 2, 5, 0, 0)
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 5
    assert batch_sizes(service) == [3, 2]


async def test_a_chunked_job_is_carried_out_by_the_sweep_itself(service: Service, tmp_path: FilePath):
    (job_id,) = await submit(service, summary(CHUNKED, book(tmp_path, 3)))
    swept = await sweep(service)
    assert (swept.sent, swept.carried_out) == (0, 1)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert service.submissions() == []


async def test_of_both_paths_one_travels_with_the_others_and_one_runs_here(service: Service, tmp_path: FilePath):
    first, second = books(tmp_path, 2)
    await submit(service, summary(SINGLE, first), summary(BOTH, second))
    swept = await sweep(service)
    assert batch_sizes(service) == [2]
    assert (swept.sent, swept.carried_out) == (2, 1)
    assert len(service.calls()) == 1
    await finish(service)
    assert all(report.status is JobStatus.DONE for report in await service.jobs())
    assert len(service.calls()) == 1


async def test_a_sweep_takes_the_oldest_jobs_and_no_more_than_its_limit(service: Service, tmp_path: FilePath):
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 5)))
    swept = await sweep(service, limit=2)
    assert swept.claimed == 2
    assert batch_sizes(service) == [2]
    assert await statuses(service, ids) == [JobStatus.WAITING] * 2 + [JobStatus.QUEUED] * 3
    await finish(service)


async def test_nobody_holds_a_job_that_waits(service: Service, tmp_path: FilePath):
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    await sweep(service)
    async with service.opened() as rt, leasing.held(job_id):
        with reading(rt.engine) as tx:
            assert jobs.get(tx, job_id).status is JobStatus.WAITING
    await finish(service)


async def test_a_job_that_was_cancelled_while_it_was_queued_is_not_sent(service: Service, tmp_path: FilePath):
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 2)))
    async with service.opened():
        await cancel_job(ids[0])
    await sweep(service)
    assert batch_sizes(service) == [1]
    assert await statuses(service, ids) == [JobStatus.CANCELLED, JobStatus.WAITING]
    await finish(service)


# One bad job among others.


async def test_a_refused_request_is_found_by_halving_and_the_others_travel(service: Service, tmp_path: FilePath):
    good = books(tmp_path, 4)
    bad = book(tmp_path, 2, "bad.md", sea="poisoned")
    ids = await submit(service, *(summary(SINGLE, file) for file in (*good[:1], bad, *good[1:])))
    service.simulator.faults("batches.create", "status", times=-1, match="poisoned", status=400)
    swept = await sweep(service)
    assert swept.sent == 4
    accepted = [body for body in service.submissions() if "poisoned" not in str(body)]
    assert sum(len(body["requests"]) for body in accepted) == 4
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 5  # the chain wrote the refused one
    refused = next(report for report in await service.jobs() if report.id == ids[1])
    assert attempt(refused, Role.PRIMARY).status is AttemptStatus.FAILED
    assert attempt(refused, Role.FALLBACK).status is AttemptStatus.COMPLETE
    assert service.billed_rows("batch_item") == 4


@pytest.mark.parametrize(
    ("what", "args"), [("status", {"status": 500}), ("drop_before_accept", {})], ids=["500", "dropped connection"]
)
async def test_a_request_on_which_the_api_breaks_is_soon_alone_and_left_to_the_chain(
    service: Service, tmp_path: FilePath, what: str, args: dict[str, Any]
):
    bad = book(tmp_path, 2, "bad.md", sea="poisoned")
    ids = await submit(service, *(summary(SINGLE, file) for file in (*books(tmp_path, 3), bad)))
    service.simulator.faults("batches.create", what, times=-1, match="poisoned", **args)
    for _ in range(6):
        await sweep(service)
        await collect(service, **LATER)
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 4
    assert Counter(batch_sizes(service)) == {4: 1, 2: 2, 1: 4}
    assert service.billed_rows("batch_item") == 3


async def test_a_request_whose_body_is_broken_off_is_found_by_halving_and_tried_again_in_the_next_sweep(
    service: Service, tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
):
    """As by a gateway that cuts what is too large for it."""
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 4)))
    posted = sending.batches.submit

    async def cut(intents: Sequence[Intent]) -> Submission:
        if ids[2] in {intent.job_id for intent in intents}:
            raise BrokenOff
        return await posted(intents)

    with monkeypatch.context() as gateway:
        gateway.setattr(sending.batches, "submit", cut)
        assert (await sweep(service)).sent == 3
    queued = await statuses(service, ids)
    assert queued == [JobStatus.WAITING, JobStatus.WAITING, JobStatus.QUEUED, JobStatus.WAITING]
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 4
    assert service.billed_rows("batch_item") == 4


async def test_an_api_that_takes_no_batch_for_a_day_is_asked_once_in_a_sweep(service: Service, tmp_path: FilePath):
    short, long = books(tmp_path, 2), books(tmp_path, 2, chapters=10, name="long")
    ids = await submit(service, *(summary(SINGLE, file) for file in (*short, *long)))
    service.simulator.faults("batches.create", "status", status=429, retry_after=86_400, times=-1)
    await sweep(service)
    assert len(service.submissions()) == 1
    assert await statuses(service, ids) == [JobStatus.QUEUED] * 4
    service.heal()
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 4


async def test_jobs_for_which_the_day_has_only_reserved_money_left_wait_until_it_is_settled(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 6)))
    daily: dict[str, Any] = {"daily_budget_usd": Decimal(4)}  # less than three caps of 300,000 tokens
    for _ in range(6):
        await sweep(service, **daily)
        await collect(service, **daily)
    assert await statuses(service, ids) == [JobStatus.DONE] * 6
    assert len(service.submissions()) > 1
    assert service.billed() <= 4


async def test_a_job_that_is_refused_on_both_paths_fails_alone_with_the_reason(service: Service, tmp_path: FilePath):
    (good,) = books(tmp_path, 1)
    bad = book(tmp_path, 2, "bad.md", sea="poisoned")
    ids = await submit(service, summary(SINGLE, bad), summary(SINGLE, good))
    for place in ("batches.create", "messages"):
        service.simulator.faults(place, "status", times=-1, match="poisoned", status=400, message="not like this")
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.FAILED, JobStatus.DONE]
    failed = next(report for report in await service.jobs() if report.id == ids[0])
    assert failed.cost_usd == 0
    assert failed.reason is not None
    assert "not like this" in failed.reason


async def test_a_job_over_its_budget_stops_and_the_others_travel(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    files = books(tmp_path, 3)
    ids = await submit(service, *(summary(SINGLE, file) for file in files))
    async with service.opened():  # the same request again may lower the limits
        await register(summary(SINGLE, files[1], budget_usd=Decimal("0.001")))
    swept = await sweep(service)
    assert (swept.sent, swept.failed) == (2, 1)
    assert batch_sizes(service) == [2]
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE, JobStatus.BUDGET, JobStatus.DONE]


async def test_a_model_that_nobody_describes_any_more_fails_its_job_alone(service: Service, tmp_path: FilePath):
    first, second, third = books(tmp_path, 3)
    described = {"unlisted_model": "own-model 200000 64000 1 5"}
    ids = await submit(service, summary(CHUNKED, first, model="own-model"), **described)
    ids += await submit(service, summary(SINGLE, second), summary(CHUNKED, third))
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.FAILED, JobStatus.DONE, JobStatus.DONE]
    failed = next(report for report in await service.jobs() if report.id == ids[0])
    assert failed.reason is not None
    assert "own-model" in failed.reason


async def test_a_chain_that_stops_leaves_the_other_chains_running(service: Service, tmp_path: FilePath):
    bad = book(tmp_path, 2, "bad.md", sea="poisoned")
    good = books(tmp_path, 3)
    ids = await submit(service, *(summary(CHUNKED, file) for file in (bad, *good)))
    service.simulator.faults("messages", "status", times=-1, match="poisoned", status=400)
    swept = await sweep(service)
    assert (swept.carried_out, swept.failed) == (3, 1)
    assert await statuses(service, ids) == [JobStatus.FAILED, *[JobStatus.DONE] * 3]


async def test_a_job_that_is_cancelled_while_its_batch_is_posted_harms_no_neighbour(
    service: Service, tmp_path: FilePath
):
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 3)))
    service.simulator.faults("batches.create", "hang", seconds=1.0)
    sweeping = asyncio.create_task(sweep(service))
    async with asyncio.timeout(20):
        while not service.submissions():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.005)
    async with service.opened():
        await cancel_job(ids[0])
    (swept,) = await asyncio.gather(sweeping, return_exceptions=True)
    left = await statuses(service, ids)
    await finish(service)
    assert isinstance(swept, Swept)
    assert left == [JobStatus.CANCELLED, JobStatus.WAITING, JobStatus.WAITING]
    assert await statuses(service, ids) == [JobStatus.CANCELLED, JobStatus.DONE, JobStatus.DONE]
    assert len(service.submissions()) == 1


async def test_items_that_brought_nothing_are_sent_once_more_and_then_left_to_the_chain(
    service: Service, tmp_path: FilePath
):
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 3)))
    service.simulator.faults("item", "expired", match="book-0")
    service.simulator.faults("item", "errored", times=2, match="book-1", type="overloaded_error")
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 3
    assert Counter(batch_sizes(service)) == {3: 1, 1: 2}
    reports = {report.id: report for report in await service.jobs()}
    assert [len(reports[job_id].attempts) for job_id in ids] == [1, 2, 1]
    assert attempt(reports[ids[1]], Role.FALLBACK).status is AttemptStatus.COMPLETE


# Several workers at once.


async def test_two_sweeps_at_once_never_take_the_same_job(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    single, chunked = books(tmp_path, 6), books(tmp_path, 4, name="chain")
    ids = await submit(service, *(summary(SINGLE, file) for file in single), *(summary(CHUNKED, f) for f in chunked))
    swept: list[Swept] = at_once(2, lambda: sweep(service, limit=5))
    assert sum(each.claimed for each in swept) == 10
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 10
    assert sum(batch_sizes(service)) == service.billed_rows("batch_item") == 6
    assert service.billed_rows("message") == 4


async def test_jobs_that_many_workers_claim_one_by_one_are_each_claimed_once(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 12)))

    async def claim_all() -> list[JobId]:
        mine: list[JobId] = []
        async with service.opened(), leasing.working():
            while claimed := await leasing.claim(1):
                mine += claimed
            all_claimed.wait()  # what a worker still holds at its end is given back
        return mine

    all_claimed = threading.Barrier(4)
    taken: list[list[JobId]] = at_once(4, claim_all)
    assert sorted(job_id for mine in taken for job_id in mine) == sorted(ids)


async def test_two_collects_at_once_save_each_result_once(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 6)))
    await sweep(service)
    at_once(3, lambda: collect(service))
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 6
    assert all(report.attempts[0].calls == 1 for report in await service.jobs())
    assert service.billed_rows("batch_item") == 6


async def test_a_job_that_a_dead_sweep_had_claimed_is_taken_when_its_lease_ran_out(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    async with service.opened() as rt:
        now = runtime.now()
        with transaction(rt.engine) as tx:
            until = now + timedelta(hours=1)
            assert queue.claim(tx, owner="elsewhere:1:x", until=until, now=now, limit=1, simulated=True) == [job_id]
    assert (await sweep(service)).claimed == 0
    async with service.opened() as rt:
        with transaction(rt.engine) as tx:
            leases.renew(tx, owner="elsewhere:1:x", until=now)
    assert (await sweep(service)).claimed == 1
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
