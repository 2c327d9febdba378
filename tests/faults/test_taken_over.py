"""A worker that was held up past its lease while an answer came: another goes on, and neither harms the other."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from storage import attempts, calls
from storage.calls import Call
from storage.engine import Tx
from tasks import leasing
from tasks.chain import run_chain
from tasks.checking import check_attempt
from tasks.conclusion import conclude, start
from tasks.saving import read
from tests.faults.collecting import let_leases_run_out
from tests.faults.support import LONG_ON_EACH, Service, attempt, book, ids, request, summary
from tests.servers import Simulator, running_simulator
from throughline.domain.job import AttemptStatus, JobId, JobStatus, Kind, PathChoice, ReviewMode, Role
from throughline.domain.ledger import CallState
from throughline.domain.policy import Action
from throughline.domain.settlement import TOO_LATE
from throughline.errors import JobBusy

CHUNKED = PathChoice.CHUNKED


@pytest.fixture(scope="module")
def pacing() -> Iterator[Simulator]:
    """Speaks at a pace: a link of eight units takes most of a second."""
    with running_simulator("--batch-seconds", "0", "--tokens-per-second", "20000") as simulator:
        yield simulator


@pytest.fixture
async def paced(pacing: Simulator, database_url: str) -> AsyncIterator[Service]:
    """The service with a model that speaks at a pace. Each answer came to somebody, so that none is lost."""
    pacing.reset()
    service = Service(simulator=pacing, database_url=database_url)
    yield service
    await service.balance()


async def ledger(service: Service, job_id: JobId) -> tuple[list[Call], frozenset[str]]:
    """The calls of the job's first attempt, and the units that are saved."""

    def look(tx: Tx) -> tuple[list[Call], frozenset[str]]:
        found = attempts.of_job(tx, job_id)
        if not found:
            return [], frozenset()
        return calls.of_attempt(tx, found[0].id), attempts.unit_ids(tx, found[0].id)

    async with service.opened():
        return await read(look)


async def asked(service: Service, times: int) -> None:
    async with asyncio.timeout(20):
        while len(service.calls()) < times:  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(0.01)


async def taken_over(service: Service, job_id: JobId, *, partial_save_s: float) -> None:
    """One worker is in the middle of its answer when its lease runs out, and another takes the job up at once."""
    first = asyncio.create_task(service.carry_out(job_id, chain_concurrency=1, partial_save_s=partial_save_s))
    await asked(service, 1)
    await asyncio.sleep(0.2)  # so that some of its units are saved
    await let_leases_run_out(service)
    second = asyncio.create_task(service.carry_out(job_id, chain_concurrency=1, partial_save_s=partial_save_s))
    with pytest.raises(JobBusy, match=r"taken over|given to somebody else"):
        await first
    assert (await second).status is JobStatus.DONE


@pytest.mark.parametrize("partial_save_s", [0, 60], ids=["saved as they come", "saved at the end"])
async def test_an_answer_that_comes_after_the_job_was_taken_over_is_recorded_as_paid_and_spoils_nothing(
    paced: Service, tmp_path: Path, partial_save_s: float
):
    job_id = await paced.register(summary(CHUNKED, book(tmp_path, 8)))
    await taken_over(paced, job_id, partial_save_s=partial_save_s)
    found, units = await ledger(paced, job_id)
    assert {call.state for call in found} == {CallState.RECORDED}
    assert len(units) == 8
    assert found[0].errors == (TOO_LATE,)


async def test_an_outline_that_comes_after_the_job_was_taken_over_does_not_replace_the_one_that_is_written_to(
    paced: Service, tmp_path: Path
):
    job_id = await paced.register(request(Kind.RESEARCH_REPORT, CHUNKED, [book(tmp_path, 8)]))
    paced.simulator.faults("messages", "hang", seconds=0.6)
    await taken_over(paced, job_id, partial_save_s=0)
    found, units = await ledger(paced, job_id)
    assert (found[0].errors, found[0].delivered) == ((TOO_LATE,), frozenset())
    assert frozenset[str]().union(*(call.delivered for call in found[1:])) == units


async def test_a_late_answer_counts_as_waste_but_for_the_units_that_were_saved_of_it_in_time(
    paced: Service, tmp_path: Path
):
    job_id = await paced.register(summary(CHUNKED, book(tmp_path, 8)))
    await taken_over(paced, job_id, partial_save_s=0)
    (late, *others), units = await ledger(paced, job_id)
    assert late.delivered
    assert late.delivered | frozenset[str]().union(*(call.delivered for call in others)) == units
    assert not late.delivered & {unit_id for call in others for unit_id in call.link.unit_ids}  # saved in time or waste
    told = attempt(await paced.job(), Role.PRIMARY)
    assert 0 < told.wasted_tokens < told.usage.output_tokens


