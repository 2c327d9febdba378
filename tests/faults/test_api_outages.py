"""An API that is away, overloaded or in denial, and results files that are cut: what was paid for is saved, once."""

import time
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

import httpx
import pytest

from tests.faults.collecting import states
from tests.faults.rounds import CHUNKED, SINGLE, books, collect, finish, statuses, submit, sweep
from tests.faults.support import BATCHES, Service, attempt, book, summary
from tests.servers import SIMULATED_KEY
from throughline.domain.job import JobStatus, PathChoice, Role
from throughline.domain.ledger import BatchState
from throughline.errors import BatchUnknown, Retryable

# The API.


@pytest.mark.parametrize("path", [SINGLE, CHUNKED])
async def test_a_retry_after_of_a_day_is_not_waited_for_and_costs_nothing(
    service: Service, tmp_path: FilePath, path: PathChoice
):
    wanted = summary(path, book(tmp_path, 2))
    for place in ("batches.create", "messages"):
        service.simulator.faults(place, "status", status=429, retry_after=86_400)
    before = time.monotonic()
    with pytest.raises(Retryable):
        await service.run(wanted)
    assert time.monotonic() - before < 5
    assert len(service.submissions()) + len(service.calls()) == 1
    assert service.billed() == (await service.job()).cost_usd == 0
    assert (await service.run(wanted)).status is JobStatus.DONE


async def test_a_single_pass_that_is_refused_by_a_busy_api_again_and_again_is_never_left_to_the_dearer_chain(
    service: Service, tmp_path: FilePath
):
    wanted = summary(SINGLE, book(tmp_path, 2))
    service.simulator.faults("batches.create", "status", times=4, status=429, retry_after=86_400)
    for _ in range(4):
        with pytest.raises(Retryable):
            await service.run(wanted)
    report = await service.run(wanted)
    assert (report.status, len(report.attempts)) == (JobStatus.DONE, 1)
    assert (service.billed_rows("batch_item"), service.billed_rows("message")) == (1, 0)


@pytest.mark.parametrize("path", [SINGLE, CHUNKED])
async def test_an_api_that_is_overloaded_beyond_our_patience_is_paid_nothing_and_the_job_goes_on_later(
    service: Service, tmp_path: FilePath, path: PathChoice
):
    wanted = summary(path, book(tmp_path, 2))
    for place in ("batches.create", "messages"):
        service.simulator.faults(place, "status", times=6, status=529)
    with pytest.raises(Retryable):
        await service.run(wanted)
    assert service.billed() == 0
    assert (await service.run(wanted)).status is JobStatus.DONE
    assert service.billed_rows("batch_item" if path is SINGLE else "message") == 1


@pytest.mark.parametrize(
    ("what", "args"),
    [("status", {"status": 529}), ("status", {"status": 500}), ("drop_before_accept", {}), ("drop_after_accept", {})],
    ids=["overloaded", "server error", "cut off", "cut off late"],
)
async def test_polling_outlives_an_outage_that_is_longer_than_our_patience(
    service: Service, tmp_path: FilePath, what: str, args: dict[str, Any]
):
    service.simulator.faults("batches.retrieve", what, times=40, **args)
    report = await service.run(summary(SINGLE, book(tmp_path, 2)))
    assert report.status is JobStatus.DONE
    assert len(service.submissions()) == 1


async def test_a_batch_that_is_denied_for_long_is_reported_and_never_sent_again(service: Service, tmp_path: FilePath):
    wanted = summary(SINGLE, book(tmp_path, 2))
    service.simulator.faults("batches.retrieve", "not_found", times=-1)
    before = time.monotonic()
    with pytest.raises(BatchUnknown, match="nothing is sent again"):
        await service.run(wanted, batch_unknown_s=0.4)
    assert time.monotonic() - before > 0.4
    assert (await service.job()).status is JobStatus.FAILED
    with pytest.raises(BatchUnknown):
        await service.run(wanted, batch_unknown_s=0)
    service.heal()
    assert (await service.run(wanted)).status is JobStatus.DONE
    assert len(service.submissions()) == 1


