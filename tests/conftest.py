"""Fixtures for every suite: a simulator, databases, and an environment that no developer's settings reach."""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.servers import Postgres, Simulator
    from tests.sharing import Sharing

# Before anything imports Prefect, which reads its settings once. The real key is set aside for tests/contract.
_PREFECT_HOME = tempfile.mkdtemp(prefix="throughline-prefect-")
_REAL_API_KEY = os.environ.pop("ANTHROPIC_API_KEY", None)
_CHAOS_SEED = "THROUGHLINE_CHAOS_SEED"  # says which chaos to repeat, and is no setting of the product
for _name in [name for name in os.environ if name.startswith(("ANTHROPIC_", "PREFECT_", "THROUGHLINE_"))]:
    if _name != _CHAOS_SEED:
        del os.environ[_name]
os.environ |= {
    "PREFECT_HOME": _PREFECT_HOME,
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}

# A shell has what it starts in the background ignore Ctrl-C, which the programs that tests interrupt would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Servers and tables are imported by the fixtures that need them: the unit tests do not, and would wait for them.


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What collecting makes lives to the end: looking through it for garbage, again and again, took a second."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    """Before anything starts: the tables of the chaos, and what `make e2e` lacks on this machine."""
    if _asked_for("chaos", config):
        from tests.chaos import tables

        config.pluginmanager.register(tables)
    if not _asked_for("real_api", config) and not _asked_for("e2e", config):
        # Every client of HTTP reads the certificates of the world, 15 to 20 ms of it, and none asks further than here.
        os.environ["SSL_CERT_DIR"] = _PREFECT_HOME
    if _asked_for("e2e", config):
        from tests.e2e.packages import missing

        if lacking := missing():  # a skipped proof proves nothing
            message = f"These tests need {', '.join(lacking)}. On Debian, .ci/packages installs all of it."
            raise pytest.UsageError(message)


def _asked_for(marker: str, config: pytest.Config) -> bool:
    expression = config.option.markexpr
    return marker in expression and f"not {marker}" not in expression


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "Sharing | None":  # Any: xdist's own log
    """Files that share a server share a process."""
    if config.getoption("dist") != "loadfile":
        return None
    from tests.sharing import Sharing

    return Sharing(config, log)


def pytest_unconfigure() -> None:
    """Take Prefect's home away again."""
    shutil.rmtree(_PREFECT_HOME, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what costs money (`real_api`) or many minutes (`chaos`, `e2e`) unless `-m` asks for it by name."""
    unnamed = [marker for marker in ("real_api", "chaos", "e2e") if marker not in config.option.markexpr]
    left_out = [item for item in items if any(item.get_closest_marker(marker) for marker in unnamed)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    _skip_what_no_browser_can_prove(items)


def _skip_what_no_browser_can_prove(items: list[pytest.Item]) -> None:
    in_browser = [item for item in items if item.get_closest_marker("browser")]
    if not in_browser:
        return
    from tests.e2e.packages import has_browser

    if not has_browser():
        for item in in_browser:
            item.add_marker(pytest.mark.skip(reason="no browser and driver here; Ubuntu has one only as a snap"))


@pytest.fixture(scope="session")
def real_api_key() -> str | None:
    """The key with which pytest was started; no test but those marked `real_api` may use it."""
    return _REAL_API_KEY


@pytest.fixture(scope="session")
def _simulator() -> "Iterator[Simulator]":
    from tests.servers import running_simulator

    with running_simulator("--batch-seconds", "0") as simulator:
        yield simulator


@pytest.fixture
def simulator(_simulator: "Simulator") -> "Simulator":
    """A clean simulator whose batches end at the first look."""
    _simulator.reset()
    return _simulator


@pytest.fixture(scope="session")
def postgres() -> "Iterator[Postgres]":
    """A PostgreSQL server for the whole run."""
    from tests.servers import running_postgres

    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def _migrated_postgres(postgres: "Postgres") -> Iterator[str]:
    with postgres.database() as url:
        _migrate(url)
        yield url


def _migrate(url: str) -> None:
    from storage import schema
    from storage.engine import connect

    engine = connect(url)
    schema.upgrade(engine)
    engine.dispose()  # else a copy of the file would lack what is still in its log


@pytest.fixture
def sqlite_url(_migrated_sqlite: Path, tmp_path: Path) -> str:
    """A fresh ledger in a SQLite file."""
    return f"sqlite:///{shutil.copyfile(_migrated_sqlite, tmp_path / 'throughline.db')}"


@pytest.fixture
def postgres_url(postgres: "Postgres", _migrated_postgres: str) -> Iterator[str]:
    """A clean ledger on a real PostgreSQL server; who changes its schema takes a `postgres.database()` instead."""
    from storage.tables import metadata

    yield _migrated_postgres
    postgres.clear(_migrated_postgres, [table.name for table in reversed(metadata.sorted_tables)])


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A ledger without rows, at the newest version: once on SQLite, once on PostgreSQL."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
