"""Children and simulators for the chaos, and its tables at the end of `make chaos`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.children import Machine, Warm
from tests.chaos.into_docs import keep
from tests.chaos.results import KILL_MATRIX, RESULTS, SUMMARY, by_death, markdown
from tests.servers import Simulator, running_simulator


@pytest.fixture(scope="package")
def warm() -> Iterator[Warm]:
    with Warm.running() as warm:
        yield warm


@pytest.fixture(scope="package")
def _slow_simulator() -> Iterator[Simulator]:
    with running_simulator("--batch-seconds", "0.3") as simulator:
        yield simulator


@pytest.fixture
def slow_simulator(_slow_simulator: Simulator) -> Simulator:
    """A clean simulator whose batches take a moment, so that a process can die while it waits."""
    _slow_simulator.reset()
    return _slow_simulator


@pytest.fixture
def machine(warm: Warm, slow_simulator: Simulator, sqlite_url: str, tmp_path: Path) -> Machine:
    """A machine with a ledger in SQLite."""
    return Machine(warm=warm, simulator=slow_simulator, database_url=sqlite_url, folder=tmp_path)


@pytest.fixture
def machine_on_each(warm: Warm, slow_simulator: Simulator, database_url: str, tmp_path: Path) -> Machine:
    """The same, once with SQLite and once with PostgreSQL."""
    return Machine(warm=warm, simulator=slow_simulator, database_url=database_url, folder=tmp_path)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes hands its rows to the one that prints."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["chaos"] = RESULTS.packed()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # Any: a process of xdist, which has no types
    """The one that prints takes them."""
    RESULTS.take(getattr(node, "workeroutput", {}).get("chaos", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The tables, where the whole chaos ran; `make test` prints only what a failure needs."""
    if "chaos" not in config.option.markexpr:
        return
    tables = {title: markdown(RESULTS.headers[title], rows) for title, rows in RESULTS.tables.items()}
    if matrix := RESULTS.tables.get(KILL_MATRIX):
        tables[f"{KILL_MATRIX}, in short"] = markdown(SUMMARY, by_death(matrix))
    for title, table in tables.items():
        terminalreporter.section(title)
        terminalreporter.write_line(table)
    if tables:
        keep(tables)
