"""A service with an empty ledger, whose books must balance when the test is over."""

from collections.abc import AsyncIterator

import pytest

from tests.faults.support import Service
from tests.servers import Simulator


@pytest.fixture
async def service(simulator: Simulator, sqlite_url: str) -> AsyncIterator[Service]:
    """The service on SQLite. After the test its ledger must equal the simulator's bill."""
    service = Service(simulator=simulator, database_url=sqlite_url)
    yield service
    await service.balance()


@pytest.fixture
async def service_on_each(simulator: Simulator, database_url: str) -> AsyncIterator[Service]:
    """The same, once on SQLite and once on PostgreSQL."""
    service = Service(simulator=simulator, database_url=database_url)
    yield service
    await service.balance()
