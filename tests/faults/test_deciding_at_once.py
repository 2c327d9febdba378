"""A decision and somebody who goes on with the job, at the same moment: one of them is first, and the other sees it."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from decimal import Decimal
from pathlib import Path as FilePath

import pytest

from storage import jobs, reviews
from storage.engine import transaction
from tasks import leasing, runtime
from tasks.conclusion import start
from tasks.deciding import decide
from tasks.job_life import carry_out
from tests.faults.support import CALL, Service, book, summary
from throughline.domain.job import JobId, JobStatus, PathChoice
from throughline.domain.report import JobReport
from throughline.domain.review import Choice, Decision, Origin
from throughline.errors import BadInput, BudgetExceeded

_WHILE_THE_OTHER_WAITS_S = 0.5


def rejection(reviewer: str = "Ada") -> Decision:
    return Decision(choice=Choice.REJECT, reviewer=reviewer, came_from=Origin.COMMAND)


async def stopped_at_its_budget(service: Service, folder: FilePath) -> JobReport:
    service.simulator.faults("item", "refusal", times=2, after_units=7, match=CALL)
    with pytest.raises(BudgetExceeded):
        await service.run(summary(PathChoice.CHUNKED, book(folder, 24), budget_usd=Decimal("0.59")))
    return await service.job()


def said_of_a_decision(service: Service, job_id: JobId) -> str:
    """What a person is told who decides, in a process of their own."""

    async def deciding() -> str:
        async with service.opened():
            try:
                await decide(job_id, rejection())
            except BadInput as error:
                return str(error)
            return "decided"

    return asyncio.run(deciding())


async def test_a_decision_waits_for_somebody_who_takes_the_job_up_again_and_is_refused(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    stopped = await stopped_at_its_budget(service, tmp_path)
    async with service.opened() as rt:
        with ThreadPoolExecutor() as people:
            with transaction(rt.engine) as tx:
                jobs.set_status(tx, stopped.id, JobStatus.RUNNING, now=runtime.now())
                told = people.submit(said_of_a_decision, service, stopped.id)
                _, waiting = wait([told], timeout=_WHILE_THE_OTHER_WAITS_S)
                assert waiting == {told}
            assert "is running and waits for no decision" in told.result()
        with transaction(rt.engine) as tx:
            assert (jobs.get(tx, stopped.id).status, reviews.open_of(tx, stopped.id) is None) == ("running", False)


async def test_of_two_decisions_at_once_the_first_stands_and_the_second_is_told_of_it(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    stopped = await stopped_at_its_budget(service, tmp_path)
    at_once = threading.Barrier(2)

    def decided() -> str:
        at_once.wait()
        return said_of_a_decision(service, stopped.id)

    with ThreadPoolExecutor() as people:
        told = [future.result() for future in [people.submit(decided) for _ in range(2)]]
    assert sorted("was decided already: reject by Ada" in each for each in told) == [False, True]
    assert "decided" in told


async def test_who_goes_on_after_a_decision_sends_nothing_and_leaves_it_standing(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    stopped = await stopped_at_its_budget(service, tmp_path)
    paid = service.billed()
    async with service.opened():
        async with leasing.held(stopped.id):  # the job is taken, and looked at; now somebody decides
            await decide(stopped.id, rejection())
            assert not await start(stopped.id)
        report = await carry_out(stopped.id, hold=True)
    assert report is not None
    assert report.status is JobStatus.REJECTED
    assert service.billed() == paid
