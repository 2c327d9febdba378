"""A connection that breaks at COMMIT does not tell what became of it. Here it took place, and the work runs again."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from storage.engine import Engine
from tasks.collecting import collect_once
from tasks.flow_runs import NoFlowRuns
from tasks.sending import enqueue, sweep_queue
from tests.faults.support import Service, book, summary
from throughline.domain.job import JobStatus, PathChoice


class Unconfirmed:
    """The first commit after such a statement takes place, and its connection breaks before it says so.

    Of the next ones some do not take place.
    """

    def __init__(self, statement: str, *, then_refused: int = 0) -> None:
        self._statement = statement
        self._refused = then_refused
        self._is_in_transaction = False
        self.struck = 0

    def attach(self, engine: Engine) -> None:
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "before_cursor_execute", self._look)
        event.listen(engine, "commit", self._commit)

    def _begin(self, _: Connection) -> None:
        self._is_in_transaction = False

    def _look(self, _: Connection, __: object, statement: str, *___: Any) -> None:  # Any: what the driver is given
        self._is_in_transaction |= statement.startswith(self._statement)

    def _commit(self, connection: Connection) -> None:
        if self._is_in_transaction and not self.struck:
            self.struck += 1
            connection.connection.commit()
            raise OperationalError("COMMIT", None, ConnectionError("the connection broke"))
        if self._is_in_transaction and self._refused:
            self._refused -= 1
            connection.connection.rollback()
            raise OperationalError("COMMIT", None, ConnectionError("the connection broke"))


CHAIN = ("INSERT INTO attempts", "INSERT INTO calls", "INSERT INTO units", "UPDATE calls", "UPDATE jobs")
BATCH = (*CHAIN, "INSERT INTO batches", "UPDATE batches")


@pytest.mark.parametrize(
    ("path", "statement"),
    [(PathChoice.CHUNKED, each) for each in CHAIN] + [(PathChoice.SINGLE_PASS, each) for each in BATCH],
)
async def test_work_whose_commit_was_not_confirmed_leaves_no_second_request_and_nothing_that_counts_as_lost(
    service_on_each: Service, tmp_path: Path, path: PathChoice, statement: str
):
    await goes_on(service_on_each, tmp_path, path, Unconfirmed(statement))


@pytest.mark.parametrize("path", [PathChoice.CHUNKED, PathChoice.SINGLE_PASS])
async def test_nor_does_it_where_the_connection_breaks_once_more(
    service_on_each: Service, tmp_path: Path, path: PathChoice
):
    await goes_on(service_on_each, tmp_path, path, Unconfirmed("INSERT INTO calls", then_refused=1))


async def goes_on(service: Service, tmp_path: Path, path: PathChoice, unconfirmed: Unconfirmed) -> None:
    job_id = await service.register(summary(path, book(tmp_path, 3)))
    async with service.opened(partial_save_s=0) as rt:
        await enqueue(job_id)
        unconfirmed.attach(rt.engine)
        for _ in range(3):
            await sweep_queue(10)
            await collect_once(NoFlowRuns())
    report = await service.job()
    assert (unconfirmed.struck, report.status) == (1, JobStatus.DONE)
    (only,) = report.attempts
    assert (only.calls, only.lost_calls, only.open_calls) == (1, 0, 0)
    assert len(service.submissions()) + len(service.calls()) == 1
