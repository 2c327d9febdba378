"""Saving a batch's results: what is wrong with one of them, or with the endpoint, keeps no other from being saved."""

from collections.abc import Callable
from pathlib import Path as FilePath

import pytest

from storage.engine import Tx
from tasks import batches as batch_steps
from tasks.ingesting import Arrived, ingest
from tasks.single_pass import save_result
from tests.faults.collecting import states
from tests.faults.rounds import SINGLE, books, collect, finish, statuses, submit, sweep
from tests.faults.support import Service, summary
from throughline.domain.job import BatchId, CallId, JobStatus
from throughline.domain.ledger import BatchState
from throughline.errors import BadInput, CostUnknown, Retryable


async def ended(service: Service) -> BatchId:
    """The id of the only batch, which is seen to have ended and is not read yet."""
    async with service.opened() as rt:
        with rt.engine.connect() as connection:
            batch_id = BatchId(connection.exec_driver_sql("SELECT id FROM batches").scalar_one())
        assert await batch_steps.has_ended(batch_id)
        return batch_id


def failing(call_id: CallId, error: Callable[[], Exception]) -> Callable[[Tx, Arrived], None]:
    """Settles every result but one, as when a model is not priced any more."""

    def save(tx: Tx, arrived: Arrived) -> None:
        if arrived.item.call_id == call_id:
            raise error()
        save_result(tx, arrived)

    return save


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(lambda: CostUnknown("no price is known any more"), id="no price"),
        pytest.param(lambda: ValueError("no price is known any more"), id="a mistake of this program"),
    ],
)
async def test_a_result_that_cannot_be_settled_keeps_no_neighbour_from_being_saved(
    service_on_each: Service, tmp_path: FilePath, error: Callable[[], Exception]
):
    service = service_on_each
    wanted = await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 4)))
    await sweep(service)
    batch_id = await ended(service)
    bad = CallId(service.submissions()[0]["requests"][1]["custom_id"])
    async with service.opened():
        with pytest.raises(Retryable, match="no price is known any more"):
            await ingest(batch_id, failing(bad, error))
    open_calls = [report.attempts[0].open_calls for report in await service.jobs()]
    assert sorted(open_calls) == [0, 0, 0, 1]
    assert await states(service) == [BatchState.ENDED]  # so that the next pass tries again
    await finish(service)
    assert await statuses(service, wanted) == [JobStatus.DONE] * 4
    assert len(service.submissions()) == 1


async def test_another_endpoint_is_not_asked_for_the_results_of_a_batch(service: Service, tmp_path: FilePath):
    await submit(service, *(summary(SINGLE, file) for file in books(tmp_path, 2)))
    await sweep(service)
    batch_id = await ended(service)
    asked = len(service.simulator.requests())
    async with service.opened(base_url=service.simulator.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(BadInput, match="Run the job with the endpoint and key that it began with"):
            await ingest(batch_id, save_result)
    assert len(service.simulator.requests()) == asked
    assert (await collect(service)).ingested == 1
    await finish(service)