async def test_a_worker_that_lost_the_job_does_not_end_its_attempt(paced: Service, tmp_path: Path):
    """Its own answer was whole, and is not in the output: whoever goes on has still to write that."""
    job_id = await paced.register(summary(CHUNKED, book(tmp_path, 8)))
    paced.simulator.faults("messages", "hang", skip=1, seconds=1.5)
    first = asyncio.create_task(paced.carry_out(job_id, chain_concurrency=1, partial_save_s=60))
    await asked(paced, 1)
    await let_leases_run_out(paced)
    second = asyncio.create_task(paced.carry_out(job_id, chain_concurrency=1, partial_save_s=60))
    await asked(paced, 2)
    with pytest.raises(JobBusy):
        await first
    assert attempt(await paced.job(), Role.PRIMARY).status is AttemptStatus.RUNNING
    assert (await second).status is JobStatus.DONE


# A refusal that comes so late: what was saved of the answer on its way was partial text of a refusal all the time.


@pytest.fixture(scope="module")
def slow() -> Iterator[Simulator]:
    """Speaks slowly: a unit takes a fifth of a second."""
    with running_simulator("--batch-seconds", "0", "--tokens-per-second", "8000") as simulator:
        yield simulator


@asynccontextmanager
async def refused_late(
    slow: Simulator, service: Service, job_id: JobId
) -> AsyncGenerator[Callable[[], Awaitable[None]]]:
    """One worker has saved units of an answer, and lost its lease. At the end, for which the function that this gives
    waits, the answer is a refusal."""
    slow.reset()
    slow.faults("item", "refusal", after_units=7)
    held_up = Service(simulator=slow, database_url=service.database_url)
    worker = asyncio.create_task(held_up.carry_out(job_id, partial_save_s=0))

    async def refused() -> None:
        with pytest.raises(JobBusy):
            await worker
        (late, *_), _ = await ledger(service, job_id)
        assert (late.state, late.stop_reason, late.delivered) == (CallState.RECORDED, "refusal", frozenset())

    async with asyncio.timeout(20):
        while len((await ledger(service, job_id))[1]) < 2:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    await let_leases_run_out(service)
    yield refused


async def saved_of(service: Service, call: Call) -> frozenset[str]:
    async with service.opened():
        return await read(lambda tx: attempts.saved_by(tx, call.id))


@LONG_ON_EACH
async def test_what_a_late_refusal_takes_back_is_written_by_the_chain_that_had_gone_on_from_it(
    slow: Simulator, simulator: Simulator, database_url: str, tmp_path: Path
):
    service = Service(simulator=simulator, database_url=database_url)
    job_id = await service.register(summary(CHUNKED, book(tmp_path, 8)))
    async with refused_late(slow, service, job_id) as refused:
        simulator.faults("messages", "hang", seconds=3.0)
        second = asyncio.create_task(service.carry_out(job_id))
        await refused()
        assert not second.done()
        assert (await second).status is JobStatus.DONE
    (late, *others), units = await ledger(service, job_id)
    assert await saved_of(service, late) == frozenset()
    assert units == frozenset(ids(1, 8)) == frozenset[str]().union(*(call.delivered for call in others))


@LONG_ON_EACH
async def test_an_output_that_a_late_refusal_took_units_from_after_its_check_goes_to_a_person(
    slow: Simulator, simulator: Simulator, database_url: str, tmp_path: Path
):
    service = Service(simulator=simulator, database_url=database_url)
    job_id = await service.register(summary(CHUNKED, book(tmp_path, 8)))
    async with refused_late(slow, service, job_id) as refused, service.opened(), leasing.held(job_id):
        await start(job_id)
        ended = await run_chain(job_id, Role.PRIMARY)
        assert (await check_attempt(ended.id)).action is Action.PUBLISH
        await refused()
        report = await conclude(job_id)
    assert report.status is JobStatus.ESCALATED
    assert report.reason is not None
    assert "what was taken from it is missing. Approve" in report.reason
    (late, *_), units = await ledger(service, job_id)
    assert await saved_of(service, late) == frozenset()
    assert 0 < len(units) < 8


async def test_a_late_refusal_of_what_is_published_is_told_with_the_job(
    slow: Simulator, simulator: Simulator, sqlite_url: str, tmp_path: Path
):
    """People have it already: it stays as they read it."""
    service = Service(simulator=simulator, database_url=sqlite_url)
    job_id = await service.register(summary(CHUNKED, book(tmp_path, 8)))
    async with refused_late(slow, service, job_id) as refused:
        assert (await service.carry_out(job_id)).status is JobStatus.DONE
        await refused()
    report = await service.job()
    assert report.status is JobStatus.DONE
    assert report.reason is not None
    assert "refused an answer in the end, after this was taken from it: u001, u002" in report.reason
    assert (await ledger(service, job_id))[1] == frozenset(ids(1, 8))


async def test_a_late_refusal_of_what_waits_for_a_person_is_taken_back_and_told(
    slow: Simulator, simulator: Simulator, sqlite_url: str, tmp_path: Path
):
    service = Service(simulator=simulator, database_url=sqlite_url)
    job_id = await service.register(summary(CHUNKED, book(tmp_path, 8), review=ReviewMode.ALWAYS))
    async with refused_late(slow, service, job_id) as refused:
        assert (await service.carry_out(job_id)).status is JobStatus.ESCALATED
        await refused()
    report = await service.job()
    assert report.status is JobStatus.ESCALATED
    assert report.reason is not None
    assert report.reason.endswith("It is taken back.")
    (late, *_), _ = await ledger(service, job_id)
    assert await saved_of(service, late) == frozenset()
