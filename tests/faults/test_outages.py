"""Outages of the database and the disk: what was paid for is saved afterwards, once."""

import asyncio
import contextlib
import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path as FilePath
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import Pool

from storage.engine import Engine
from tasks.collecting import Collected, collect_once
from tasks.flow_runs import NoFlowRuns
from tasks.registration import register
from tests.faults.outages import cut_connections, gone, happened, locked, only_reading, received, unusable
from tests.faults.rounds import CHUNKED, SINGLE, books, collect, finish, statuses, submit, sweep
from tests.faults.support import BATCHES, MESSAGES, Service, book, summary
from tests.servers import Simulator
from throughline.domain.job import JobStatus, PathChoice

EACH_DATABASE = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
Outage = Callable[[str], AbstractContextManager[None]]
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


# The database.


@pytest.mark.parametrize(
    ("database_url", "outage"),
    [
        pytest.param("sqlite", locked, id="sqlite is locked"),
        pytest.param("postgresql", gone, id="postgresql is away"),
        pytest.param("postgresql", only_reading, id="postgresql only reads"),
    ],
    indirect=["database_url"],
)
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
    outage: Outage,
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
    with outage(service.database_url):
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


def varied(folder: FilePath, chapters: int) -> str:
    """A document that cannot be compressed much, nor can what is written of it."""
    file = folder / "varied.md"
    names = (sha256(b"%d" % number).hexdigest() for number in itertools.count())
    lines = [f"The ship {next(names)} met the ship {next(names)}." for _ in range(40 * chapters)]
    file.write_text("\n".join(f"## Chapter {at}\n\n" + "\n".join(lines[at::chapters]) + "\n" for at in range(chapters)))
    return str(file)


async def test_an_answer_that_the_disk_had_no_room_for_is_saved_when_it_has(service: Service, tmp_path: FilePath):
    disk = Disk()
    async with service.opened() as rt:
        disk.attach(rt.engine)
        job = await register(summary(CHUNKED, varied(tmp_path, 3)))
        service.simulator.faults("messages", "hang", seconds=0.15)
        running = asyncio.create_task(service.carry_out(job.id))
        await happened(received(service, "POST", MESSAGES))
        disk.is_full = True
        await asyncio.sleep(OUTAGE_S)
        assert not running.done()
        disk.is_full = False
        assert (await running).status is JobStatus.DONE
    assert len(service.calls()) == 1
