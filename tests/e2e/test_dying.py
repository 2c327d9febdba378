"""Workers die, are shut down, and runs are cancelled: another worker goes on, or nothing more is spent."""

import os
import signal
import time
from collections.abc import Sequence

import pytest

from tests.e2e.conftest import Deployed
from tests.e2e.stack import Json, Stack, eventually
from tests.e2e.test_waiting import finish, job
from throughline.failpoints import Failpoint

pytestmark = pytest.mark.e2e

SLOWLY = ("--tokens-per-second", "3000")
ONE_BY_ONE = {"THROUGHLINE_CHAIN_CONCURRENCY": "1", "THROUGHLINE_LEASE_S": "6"}


def links(stack: Stack) -> Sequence[Json]:
    """The calls of chains that were sent so far."""
    return stack.simulator.requests("POST", "/v1/messages")


@pytest.mark.parametrize("how", ["killed", "shut down"])
def test_a_chain_whose_worker_ends_is_finished_by_another(how: str, deployed: Deployed):
    stack = deployed(*SLOWLY, **ONE_BY_ONE)
    with stack.worker("first") as worker:
        stack.start("document-job", job(stack, path="chunked", chapters=30))
        eventually(lambda: len(links(stack)) >= 2)
        if how == "killed":
            worker.die()
        else:
            os.kill(worker.pid, signal.SIGTERM)
            eventually(lambda: not worker.runs())
    # A worker that is shut down mostly kills its runs; now and then Prefect waits for their end instead.
    ended_by_itself = how == "shut down" and stack.job()["status"] == "done"
    if not ended_by_itself:
        assert stack.job()["status"] != "done"
        with stack.worker("second"):
            finish(stack)
    stack.paid_once(lost_calls=1)
    assert stack.job()["attempts"][0]["units"] == 30


def test_a_cancelled_run_stops_its_chain_and_keeps_what_is_paid(deployed: Deployed):
    stack = deployed(*SLOWLY, **ONE_BY_ONE)
    with stack.worker():
        run = stack.start("document-job", job(stack, path="chunked", chapters=40))
        eventually(lambda: len(links(stack)) >= 2)
        stack.cancel(run)
        stack.reaches(run, "Cancelled")
        sent = len(links(stack))
        eventually(lambda: stack.run("collect") and stack.job()["status"] == "cancelled")
        time.sleep(7)  # longer than a lease
        stack.run("collect")
        stack.run("sweep")
        assert len(links(stack)) == sent
    (attempt,) = stack.job()["attempts"]
    assert 8 <= attempt["units"] < 40
    stack.paid_once(lost_calls=1)


def test_a_cancelled_suspended_run_cancels_its_batch(deployed: Deployed):
    stack = deployed("--batch-seconds", "300")
    with stack.worker():
        run = stack.start("document-job", job(stack))
        stack.reaches(run, "Suspended")
        stack.cancel(run)
        stack.reaches(run, "Cancelled")
        eventually(lambda: stack.run("collect") and cancelled_remotely(stack))
        eventually(lambda: stack.run("collect") and settled(stack))
        stack.run("sweep")
    found = stack.job()
    assert found["status"] == "cancelled"
    chain = next(attempt for attempt in found["attempts"] if attempt["path"] == "chunked")
    assert chain["units"] == 12
    assert stack.billed("batch_item") == 0
    stack.paid_once()


def cancelled_remotely(stack: Stack) -> bool:
    return any(request["path"].endswith("/cancel") for request in stack.simulator.requests("POST"))


def settled(stack: Stack) -> bool:
    """Whether no call of the job is open any more."""
    return all(attempt["open_calls"] == 0 for attempt in stack.job()["attempts"])


@pytest.mark.parametrize("place", [Failpoint.COLLECT_BEFORE_INGEST, Failpoint.COLLECT_BEFORE_RESUME])
def test_a_collect_that_died_does_not_block_the_next(deployed_on_each: Deployed, place: Failpoint):
    stack = deployed_on_each("--batch-seconds", "1")
    with stack.worker("doomed", THROUGHLINE_FAILPOINT=place) as worker:
        run = stack.start("document-job", job(stack, path="single_pass"))
        stack.reaches(run, "Suspended")
        time.sleep(1)
        died = stack.start("collect")
        stack.reaches(died, "Crashed")
        worker.die()
    with stack.worker("second"):
        eventually(lambda: stack.run("collect") and stack.state(run)["name"] == "Completed")
    stack.paid_once()
