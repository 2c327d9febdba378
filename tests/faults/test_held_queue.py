"""A queue that cannot be sent now: nothing is lost, nothing is sent twice, and the money of a day is kept to."""

from collections import Counter
from decimal import Decimal
from pathlib import Path as FilePath

import pytest

from tests.faults.rounds import (
    BOTH,
    CHUNKED,
    SINGLE,
    at_once,
    batch_sizes,
    books,
    collect,
    end_batches,
    finish,
    statuses,
    submit,
    sweep,
)
from tests.faults.support import Service, book, summary
from throughline.domain.job import JobStatus, PathChoice
from throughline.errors import AccessRefused, SpendLimitReached

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


@pytest.mark.parametrize("path", EACH_PATH)
@pytest.mark.parametrize(
    "said",
    [
        "You have reached your specified workspace API usage limits.",
        "Your credit balance is too low to access the API.",
    ],
)
async def test_a_limit_of_the_account_that_comes_as_a_bad_request_fails_no_job(
    service: Service, tmp_path: FilePath, path: PathChoice, said: str
):
    ids = await submit(service, *(summary(path, file) for file in books(tmp_path, 3)))
    for place in ("batches.create", "messages"):
        service.simulator.faults(place, "status", times=-1, status=400, message=said)
    with pytest.raises(SpendLimitReached, match=said):
        await sweep(service)
    assert len(service.submissions()) <= 1
    assert await statuses(service, ids) == [JobStatus.QUEUED] * 3
    service.heal()
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 3


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
    assert found[JobStatus.QUEUED] == 4 - len(caps) >= 1
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 4


@pytest.mark.parametrize("path", [SINGLE, CHUNKED])
async def test_a_day_that_is_spent_stops_the_jobs_that_are_left_and_those_that_fit_are_done(
    service_on_each: Service, tmp_path: FilePath, path: PathChoice
):
    service = service_on_each
    daily = Decimal("0.03") if path is SINGLE else Decimal("0.06")
    ids = await submit(service, *(summary(path, file) for file in books(tmp_path, 4)))
    for _ in range(8):
        await sweep(service, daily_budget_usd=daily)
        await collect(service, daily_budget_usd=daily)
    found = Counter(await statuses(service, ids))
    assert found.keys() == {JobStatus.DONE, JobStatus.BUDGET}
    assert daily / 2 < service.billed() <= daily


async def test_sweeps_at_once_cannot_pass_the_budget_of_the_day_together(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    daily = Decimal("0.40")
    await submit(service, *(summary(CHUNKED, file) for file in books(tmp_path, 6, chapters=8)))
    at_once(3, lambda: sweep(service, limit=2, daily_budget_usd=daily))
    assert 0 < service.billed() <= daily
    assert {JobStatus.BUDGET, JobStatus.QUEUED} & {report.status for report in await service.jobs()}
