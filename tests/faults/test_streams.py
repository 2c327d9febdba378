"""A streamed answer that breaks: its complete units are kept, being paid for, and only the rest is asked for again."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path as FilePath

import pytest

from storage import attempts, calls
from storage.calls import Call
from storage.engine import reading
from tests.faults.outages import gone
from tests.faults.support import Service, asked, attempt, book, ids, request, summary
from tests.servers import ROOT, SIMULATED_KEY, Simulator, running_simulator
from throughline.domain.job import JobId, JobStatus, Kind, PathChoice, Role
from throughline.domain.ledger import CallState

CHUNKED = PathChoice.CHUNKED
AT_ONCE = {"partial_save_s": 0.0}


@pytest.fixture(scope="module")
def pacing() -> Iterator[Simulator]:
    """Speaks at a pace: a link of eight units takes most of a second."""
    with running_simulator("--batch-seconds", "0", "--tokens-per-second", "20000") as simulator:
        yield simulator


@pytest.fixture
async def paced(pacing: Simulator, sqlite_url: str) -> AsyncIterator[Service]:
    """The service with a model that speaks at a pace."""
    pacing.reset()
    service = Service(simulator=pacing, database_url=sqlite_url)
    yield service
    await service.balance()


async def ledger(service: Service) -> tuple[list[Call], frozenset[str]]:
    """The calls of the only job's first attempt, and the units that are saved."""
    (job,) = await service.jobs()
    async with service.opened() as rt:
        with reading(rt.engine) as tx:
            found = attempts.of_job(tx, job.id)
            if not found:
                return [], frozenset()
            return calls.of_attempt(tx, found[0].id), attempts.unit_ids(tx, found[0].id)


async def saved_units(service: Service, at_least: int) -> frozenset[str]:
    """Wait until so many units of the answer under way are saved."""
    async with asyncio.timeout(20):
        while len(units := (await ledger(service))[1]) < at_least:  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(0.01)
    return units


@contextlib.asynccontextmanager
async def running(service: Service, job_id: JobId) -> AsyncGenerator["asyncio.Task[object]"]:
    """The job is being carried out meanwhile; at the end its process is interrupted if it still works."""
    task: asyncio.Task[object] = asyncio.create_task(service.carry_out(job_id, chain_concurrency=1, **AT_ONCE))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def rest(kept: frozenset[str], last: int) -> dict[str, int]:
    return dict.fromkeys((unit_id for unit_id in ids(1, last) if unit_id not in kept), 1)


# The connection breaks.


