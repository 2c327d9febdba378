"""Working directories for the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.support import Shell, Warm
from tests.servers import SIMULATED_KEY, Simulator


@pytest.fixture(scope="package")
def warm() -> Iterator[Warm]:
    with Warm.running() as warm:
        yield warm


@pytest.fixture
def shell(warm: Warm, tmp_path: Path) -> Shell:
    """An empty working directory without a key."""
    return Shell(warm=warm, folder=tmp_path)


@pytest.fixture
def with_key(warm: Warm, tmp_path: Path, simulator: Simulator) -> Shell:
    """An empty working directory with a key for the simulator, which sees every request that is made."""
    variables = {
        "ANTHROPIC_API_KEY": SIMULATED_KEY,
        "ANTHROPIC_BASE_URL": simulator.url,
        "THROUGHLINE_BATCH_POLL_S": "0.01",
        "THROUGHLINE_TOLERATED_ERROR_SHARE": "1",
        "THROUGHLINE_API_FIRST_WAIT_S": "0",
    }
    return Shell(warm=warm, folder=tmp_path, variables=variables)
