"""One suite against two endpoints: the simulator always, the real API only when `-m` names `real_api`."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.contract.support import connection
from tests.servers import Simulator, running_simulator
from throughline.claude.client import Claude
from throughline.claude.patience import Patience


@pytest.fixture(params=["simulator", pytest.param("real", marks=pytest.mark.real_api)])
async def claude(request: pytest.FixtureRequest, real_api_key: str | None) -> AsyncIterator[Claude]:
    """A connection to each endpoint in turn."""
    if request.param == "simulator":
        open_connection = connection(request.getfixturevalue("simulator").url)
    else:
        assert real_api_key, "-m real_api needs ANTHROPIC_API_KEY"
        open_connection = connection(None, key=real_api_key, patience=Patience())
    async with open_connection as claude:
        yield claude


@pytest.fixture
async def simulated(simulator: Simulator) -> AsyncIterator[Claude]:
    """A connection to the simulator, for failures that the real API does not produce on request."""
    async with connection(simulator.url) as claude:
        yield claude


@pytest.fixture(scope="module")
def local_server() -> Iterator[Simulator]:
    """A server that speaks the Messages API and nothing else."""
    with running_simulator("--mode", "messages-only") as simulator:
        yield simulator