async def test_a_link_that_breaks_keeps_its_complete_units_and_only_the_rest_is_asked_again(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    service.losable_answers = 1
    service.simulator.faults("messages", "cut_stream", after_chars=25_000)
    report = await service.run(summary(CHUNKED, book(tmp_path, 8)))
    assert report.status is JobStatus.DONE
    (broken, second, *_), units = await ledger(service)
    assert (broken.state, second.state) == (CallState.LOST, CallState.RECORDED)
    assert broken.delivered == frozenset(ids(1, len(broken.delivered)))
    assert 1 <= len(broken.delivered) <= 7
    assert asked(service.calls()[1:]) == rest(broken.delivered, 8)
    assert units == frozenset(ids(1, 8))


async def test_a_link_that_breaks_before_its_first_unit_is_whole_delivers_nothing(service: Service, tmp_path: FilePath):
    service.losable_answers = 1
    service.simulator.faults("messages", "cut_stream", after_chars=300)
    assert (await service.run(summary(CHUNKED, book(tmp_path, 2)))).status is JobStatus.DONE
    (broken, *_), _ = await ledger(service)
    assert (broken.state, broken.delivered) == (CallState.LOST, frozenset())
    assert asked(service.calls()[1:]) == rest(frozenset(), 2)


async def test_a_chain_that_breaks_twice_asks_each_time_for_less(service: Service, tmp_path: FilePath):
    service.losable_answers = 2
    service.simulator.faults("messages", "cut_stream", times=2, after_chars=15_000)
    assert (await service.run(summary(CHUNKED, book(tmp_path, 8)))).status is JobStatus.DONE
    (first, second, *_), units = await ledger(service)
    assert first.delivered
    assert second.delivered
    assert not first.delivered & second.delivered
    assert asked(service.calls()[1:2]) == rest(first.delivered, 8)
    assert asked(service.calls()[2:]) == rest(first.delivered | second.delivered, 8)
    assert units == frozenset(ids(1, 8))


async def test_a_broken_link_that_was_to_plan_the_outline_keeps_nothing(service: Service, tmp_path: FilePath):
    """Which units count is not known before the whole outline is."""
    service.losable_answers = 1
    service.simulator.faults("messages", "cut_stream", after_chars=400)
    report = await service.run(request(Kind.RESEARCH_REPORT, CHUNKED, [book(tmp_path, 3)]))
    assert report.status is JobStatus.DONE
    (broken, *_), _ = await ledger(service)
    assert (broken.state, broken.delivered) == (CallState.LOST, frozenset())
    first, again, *_ = service.calls()
    assert first == again


async def test_what_a_broken_answer_may_have_cost_is_shown_beside_what_is_known(service: Service, tmp_path: FilePath):
    service.losable_answers = 1
    service.simulator.faults("messages", "cut_stream", after_chars=25_000)
    report = await service.run(summary(CHUNKED, book(tmp_path, 8)))
    only = attempt(report, Role.PRIMARY)
    assert (only.units, only.lost_calls) == (8, 1)
    assert only.cost_usd < service.billed() <= only.cost_usd + only.lost_at_most_usd


# While the answer still comes.


async def test_units_are_saved_while_their_answer_still_comes(paced: Service, tmp_path: FilePath):
    job_id = await paced.register(summary(CHUNKED, book(tmp_path, 8)))
    async with running(paced, job_id) as task:
        await saved_units(paced, 2)
        (call,), _ = await ledger(paced)
        (told,) = (await paced.job()).attempts
        assert not task.done()
        await task
    assert call.state is CallState.RECEIVED
    assert (told.open_calls, told.lost_calls) == (1, 0)  # its reservation is shown as open
    assert told.open_at_most_usd > 0
    (call,), units = await ledger(paced)
    assert (call.state, call.delivered) == (CallState.RECORDED, frozenset(ids(1, 8)))
    assert units == call.delivered


async def test_without_hurry_a_short_answer_is_saved_once_as_a_whole(paced: Service, tmp_path: FilePath):
    job_id = await paced.register(summary(CHUNKED, book(tmp_path, 4)))
    task = asyncio.create_task(paced.carry_out(job_id, partial_save_s=60.0))
    seen: set[int] = set()
    while not task.done():
        seen.add(len((await ledger(paced))[1]))
        await asyncio.sleep(0.01)
    await task
    assert seen <= {0, 4}


async def test_a_refusal_at_the_end_takes_back_the_units_that_were_saved_on_the_way(paced: Service, tmp_path: FilePath):
    paced.simulator.faults("item", "refusal", times=-1, after_units=6)
    job_id = await paced.register(summary(CHUNKED, book(tmp_path, 8)))
    async with running(paced, job_id) as task:
        await saved_units(paced, 2)
        await task
    report = await paced.job()
    assert report.status is JobStatus.ESCALATED
    (only,) = report.attempts
    assert only.units == 0
    assert only.wasted_tokens == only.usage.output_tokens
    found, units = await ledger(paced)
    assert {call.state for call in found} == {CallState.RECORDED}
    assert all(not call.delivered for call in found)
    assert units == frozenset()


async def test_what_a_refusal_took_back_is_written_by_the_next_link(paced: Service, tmp_path: FilePath):
    paced.simulator.faults("item", "refusal", after_units=6)
    job_id = await paced.register(summary(CHUNKED, book(tmp_path, 8)))
    async with running(paced, job_id) as task:
        await saved_units(paced, 2)
        await task
    report = await paced.job()
    found, units = await ledger(paced)
    assert report.status is JobStatus.DONE
    assert units == frozenset(ids(1, 8))
    assert found[0].delivered == frozenset()
    assert asked(paced.calls()) == dict.fromkeys(ids(1, 8), 2)


# The process dies.


async def test_an_interrupted_process_keeps_what_was_saved_on_the_way(paced: Service, tmp_path: FilePath):
    paced.losable_answers = 1
    job_id = await paced.register(summary(CHUNKED, book(tmp_path, 8)))
    async with running(paced, job_id) as task:
        await saved_units(paced, 3)
        assert not task.done()
    sent = len(paced.calls())
    assert (await paced.carry_out(job_id)).status is JobStatus.DONE
    (broken, *_), _ = await ledger(paced)
    assert broken.state is CallState.LOST
    assert len(broken.delivered) >= 3
    assert asked(paced.calls()[sent:]) == rest(broken.delivered, 8)


async def test_an_interrupted_process_keeps_what_is_complete_between_two_savings(service: Service, tmp_path: FilePath):
    service.losable_answers = 1
    service.simulator.faults("messages", "cut_stream", after_chars=25_000, silent_seconds=60)
    job_id = await service.register(summary(CHUNKED, book(tmp_path, 8)))
    task: asyncio.Task[object] = asyncio.create_task(service.carry_out(job_id, partial_save_s=3600))
    async with asyncio.timeout(20):
        while not any(not row["delivered"] for row in service.simulator.bill()["rows"]):  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)  # what was sent arrives
    assert (await ledger(service))[1] == frozenset()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    kept = (await ledger(service))[1]
    assert len(kept) >= 3
    assert (await service.carry_out(job_id)).status is JobStatus.DONE
    assert asked(service.calls()[1:]) == rest(kept, 8)


