"""A real Prefect server: some ten seconds to start, paid once, and only by the tests that ask for it."""

import gc
import warnings
from collections.abc import Iterator

import pytest

from tests.servers import SIMULATED_KEY, Simulator


@pytest.fixture(scope="package")
def prefect_server() -> Iterator[None]:
    """A temporary server with a database of its own: flows that are called meanwhile are run and recorded by it."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield
    _collect_sockets()


@pytest.fixture
def sockets_collected() -> Iterator[None]:
    """Prefect leaves its connections to the garbage collector; here they go, before they warn in a later test."""
    yield
    _collect_sockets()


def _collect_sockets() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def deployed(
    simulator: Simulator, sqlite_url: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The environment of a deployed flow, which has no other way to be told; gives the ledger's URL."""
    variables = {
        "ANTHROPIC_API_KEY": SIMULATED_KEY,
        "ANTHROPIC_BASE_URL": simulator.url,
        "THROUGHLINE_DATABASE_URL": sqlite_url,
        "THROUGHLINE_BATCH_POLL_S": "0.01",
        "THROUGHLINE_TOLERATED_ERROR_SHARE": "1",
        "THROUGHLINE_BATCH_SETTLE_S": "0",
        "THROUGHLINE_API_FIRST_WAIT_S": "0",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path_factory.mktemp("deployed"))  # no `.env` of a developer
    return sqlite_url
