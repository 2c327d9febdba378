"""Prefect's server dies and comes back on its database: what waited goes on, and nothing is paid twice."""

import pytest

from tests.e2e.conftest import Deployed
from tests.e2e.stack import eventually
from tests.e2e.test_dying import ONE_BY_ONE, SLOWLY, links
from tests.e2e.test_waiting import finish, having, job

pytestmark = pytest.mark.e2e


def test_a_killed_server_that_is_started_again_loses_neither_a_waiting_job_nor_a_chain_under_way(deployed: Deployed):
    stack = deployed("--batch-seconds", "5", *SLOWLY, **ONE_BY_ONE)
    with stack.worker("first"):
        waiting = stack.start("document-job", job(stack, path="single_pass", name="waits.md"))
        stack.reaches(waiting, "Suspended")
        stack.start("document-job", job(stack, path="chunked", chapters=40, name="chain.md"))
        eventually(lambda: len(links(stack)) >= 2)
        stack.server.die()
        sent = len(links(stack))
        eventually(lambda: len(links(stack)) > sent)  # the chain goes on without a server
        stack.server.start()
        with stack.worker("second"):  # a worker may have given up meanwhile; compose starts such a one again
            finish(stack)
            eventually(lambda: having(stack, [waiting], "Completed") == 1)
    assert stack.billed("batch_item") == 1
    stack.paid_once(lost_calls=1)
