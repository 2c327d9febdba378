"""Children and simulators for the chaos."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.children import Machine, Warm
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
