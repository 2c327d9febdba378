"""The schema's version: migrations agree with the tables in code, and a start refuses what it does not know."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import storage
from storage import attempts, jobs, schema
from storage.engine import Engine, connect, reading, transaction
from storage.tables import metadata
from tests.storage.support import SPEC, answered, begun, intend, register, unit
from throughline.domain.job import Kind
from throughline.errors import BadInput


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def test_the_version_in_code_is_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(Path(storage.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.REVISION]


def test_migrations_make_the_tables_that_the_code_expects(empty: Engine):
    schema.upgrade(empty)
    assert tables(empty) == set(metadata.tables)
    assert schema.differences(empty) == []


def test_a_downgrade_to_base_removes_every_table(empty: Engine):
    schema.upgrade(empty)
    schema.downgrade(empty, "base")
    assert tables(empty) == set()


def test_a_ledger_works_after_down_and_up_again(empty: Engine):
    schema.upgrade(empty)
    schema.downgrade(empty, "base")
    schema.upgrade(empty)
    schema.require_current(empty)
    with transaction(empty) as tx:
        job = register(tx)
    with reading(empty) as tx:
        assert jobs.get(tx, job.id).spec == SPEC
    assert schema.differences(empty) == []


def test_an_upgrade_of_a_current_ledger_keeps_its_rows(ledger: Engine):
    with transaction(ledger) as tx:
        job = register(tx)
    schema.upgrade(ledger)
    with reading(ledger) as tx:
        assert jobs.get(tx, job.id) == job


def test_a_ledger_that_goes_back_to_units_of_their_own_has_them_all(ledger: Engine):
    first, second, early = unit("u001", body="Grüße 🚢\n"), unit("u002"), unit("u003", body="Early.")
    with transaction(ledger) as tx:
        attempt = begun(tx)
        answered(tx, attempt, [first, second])
        attempts.save_units(tx, attempt.id, intend(tx, attempt), [early])
    schema.downgrade(ledger, "0005")
    with reading(ledger) as tx:
        kept = tx.execute(text("SELECT unit_id, content FROM units ORDER BY id")).all()
    contents: list[Any] = [content if isinstance(content, dict) else json.loads(content) for _, content in kept]
    assert contents == [first.model_dump(), second.model_dump(), early.model_dump()]
    schema.upgrade(ledger)
    with reading(ledger) as tx:
        assert list(attempts.written_units(tx, attempt, Kind.SUMMARY).values()) == [first, second, early]
    assert schema.differences(ledger) == []


def test_a_difference_between_tables_and_code_is_seen(empty: Engine):
    schema.upgrade(empty)
    with transaction(empty) as tx:
        tx.execute(text("ALTER TABLE jobs DROP COLUMN reason"))
    assert schema.differences(empty)


def test_a_current_ledger_is_taken_as_it_is(ledger: Engine):
    with transaction(ledger) as tx:
        job = register(tx)
    schema.require_current(ledger)
    with reading(ledger) as tx:
        assert jobs.get(tx, job.id) == job


def test_a_new_sqlite_file_is_created_at_the_newest_version(new_file: Engine):
    schema.require_current(new_file)
    assert schema.differences(new_file) == []


def test_the_folder_of_a_new_sqlite_file_is_created_too(tmp_path: Path):
    engine = connect(f"sqlite:///{tmp_path / 'a' / 'b' / 'new.db'}")
    schema.require_current(engine)
    engine.dispose()
    assert (tmp_path / "a" / "b" / "new.db").exists()


def test_programs_that_start_at_once_agree_on_a_new_sqlite_file(tmp_path: Path):
    engines = [connect(f"sqlite:///{tmp_path / 'new.db'}") for _ in range(4)]
    with ThreadPoolExecutor(len(engines)) as threads:
        list(threads.map(schema.require_current, engines))
    assert schema.differences(engines[0]) == []
    for engine in engines:
        engine.dispose()


def at_version(engine: Engine, version: str) -> None:
    """Make the ledger say that it is at that version."""
    schema.upgrade(engine)
    with transaction(engine) as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


def test_an_older_ledger_is_refused_with_the_way_out(empty: Engine):
    at_version(empty, "0001")
    with pytest.raises(BadInput, match=r"is at version 0001.*throughline db upgrade"):
        schema.require_current(empty)


STEPS = pytest.mark.parametrize("step", [schema.require_current, schema.upgrade], ids=["start", "upgrade"])


@STEPS
def test_a_database_that_cannot_be_opened_is_named_with_the_reason(tmp_path: Path, step: Callable[[Engine], None]):
    engine = connect(f"sqlite:///{tmp_path}")
    with pytest.raises(BadInput, match=rf"sqlite:///{tmp_path} cannot be used: unable to open.*THROUGHLINE_DATABASE"):
        step(engine)
    engine.dispose()


@STEPS
def test_a_ledger_of_a_newer_program_asks_for_that_program(empty: Engine, step: Callable[[Engine], None]):
    at_version(empty, "9999")
    with pytest.raises(BadInput, match=r"newer Throughline \(version 9999, .*Update this program"):
        step(empty)


@STEPS
def test_a_database_with_another_programs_tables_is_left_alone(empty: Engine, step: Callable[[Engine], None]):
    with transaction(empty) as tx:
        tx.execute(text("CREATE TABLE customers (id INTEGER PRIMARY KEY)"))
    with pytest.raises(BadInput, match=r"another program \(customers\).*THROUGHLINE_DATABASE_URL"):
        step(empty)
    assert tables(empty) == {"customers"}


@STEPS
@pytest.mark.parametrize("versions", [["8ec8fc0bdb3f"], ["1a", "2b"]], ids=["one", "two heads"])
def test_a_database_that_another_program_migrates_is_left_alone(
    empty: Engine, step: Callable[[Engine], None], versions: list[str]
):
    with transaction(empty) as tx:
        tx.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        for version in versions:
            tx.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})
    with pytest.raises(
        BadInput, match=rf"version {', '.join(versions)}, which no Throughline has.*Nothing was changed"
    ):
        step(empty)
    assert tables(empty) == set()


def test_an_upgrade_from_a_version_that_never_was_is_refused(empty: Engine):
    at_version(empty, "0000")
    with pytest.raises(BadInput, match=r"version 0000, which no Throughline has"):
        schema.upgrade(empty)


def test_an_empty_postgresql_database_is_refused_with_the_way_out(empty_server: Engine):
    with pytest.raises(BadInput, match=r"has no tables yet.*throughline db upgrade"):
        schema.require_current(empty_server)
    assert tables(empty_server) == set()


def test_a_server_that_cannot_be_reached_is_named_without_its_password():
    engine = connect("postgresql://me:secret@127.0.0.1:1/ledger")
    with pytest.raises(BadInput, match=r"/ledger cannot be used: .*THROUGHLINE_DATABASE_URL") as caught:
        schema.require_current(engine)
    engine.dispose()
    assert "secret" not in str(caught.value)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path):
    engine = connect(f"sqlite:///{tmp_path}")
    with pytest.raises(BadInput, match=f"{tmp_path} cannot be used: .*THROUGHLINE_DATABASE_URL"):
        schema.require_current(engine)
    engine.dispose()
