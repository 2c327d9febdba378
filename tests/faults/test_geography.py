"""A workspace may have its requests answered in the US by default, which costs a tenth more: the ledger must know."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from storage.engine import Tx
from storage.spending import By, Scope
from tasks.ownership import gathered
from tasks.saving import read
from tests.faults.support import Service, book, summary
from tests.servers import Simulator, running_simulator
from throughline.domain.job import JobStatus, PathChoice
from throughline.domain.ownership import Ownership


@pytest.fixture(scope="module")
def american() -> Iterator[Simulator]:
    """A workspace whose default geography is the US."""
    with running_simulator("--batch-seconds", "0", "--inference-geo", "us") as simulator:
        yield simulator


@pytest.fixture
def service_in_us(american: Simulator, database_url: str) -> Service:
    """The service in that workspace, with an empty ledger on each database."""
    american.reset()
    return Service(simulator=american, database_url=database_url)


async def owned(service: Service) -> Ownership:
    def gather(tx: Tx) -> Ownership:
        return gathered(tx, Scope(simulated=True), By.PATH, Decimal(0))

    async with service.opened():
        return await read(gather)


@pytest.mark.parametrize("path", [PathChoice.CHUNKED, PathChoice.SINGLE_PASS])
async def test_an_answer_from_the_us_costs_in_the_ledger_what_it_costs_on_the_bill(
    service_in_us: Service, tmp_path: Path, path: PathChoice
):
    assert (await service_in_us.run(summary(path, book(tmp_path, 3)))).status is JobStatus.DONE
    await service_in_us.balance()


async def test_the_batch_discount_of_answers_from_the_us_is_still_half_of_their_list_price(
    service_in_us: Service, tmp_path: Path
):
    await service_in_us.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    spent = (await owned(service_in_us)).total.spent
    assert spent.batch_discount_usd == spent.paid_usd == service_in_us.billed()
    assert (spent.list_usd, spent.cache_discount_usd) == (2 * spent.paid_usd, 0)