async def test_a_process_that_is_killed_in_an_answer_keeps_what_was_saved_on_the_way(
    paced: Service, tmp_path: FilePath
):
    paced.losable_answers = 1
    job_id = await paced.register(summary(CHUNKED, book(tmp_path, 8)))
    await killed(paced, job_id, tmp_path, when=lambda kept: len(kept) >= 3)
    (broken,), kept = await ledger(paced)
    assert broken.state is CallState.RECEIVED
    report = await paced.carry_out(job_id)
    assert report.status is JobStatus.DONE
    (broken, *_), units = await ledger(paced)
    assert (broken.state, broken.delivered) == (CallState.LOST, kept)
    assert asked(paced.calls()[1:]) == rest(kept, 8)
    assert units == frozenset(ids(1, 8))


async def killed(service: Service, job_id: JobId, folder: FilePath, *, when: Callable[[frozenset[str]], bool]) -> None:
    """`throughline resume` in a process of its own, killed with SIGKILL in the middle of an answer."""
    environment = {
        "PYTHONPATH": str(ROOT),
        "ANTHROPIC_API_KEY": SIMULATED_KEY,
        "ANTHROPIC_BASE_URL": service.simulator.url,
        "THROUGHLINE_DATABASE_URL": service.database_url,
        "THROUGHLINE_PARTIAL_SAVE_S": "0",
        "THROUGHLINE_CHAIN_CONCURRENCY": "1",
    }
    command = [sys.executable, "-m", "throughline", "resume", job_id, "--json"]
    process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes a moment, and nothing else waits here
        command, cwd=folder, env=os.environ | environment, stdout=subprocess.DEVNULL
    )
    with process:
        deadline = time.monotonic() + 120
        try:
            while not when((await ledger(service))[1]):
                assert process.poll() is None, "it ended before it could be killed"
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL


# The database is away meanwhile.


async def test_a_database_that_is_away_does_not_hold_up_the_stream(
    pacing: Simulator, postgres_url: str, tmp_path: FilePath
):
    pacing.reset()
    service = Service(simulator=pacing, database_url=postgres_url)
    job_id = await service.register(summary(CHUNKED, book(tmp_path, 8)))
    async with running(service, job_id) as task:
        await saved_units(service, 1)
        with gone(postgres_url):
            await asyncio.sleep(0.3)
        await task
    (call,), units = await ledger(service)
    assert (call.state, call.delivered) == (CallState.RECORDED, frozenset(ids(1, 8)))
    assert units == call.delivered
    await service.balance()
