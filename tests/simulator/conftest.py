"""Real processes, the real SDK, and a clean world before each test."""

from collections.abc import AsyncIterator, Iterator

import pytest
from anthropic import AsyncAnthropic

from tests.simulator.support import Simulator, sdk


@pytest.fixture(scope="session")
def _instant() -> Iterator[Simulator]:
    with Simulator.running("--batch-seconds", "0") as simulator:
        yield simulator


@pytest.fixture
def simulator(_instant: Simulator) -> Simulator:
    """A full simulator whose batches end at the first look."""
    _instant.reset()
    return _instant


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[AsyncAnthropic]:
    """The SDK without its own retries, so that each test sees each failure."""
    async with sdk(simulator) as client:
        yield client
