"""Outages of the database, the disk, the API and of results files: what was paid for is saved afterwards, once."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path as FilePath
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import Pool

from storage.engine import Engine
from tasks.collecting import Collected, collect_once
from tasks.flow_runs import NoFlowRuns
from tasks.registration import register
from tests.faults.support import BATCHES, MESSAGES, Service, attempt, book, summary
from tests.faults.test_queue import CHUNKED, SINGLE, books, collect, finish, statuses, submit, sweep
from tests.servers import SIMULATED_KEY, Simulator
from throughline.domain.job import JobStatus, PathChoice, Role
from throughline.errors import BatchUnknown, Retryable

EACH_DATABASE = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
OUTAGE_S = 0.7  # several tries of ours long
_SQLITE_BUSY_MS = 20


@pytest.fixture(autouse=True)
def _impatient_sqlite() -> Iterator[None]:
    """SQLite waits thirty seconds for a lock before it gives up: an outage longer than that, without waiting for it."""

    def be_impatient(connection: Any, *_: object) -> None:  # Any: the driver's own connection
        if isinstance(connection, sqlite3.Connection):
            connection.execute(f"PRAGMA busy_timeout = {_SQLITE_BUSY_MS}")

    event.listen(Pool, "checkout", be_impatient)
    yield
    event.remove(Pool, "checkout", be_impatient)


@contextlib.contextmanager
def unusable(database_url: str) -> Generator[None]:
    """Meanwhile nobody can write: SQLite is locked by another program, PostgreSQL is away."""
    with locked(database_url) if database_url.startswith("sqlite") else gone(database_url):
        yield


@contextlib.contextmanager
def locked(database_url: str) -> Generator[None]:
    with contextlib.closing(sqlite3.connect(urlsplit(database_url).path[1:], isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@contextlib.contextmanager
def gone(database_url: str) -> Generator[None]:
    """Every connection is cut and no new one is let in."""
    with maintenance(database_url) as (connection, name):
        connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")  # pyright: ignore[reportCallIssue, reportArgumentType]
        try:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")  # pyright: ignore[reportCallIssue, reportArgumentType]


@contextlib.contextmanager
def maintenance(database_url: str) -> Generator[tuple["psycopg.Connection[Any]", str]]:
    """A connection beside the ledger's database, and that database's name."""
    name = urlsplit(database_url).path.removeprefix("/")
    url = database_url.replace(f"/{name}?", "/postgres?")
    with contextlib.closing(psycopg.connect(url, autocommit=True)) as connection:
        yield connection, name


def cut_connections(database_url: str) -> None:
    with maintenance(database_url) as (connection, name):
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


async def happened(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.005)


def received(service: Service, method: str, path: str) -> Callable[[], bool]:
    """Whether the simulator has received such a request by now."""
    return lambda: any(each["path"].endswith(path) for each in service.simulator.requests(method))


# The database.


@EACH_DATABASE
@pytest.mark.parametrize(
    ("path", "place", "method", "ending"),
    [
        pytest.param(CHUNKED, "messages", "POST", MESSAGES, id="the answer of a link"),
        pytest.param(SINGLE, "batches.create", "POST", BATCHES, id="the id of a batch"),
        pytest.param(SINGLE, "batches.results", "GET", "/results", id="the results of a batch"),
    ],
)
async def test_what_comes_while_the_database_is_away_is_saved_afterwards_and_paid_once(
    simulator: Simulator,
    database_url: str,
    tmp_path: FilePath,
    path: PathChoice,
    place: str,
    method: str,
    ending: str,
):
    service = Service(simulator=simulator, database_url=database_url)
    job_id = await service.register(summary(path, book(tmp_path, 3)))
    service.simulator.faults(place, "hang", seconds=0.15)
    running = asyncio.create_task(service.carry_out(job_id))
    await happened(received(service, method, ending))
    with unusable(service.database_url):
        await asyncio.wait([running], timeout=OUTAGE_S)
    assert (await running).status is JobStatus.DONE
    assert len(service.submissions()) + len(service.calls()) == 1
    await service.balance()


async def test_connections_that_are_cut_during_an_answer_are_made_anew(
    simulator: Simulator, postgres_url: str, tmp_path: FilePath
):
    service = Service(simulator=simulator, database_url=postgres_url)
    job_id = await service.register(summary(CHUNKED, book(tmp_path, 3)))
    service.simulator.faults("messages", "hang", seconds=0.15)
    running = asyncio.create_task(service.carry_out(job_id))
    await happened(received(service, "POST", MESSAGES))
    cut_connections(postgres_url)
    assert (await running).status is JobStatus.DONE
    assert len(service.calls()) == 1
    await service.balance()


@EACH_DATABASE
async def test_a_job_that_waits_for_its_batch_outlives_an_outage_of_the_database(
    simulator: Simulator, database_url: str, tmp_path: FilePath
):
    service = Service(simulator=simulator, database_url=database_url)
    job_id = await service.register(summary(SINGLE, book(tmp_path, 3)))
    service.simulator.faults("item", "slow", seconds=0.4)
    running = asyncio.create_task(service.carry_out(job_id))
    await happened(lambda: any("msgbatch" in each["path"] for each in simulator.requests("GET")))
    with unusable(service.database_url):
        await asyncio.wait([running], timeout=OUTAGE_S)
    assert (await running).status is JobStatus.DONE
    assert len(service.submissions()) == 1
    await service.balance()


@pytest.fixture
async def cut_once(simulator: Simulator, postgres_url: str) -> AsyncIterator[Service]:
    """A service whose connection the server cuts when the first row of `checks` is written."""
    service = Service(simulator=simulator, database_url=postgres_url)
    with contextlib.closing(psycopg.connect(postgres_url, autocommit=True)) as connection:
        connection.execute("CREATE SEQUENCE cuts")
        connection.execute(
            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF nextval('cuts') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; "
            "RETURN NEW; END $$"
        )
        connection.execute("CREATE TRIGGER cut BEFORE INSERT ON checks FOR EACH ROW EXECUTE FUNCTION cut()")
        try:
            yield service
        finally:
            connection.execute("DROP TRIGGER cut ON checks; DROP FUNCTION cut; DROP SEQUENCE cuts")
    await service.balance()


@pytest.mark.parametrize("path", [CHUNKED, SINGLE])
async def test_a_job_of_the_queue_whose_connection_is_cut_anywhere_comes_to_its_end(
    cut_once: Service, tmp_path: FilePath, path: PathChoice
):
    (job_id,) = await submit(cut_once, summary(path, book(tmp_path, 3)))
    await finish(cut_once)
    await finish(cut_once)
    assert await statuses(cut_once, [job_id]) == [JobStatus.DONE]


async def test_a_run_whose_connection_is_cut_anywhere_goes_on(cut_once: Service, tmp_path: FilePath):
    report = await cut_once.run(summary(CHUNKED, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE


async def test_a_sweep_that_begins_while_the_database_is_away_leaves_its_jobs_to_the_next(
    service: Service, tmp_path: FilePath
):
    (job_id,) = await submit(service, summary(CHUNKED, book(tmp_path, 3)))
    with contextlib.ExitStack() as outage:
        outage.enter_context(locked(service.database_url))
        asyncio.get_running_loop().call_later(OUTAGE_S, outage.close)
        await asyncio.gather(sweep(service), return_exceptions=True)
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.DONE]


# The disk.


class Disk:
    """The disk that the ledger's file lies on: a full one lets the file grow no more."""

    def __init__(self) -> None:
        self.is_full = False

    def attach(self, engine: Engine) -> None:
        event.listen(engine, "checkout", self._before_use)

    def _before_use(self, connection: sqlite3.Connection, *_: object) -> None:
        # SQLite takes the larger of the wished and the present size: one page means "as it is now".
        connection.execute(f"PRAGMA max_page_count = {1 if self.is_full else 1_000_000}")