async def test_a_denial_that_passes_is_forgotten(service: Service, tmp_path: FilePath):
    """Two short denials are not one long one."""
    service.simulator.faults("item", "slow", seconds=0.8)
    service.simulator.faults("batches.retrieve", "not_found", times=6)
    service.simulator.faults("batches.retrieve", "not_found", times=6, skip=12)
    report = await service.run(summary(SINGLE, book(tmp_path, 2)), batch_unknown_s=0.2)
    assert report.status is JobStatus.DONE


async def test_collecting_leaves_the_job_of_a_denied_batch_waiting(service: Service, tmp_path: FilePath):
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    await sweep(service)
    service.simulator.faults("batches.retrieve", "not_found", times=-1)
    for _ in range(2):
        assert (await collect(service)).troubled == 1
        await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.WAITING]
    service.heal()
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert len(service.submissions()) == 1


async def test_results_that_are_denied_for_a_moment_do_not_stop_a_job(service: Service, tmp_path: FilePath):
    service.simulator.faults("batches.results", "not_found")
    report = await service.run(summary(SINGLE, book(tmp_path, 2)))
    assert report.status is JobStatus.DONE
    assert len(service.submissions()) == 1


async def test_results_that_are_denied_for_longer_leave_their_job_waiting(service: Service, tmp_path: FilePath):
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    await sweep(service)
    service.simulator.faults("batches.results", "not_found", times=-1)
    assert (await collect(service)).troubled == 1
    assert await statuses(service, [job_id]) == [JobStatus.WAITING]
    service.heal()
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert len(service.submissions()) == 1


async def test_an_ended_batch_whose_results_are_not_named_yet_does_not_stop_a_job(service: Service, tmp_path: FilePath):
    service.simulator.faults("batches.retrieve", "no_results_url", skip=1)  # the first look sees that it has ended
    report = await service.run(summary(SINGLE, book(tmp_path, 2)))
    assert report.status is JobStatus.DONE


@pytest.mark.parametrize("place", ["batches.create", "batches.list", "batches.retrieve", "batches.results"])
async def test_a_gateways_page_in_place_of_an_answer_stops_no_job(service: Service, tmp_path: FilePath, place: str):
    if place == "batches.list":  # which is asked only where a batch is in doubt
        service.simulator.faults("batches.create", "drop_after_accept")
    service.simulator.faults(place, "page", skip=int(place == "batches.list"))  # the first one looks for the endpoint
    report = await service.run(summary(SINGLE, book(tmp_path, 2)))
    assert report.status is JobStatus.DONE
    assert service.billed_rows("batch_item") == 1


async def test_a_gateways_page_about_one_batch_does_not_keep_another_from_being_ingested(
    service: Service, tmp_path: FilePath
):
    for name in ("one.md", "other.md"):
        await submit(service, summary(SINGLE, book(tmp_path, 2, name)))
        await sweep(service)
    service.simulator.faults("batches.retrieve", "page", times=6)  # all the patience that one look has
    assert (await collect(service)).ingested == 1
    assert sorted(await states(service)) == [BatchState.INGESTED, BatchState.SUBMITTED]
    await finish(service)


async def test_results_for_which_the_api_wants_a_day_are_asked_for_once_in_a_pass(service: Service, tmp_path: FilePath):
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    await sweep(service)
    service.simulator.faults("batches.results", "status", status=429, retry_after=86_400, times=-1)
    assert (await collect(service)).troubled == 1
    assert times_read(service) == 1
    service.heal()
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]


async def test_results_that_the_api_has_deleted_are_recorded_as_lost_before_anything_is_asked_again(
    service: Service, tmp_path: FilePath
):
    """After 29 days: the answer was paid, so the most that it can have cost counts, and the job still gets done."""
    service.losable_answers = 1
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    await sweep(service)
    service.simulator.faults("batches.retrieve", "archived", times=-1)
    while await states(service) != [BatchState.INGESTED]:
        await collect(service)
    (report,) = await service.jobs()
    assert (len(service.submissions()), report.attempts[0].lost_calls) == (1, 1)
    service.heal()
    await finish(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]
    assert len(service.submissions()) == 2


# Results files.


