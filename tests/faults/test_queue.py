"""The queue: independent jobs share batches, no two workers take the same one, and a bad one harms no neighbour."""

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any

import httpx
import pytest

from storage import jobs, leases, queue
from storage.engine import reading, transaction
from tasks import leasing, runtime
from tasks.collecting import Collected, cancel_job, collect_once
from tasks.flow_runs import NoFlowRuns
from tasks.registration import Request, register
from tasks.sending import Swept, enqueue, sweep_queue
from tests.faults.support import BATCHES, Service, asked, attempt, book, summary
from tests.servers import SIMULATED_KEY
from throughline.domain.job import AttemptStatus, JobId, JobStatus, PathChoice, Role
from throughline.errors import AccessRefused, SpendLimitReached

SINGLE, CHUNKED, BOTH = PathChoice.SINGLE_PASS, PathChoice.CHUNKED, PathChoice.BOTH


async def submit(service: Service, *requests: Request, **settings: Any) -> list[JobId]:
    """What `throughline submit` does with each."""
    async with service.opened(**settings):
        ids = [(await register(request)).id for request in requests]
        for job_id in ids:
            await enqueue(job_id)
        return ids


async def sweep(service: Service, limit: int = 1_000, **settings: Any) -> Swept:
    """One round of the sweep, as a new worker."""
    async with service.opened(**settings):
        return await sweep_queue(limit)


async def collect(service: Service, **settings: Any) -> Collected:
    """One round of collecting, without a Prefect server."""
    async with service.opened(**settings):
        return await collect_once(NoFlowRuns())


async def finish(service: Service) -> None:
    """Rounds of one worker until nothing is open and nothing is queued."""
    async with service.opened():
        for _ in range(4):
            await sweep_queue(1_000)
            collected = await collect_once(NoFlowRuns())
            if not (collected.open or collected.requeued):
                return


async def statuses(service: Service, ids: Sequence[JobId]) -> list[JobStatus]:
    found = {report.id: report.status for report in await service.jobs()}
    return [found[job_id] for job_id in ids]


def books(folder: FilePath, count: int, *, chapters: int = 2, name: str = "book") -> list[str]:
    """Documents that differ, so that each makes a job of its own."""
    return [book(folder, chapters, f"{name}-{number}.md", sea=f"{name}-{number}") for number in range(count)]


def batch_sizes(service: Service) -> list[int]:
    """How many requests each POST carried."""
    return [len(body["requests"]) for body in service.submissions()]


def end_batches(service: Service) -> None:
    """Every batch that still runs is stopped, as by a person in the console: it ends, and its items brought nothing."""
    headers = {"x-api-key": SIMULATED_KEY}
    with httpx.Client(base_url=service.simulator.url, headers=headers, verify=False, trust_env=False) as http:
        for batch in http.get(BATCHES).raise_for_status().json()["data"]:
            http.post(f"{BATCHES}/{batch['id']}/cancel").raise_for_status()


def at_once(count: int, work: Any) -> list[Any]:
    """Run so many workers at the same moment, each in a thread with a loop of its own."""
    gate = threading.Barrier(count)

    def one(_: int) -> Any:
        gate.wait()
        return asyncio.run(work())

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


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


# Nothing can be sent now.


EACH_PATH = [SINGLE, CHUNKED, BOTH]


@pytest.mark.parametrize("path", EACH_PATH)
async def test_a_job_stays_queued_while_the_api_stays_busy(service: Service, tmp_path: FilePath, path: PathChoice):
    (job_id,) = await submit(service, summary(path, book(tmp_path, 2)))
    for place in ("batches.create", "messages"):
        service.simulator.faults(place, "status", times=-1, status=529)
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.QUEUED]
    assert service.billed() == 0
    service.heal()
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]


@pytest.mark.parametrize("path", EACH_PATH)
async def test_a_job_stays_queued_while_the_key_is_wrong(service: Service, tmp_path: FilePath, path: PathChoice):
    (job_id,) = await submit(service, summary(path, book(tmp_path, 2)))
    service.simulator.faults("batches.create", "status", status=401, times=-1)
    service.simulator.faults("messages", "status", status=401, times=-1)
    with pytest.raises(AccessRefused):
        await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.QUEUED]
    assert service.billed() == 0
    service.heal()
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]


async def test_a_spend_limit_stops_the_sweep_and_leaves_the_job_queued(service: Service, tmp_path: FilePath):
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    service.simulator.faults("batches.create", "status", status=429, error_code="enforced_spend_limit_reached")
    with pytest.raises(SpendLimitReached):
        await sweep(service)
    assert len(service.submissions()) == 1
    assert await statuses(service, [job_id]) == [JobStatus.QUEUED]


async def test_after_a_refused_key_the_next_sweep_takes_every_job_at_once(service: Service, tmp_path: FilePath):
    short, long, chain = book(tmp_path, 2, "a.md"), book(tmp_path, 10, "b.md"), book(tmp_path, 2, "c.md", sea="red")
    await submit(service, summary(SINGLE, short), summary(SINGLE, long), summary(CHUNKED, chain))
    service.simulator.faults("batches.create", "status", status=401)
    with pytest.raises(AccessRefused):
        await sweep(service)
    again = await sweep(service)
    await collect(service)
    assert again.claimed == 3


# A POST in doubt.


async def test_a_batch_in_doubt_lets_its_jobs_wait_and_collecting_adopts_it(service: Service, tmp_path: FilePath):
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 3)))
    service.simulator.faults("batches.create", "drop_after_accept")
    await sweep(service)
    assert await statuses(service, ids) == [JobStatus.WAITING] * 3
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 3
    assert batch_sizes(service) == [3]


@pytest.mark.parametrize("path", [SINGLE, BOTH])
async def test_a_batch_in_doubt_does_not_hold_the_sweep_until_it_ends(
    service: Service, tmp_path: FilePath, path: PathChoice
):
    (job_id,) = await submit(service, summary(path, book(tmp_path, 2)))
    service.simulator.faults("batches.create", "drop_after_accept")
    service.simulator.faults("item", "slow", seconds=60, match='"custom_id"')
    await sweep(service)
    assert (await collect(service)).in_doubt == 1  # the sweep is back, and the batch still runs
    end_batches(service)
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert service.simulator.bill()["batches_created"] == 2  # the one that was adopted brought nothing


# Money.


async def test_a_group_of_jobs_shares_the_budget_of_the_day(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    daily = Decimal("0.10")
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 4)))
    await sweep(service, daily_budget_usd=daily)
    assert service.billed() <= daily
    caps = [item["params"]["max_tokens"] for body in service.submissions() for item in body["requests"]]
    assert sum(caps) * Decimal("0.000005") <= daily
    found = Counter(await statuses(service, ids))
    assert found[JobStatus.WAITING] == len(caps) >= 1
    assert found[JobStatus.BUDGET] == 4 - len(caps) >= 1
    await finish(service)
    assert Counter(await statuses(service, ids)) == {JobStatus.DONE: len(caps), JobStatus.BUDGET: 4 - len(caps)}


async def test_sweeps_at_once_cannot_pass_the_budget_of_the_day_together(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    daily = Decimal("0.40")
    await submit(service, *(summary(CHUNKED, file) for file in books(tmp_path, 6, chapters=8)))
    at_once(3, lambda: sweep(service, limit=2, daily_budget_usd=daily))
    assert 0 < service.billed() <= daily
    assert JobStatus.BUDGET in {report.status for report in await service.jobs()}
