"""An endpoint of one's own that speaks the Messages API and nothing else."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path as FilePath

import pytest

from tests.faults.support import Service, book, request, summary
from tests.servers import Simulator, running_simulator
from throughline.domain.job import JobStatus, Kind, PathChoice
from throughline.errors import BadInput

FREE = "local-model 200000 16000 0 0"
PRICED = "local-model 200000 16000 1 2"


@pytest.fixture(scope="module")
def local_server() -> Iterator[Simulator]:
    with running_simulator("--mode", "messages-only") as simulator:
        yield simulator


@pytest.fixture
async def local(local_server: Simulator, sqlite_url: str) -> AsyncIterator[Service]:
    """The service before a local server, whose calls are free."""
    local_server.reset()
    service = Service(simulator=local_server, database_url=sqlite_url)
    yield service
    await service.balance()


@pytest.mark.parametrize("kind", list(Kind))
async def test_every_kind_is_written_by_a_chain_that_carries_the_schema_in_its_prompt(
    local: Service, tmp_path: FilePath, kind: Kind
):
    wanted = request(kind, PathChoice.AUTO, [book(tmp_path, 3)], model="local-model")
    report = await local.run(wanted, unlisted_model=FREE)
    assert (report.status, report.reason) == (JobStatus.DONE, None)
    assert report.cost_usd == 0
    for call in local.calls():
        assert "<json_schema>" in call.instruction
        assert call.body.keys() == {"model", "max_tokens", "system", "messages", "stream"}


async def test_the_plan_says_that_there_are_no_batches(local: Service, tmp_path: FilePath):
    report = await local.run(summary(PathChoice.AUTO, book(tmp_path, 3), model="local-model"), unlisted_model=FREE)
    assert report.plan is not None
    assert not report.plan.endpoint.batches
    assert not report.plan.single_pass.feasible
    assert any("offers no Message Batches" in reason for reason in report.plan.reasons)


@pytest.mark.parametrize("path", [PathChoice.SINGLE_PASS, PathChoice.BOTH])
async def test_a_single_pass_is_refused_before_a_job_exists(local: Service, tmp_path: FilePath, path: PathChoice):
    with pytest.raises(BadInput, match=r"offers no Message Batches.*Nothing was spent"):
        await local.run(summary(path, book(tmp_path, 3), model="local-model"), unlisted_model=FREE)
    assert await local.jobs() == []


async def test_the_stated_price_is_what_the_ledger_counts(local_server: Simulator, sqlite_url: str, tmp_path: FilePath):
    local_server.reset()
    service = Service(simulator=local_server, database_url=sqlite_url)
    wanted = summary(PathChoice.CHUNKED, book(tmp_path, 3), model="local-model")
    report = await service.run(wanted, unlisted_model=PRICED)
    usage = report.attempts[0].usage
    assert report.cost_usd * 1_000_000 == usage.input_tokens + 2 * usage.output_tokens