def line_ends(service: Service) -> list[int]:
    """Where the lines of the only batch's results end, in bytes."""
    headers = {"x-api-key": SIMULATED_KEY}
    with httpx.Client(base_url=service.simulator.url, headers=headers, verify=False, trust_env=False) as http:
        (batch,) = http.get(BATCHES).raise_for_status().json()["data"]
        body = http.get(f"{BATCHES}/{batch['id']}/results").raise_for_status().content
    return [position + 1 for position, byte in enumerate(body) if byte == ord("\n")]


def times_read(service: Service) -> int:
    """How often the results of any batch were asked for."""
    return sum(received["path"].endswith("/results") for received in service.simulator.requests("GET"))


DAMAGES: dict[str, Callable[[list[int]], dict[str, Any]]] = {
    "in the second line": lambda ends: {"after_bytes": ends[0] + 40},
    "in the last line": lambda ends: {"after_bytes": ends[-1] - 40},
    "between two lines, ended in order": lambda ends: {"after_bytes": ends[1], "clean": True},
    "before the first line": lambda _: {"after_bytes": 0, "clean": True},
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_results_file_that_is_cut_is_read_again(service: Service, tmp_path: FilePath, damage: str):
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 4)))
    await sweep(service)
    cut = DAMAGES[damage](line_ends(service))
    service.simulator.faults("batches.results", "cut_stream", times=1 if cut.get("clean") else 2, **cut)
    assert (await collect(service)).ingested == 1
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 4
    assert len(service.submissions()) == 1


async def test_what_a_cut_results_file_did_bring_is_kept_and_the_rest_is_never_taken_for_lost(
    service: Service, tmp_path: FilePath
):
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 4)))
    await sweep(service)
    service.simulator.faults("batches.results", "cut_stream", times=-1, after_bytes=line_ends(service)[1], clean=True)
    assert (await collect(service)).troubled == 1
    attempts = [report.attempts[0] for report in await service.jobs()]
    assert sorted(each.open_calls for each in attempts) == [0, 0, 1, 1]
    assert sorted(await statuses(service, ids)) == [JobStatus.QUEUED] * 2 + [JobStatus.WAITING] * 2
    service.heal()
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 4
    assert len(service.submissions()) == 1


@pytest.mark.parametrize("what", ["duplicate_results", "foreign_custom_id", "odd_line"])
async def test_lines_that_come_twice_or_belong_to_others_or_cannot_be_read_change_nothing(
    service_on_each: Service, tmp_path: FilePath, what: str
):
    service = service_on_each
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 4)))
    await sweep(service)
    service.simulator.faults("batches.results", what)
    collected = await collect(service)
    assert (collected.ingested, collected.troubled) == (1, 0)
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 4
    assert all(report.attempts[0].calls == 1 for report in await service.jobs())


@pytest.mark.parametrize("what", ["duplicate_results", "foreign_custom_id", "odd_line"])
async def test_a_line_that_comes_twice_or_belongs_to_others_never_stands_for_one_that_is_missing(
    service: Service, tmp_path: FilePath, what: str
):
    """The file has as many lines as the batch has requests, and all the same one answer is not there."""
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 4)))
    await sweep(service)
    service.simulator.faults("batches.results", what, times=-1, instead_of_last=True)
    assert (await collect(service)).troubled == 1
    assert times_read(service) == 2  # it may be large, and the next pass reads it again
    assert await states(service) == [BatchState.ENDED]
    attempts = [report.attempts[0] for report in await service.jobs()]
    assert sorted((each.open_calls, each.lost_calls) for each in attempts) == [(0, 0)] * 3 + [(1, 0)]
    service.heal()
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 4
    assert len(service.submissions()) == 1


async def test_each_answer_goes_to_its_own_job_in_whatever_order_they_come(service: Service, tmp_path: FilePath):
    """The simulator never keeps the order of the requests; another job's quotes would be missing in one's own book."""
    await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 6)))
    await sweep(service)
    await collect(service)
    await finish(service)
    for report in await service.jobs():
        found = attempt(report, Role.PRIMARY).citations
        assert found.verified > 0
        assert (found.altered, found.missing) == (0, 0)
