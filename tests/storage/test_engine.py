"""The door to the database: transactions are whole or nothing, and writers queue."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from storage import jobs
from storage.engine import BUSY_TIMEOUT_MS, Engine, connect, parse_url, reading, transaction
from storage.tables import jobs as job_table
from storage.tables import plans
from tests.storage.support import NOW, count, register, source
from throughline.errors import BadInput


def pragma(engine: Engine, name: str, *, durable: bool = True) -> object:
    with transaction(engine, durable=durable) as tx:
        return tx.execute(text(f"PRAGMA {name}")).scalar_one()


def test_sqlite_lets_readers_and_one_writer_work_side_by_side(sqlite_ledger: Engine):
    assert pragma(sqlite_ledger, "journal_mode") == "wal"


def test_sqlite_waits_for_another_writer(sqlite_ledger: Engine):
    assert pragma(sqlite_ledger, "busy_timeout") == BUSY_TIMEOUT_MS >= 10_000


def test_many_may_open_a_new_sqlite_file_at_the_same_moment(tmp_path: Path):
    at_once = threading.Barrier(8)

    def opened(engine: Engine) -> object:
        at_once.wait()
        return pragma(engine, "journal_mode")

    with ThreadPoolExecutor(at_once.parties) as threads:
        for round_ in range(60):  # without patience one in eight rounds fails
            engines = [connect(f"sqlite:///{tmp_path / str(round_)}.db") for _ in range(at_once.parties)]
            assert set(threads.map(opened, engines)) == {"wal"}
            for engine in engines:
                engine.dispose()


def test_a_commit_survives_a_power_cut_unless_it_is_told_not_to(sqlite_ledger: Engine):
    normal, full = 1, 2
    assert pragma(sqlite_ledger, "synchronous") == full
    assert pragma(sqlite_ledger, "synchronous", durable=False) == normal
    assert pragma(sqlite_ledger, "synchronous") == full


def test_a_row_without_its_job_is_refused(ledger: Engine):
    with pytest.raises(IntegrityError), transaction(ledger) as tx:
        tx.execute(insert(plans).values(job_id="nobody", plan={}, created_at=NOW))


def test_a_failed_transaction_leaves_nothing(ledger: Engine):
    def interrupted() -> None:
        with transaction(ledger) as tx:
            register(tx)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with reading(ledger) as tx:
        assert count(tx, job_table) == 0


def test_a_ledger_works_on_after_a_failed_statement(ledger: Engine):
    with pytest.raises(IntegrityError), transaction(ledger) as tx:
        tx.execute(insert(plans).values(job_id="nobody", plan={}, created_at=NOW))
    with transaction(ledger) as tx:
        register(tx)
    with reading(ledger) as tx:
        assert count(tx, job_table) == 1


def test_writers_queue_and_all_succeed(ledger: Engine, elsewhere: Engine):
    engines = [ledger, elsewhere]
    start = threading.Barrier(len(engines))

    def write(number: int) -> None:
        start.wait()
        for turn in range(5):
            with transaction(engines[number]) as tx:
                register(tx, key := f"{number}-{turn}", documents=[source(text=key)])
                time.sleep(0.005)

    with ThreadPoolExecutor(len(engines)) as threads:
        list(threads.map(write, range(len(engines))))
    with reading(ledger) as tx:
        assert count(tx, job_table) == 10


def test_a_reader_does_not_wait_for_a_writer(ledger: Engine, elsewhere: Engine):
    """Nor does it see what is not committed."""
    with transaction(ledger) as writing:
        register(writing)
        with reading(elsewhere) as tx:
            assert count(tx, job_table) == 0
    with reading(elsewhere) as tx:
        assert count(tx, job_table) == 1


def test_a_writer_does_not_wait_for_a_reader(ledger: Engine, elsewhere: Engine):
    with reading(elsewhere) as tx:
        assert count(tx, job_table) == 0
        with transaction(ledger) as writing:
            job = register(writing)
    with reading(elsewhere) as tx:
        assert jobs.get(tx, job.id) == job


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///file.db", "sqlite"),
        ("postgresql://me:secret@host/name", "postgresql+psycopg"),
        ("postgres://me:secret@host/name", "postgresql+psycopg"),
        ("postgresql+psycopg://me:secret@host/name", "postgresql+psycopg"),
    ],
)
def test_a_plain_url_gets_its_driver(url: str, driver: str):
    assert parse_url(url).drivername == driver


@pytest.mark.parametrize(
    "url", ["mysql://me:secret@host/name", "postgresql+asyncpg://me:secret@host/name", "file.db", ""]
)
def test_a_url_that_cannot_be_used_is_refused_without_showing_its_password(url: str):
    with pytest.raises(BadInput, match="sqlite:///FILE") as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)


def test_a_new_sqlite_ledger_and_its_folder_are_its_owners_alone(tmp_path: Path):
    file = tmp_path / "new" / "throughline.db"
    with transaction(connect(f"sqlite:///{file}")) as tx:
        tx.execute(text("CREATE TABLE anything (id INTEGER)"))
        modes = {each.name: oct(each.stat().st_mode & 0o777) for each in (file.parent, *file.parent.iterdir())}
    assert modes.pop("new") == "0o700"
    assert {"throughline.db", "throughline.db-wal"} <= modes.keys()
    assert set(modes.values()) == {"0o600"}


def test_the_mode_of_a_ledger_that_is_there_is_left_alone(tmp_path: Path):
    tmp_path.chmod(0o755)
    file = tmp_path / "throughline.db"
    file.touch(mode=0o640)
    file.chmod(0o640)
    connect(f"sqlite:///{file}").dispose()
    assert [oct(each.stat().st_mode & 0o777) for each in (tmp_path, file)] == ["0o755", "0o640"]