async def collect_on(service: Service, disk: Disk, **settings: Any) -> Collected:
    async with service.opened(**settings) as rt:
        disk.attach(rt.engine)
        return await collect_once(NoFlowRuns())


async def test_results_that_the_disk_had_no_room_for_are_saved_when_it_has(
    service: Service, tmp_path: FilePath, caplog: pytest.LogCaptureFixture
):
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 4, chapters=8)))
    await sweep(service)
    disk = Disk()
    disk.is_full = True
    collecting = asyncio.create_task(collect_on(service, disk))
    await happened(lambda: "database or disk is full" in caplog.text)
    disk.is_full = False
    assert (await collecting).ingested == 1
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 4
    assert len(service.submissions()) == 1


async def test_a_disk_that_stays_full_ends_the_pass_and_a_later_one_ingests(service: Service, tmp_path: FilePath):
    ids = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 4, chapters=8)))
    await sweep(service)
    disk = Disk()
    disk.is_full = True
    with pytest.raises(OperationalError, match="full"):
        await collect_on(service, disk, database_patience_s=0)
    assert (await collect(service)).ingested == 1
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 4
    assert len(service.submissions()) == 1


async def test_an_answer_that_the_disk_had_no_room_for_is_saved_when_it_has(service: Service, tmp_path: FilePath):
    disk = Disk()
    async with service.opened() as rt:
        disk.attach(rt.engine)
        job = await register(summary(CHUNKED, book(tmp_path, 8)))
        service.simulator.faults("messages", "hang", seconds=0.15)
        running = asyncio.create_task(service.carry_out(job.id))
        await happened(received(service, "POST", MESSAGES))
        disk.is_full = True
        await asyncio.sleep(OUTAGE_S)
        assert not running.done()
        disk.is_full = False
        assert (await running).status is JobStatus.DONE
    assert len(service.calls()) == 1


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


# Results files.


def line_ends(service: Service) -> list[int]:
    """Where the lines of the only batch's results end, in bytes."""
    headers = {"x-api-key": SIMULATED_KEY}
    with httpx.Client(base_url=service.simulator.url, headers=headers, verify=False, trust_env=False) as http:
        (batch,) = http.get(BATCHES).raise_for_status().json()["data"]
        body = http.get(f"{BATCHES}/{batch['id']}/results").raise_for_status().content
    return [position + 1 for position, byte in enumerate(body) if byte == ord("\n")]


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
    service.simulator.faults("batches.results", "cut_stream", times=2, **DAMAGES[damage](line_ends(service)))
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
    assert await statuses(service, ids) == [JobStatus.WAITING] * 4
    service.heal()
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 4
    assert len(service.submissions()) == 1


@pytest.mark.parametrize("what", ["duplicate_results", "foreign_custom_id"])
async def test_lines_that_come_twice_or_belong_to_others_change_nothing(
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
