"""Prefect's server dies and comes back on its database: what waited goes on, and nothing is paid twice."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Generator

import pytest

from tests.e2e.conftest import Deployed
from tests.e2e.stack import Stack, eventually
from tests.e2e.test_dying import ONE_BY_ONE, SLOWLY, links
from tests.e2e.test_waiting import finish, having, job
from tests.faults.support import book

pytestmark = pytest.mark.e2e
BOTH = ("--path", "both", "--depth", "exhaustive")
DEPLOYED = ("--path", "single_pass", "--depth", "exhaustive", "--deployment", "document-job", "--wait")


@contextlib.contextmanager
def typed(stack: Stack, source: str, *arguments: str) -> Generator[subprocess.Popen[str]]:
    """Somebody in a terminal who started a job there and waits for its end."""
    with subprocess.Popen(
        [sys.executable, "-m", "throughline", "run", source, "--kind", "summary", "--json", *arguments],
        cwd=stack.folder,
        env=stack.environment | {"PREFECT_CLIENT_MAX_RETRIES": "0"},  # else Prefect's client tries again, unheard
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def runs(stack: Stack) -> list[str]:
    """The runs of this test's document jobs."""
    wanted = {
        "work_pools": {"name": {"any_": [stack.folder.name]}},
        "deployments": {"name": {"any_": ["document-job"]}},
    }
    found = stack.server.http.post("/flow_runs/filter", json=wanted).raise_for_status().json()
    return [run["id"] for run in found]


def test_a_killed_server_that_is_started_again_loses_neither_a_waiting_job_nor_a_chain_under_way(deployed: Deployed):
    stack = deployed("--batch-seconds", "5", *SLOWLY, **ONE_BY_ONE)
    with stack.worker("first"), typed(stack, book(stack.folder, 12, "waits.md"), *DEPLOYED) as follower:
        waiting = eventually(lambda: runs(stack))[0]
        stack.reaches(waiting, "Suspended")
        stack.start("document-job", job(stack, path="chunked", chapters=40, name="chain.md"))
        eventually(lambda: len(links(stack)) >= 2, within_s=60)
        stack.server.die()
        sent = len(links(stack))
        eventually(lambda: len(links(stack)) > sent)  # the chain goes on without a server
        stack.server.start()
        with stack.worker("second"):  # a worker may have given up meanwhile; compose starts such a one again
            finish(stack)
            eventually(lambda: having(stack, [waiting], "Completed") == 1)
            told, on_the_way = follower.communicate(timeout=120)
    assert "does not answer" in on_the_way
    assert (follower.returncode, json.loads(told)["status"]) == (0, "done"), on_the_way
    assert stack.billed("batch_item") == 1
    stack.paid_once(lost_calls=1)


def test_a_job_run_in_a_terminal_goes_on_to_its_end_without_the_server_that_was_to_show_it(deployed: Deployed):
    stack = deployed("--batch-seconds", "5", *SLOWLY, **ONE_BY_ONE, THROUGHLINE_BATCH_POLL_S="1")
    with typed(stack, book(stack.folder, 30, "alone.md"), *BOTH) as run:
        eventually(lambda: len(links(stack)) >= 2, within_s=60)
        stack.server.die()
        try:
            told, on_the_way = run.communicate(timeout=180)
        finally:
            stack.server.start()
    assert (run.returncode, json.loads(told)["status"]) == (0, "done"), on_the_way
    assert on_the_way.count("stopped answering") == 1
    assert "Traceback" not in on_the_way
    assert stack.billed("batch_item") == 1
    stack.paid_once()


def test_a_server_that_comes_back_shows_the_end_of_a_job_run_in_a_terminal(deployed: Deployed):
    stack = deployed("--batch-seconds", "5", *SLOWLY, **ONE_BY_ONE, THROUGHLINE_BATCH_POLL_S="1")
    with typed(stack, book(stack.folder, 60, "comes_back.md"), *BOTH) as run:
        eventually(lambda: len(links(stack)) >= 2, within_s=60)
        stack.server.die()
        stack.server.start()
        told, on_the_way = run.communicate(timeout=180)
    assert (run.returncode, json.loads(told)["status"]) == (0, "done"), on_the_way
    assert "stopped answering" not in on_the_way
    wanted = {"flow_runs": {"name": {"like_": "comes_back.md"}}}
    (shown,) = stack.server.http.post("/flow_runs/filter", json=wanted).raise_for_status().json()
    assert shown["state"]["name"] == "Completed"
    steps = {"flow_runs": {"id": {"any_": [shown["id"]]}}, "task_runs": {"name": {"like_": "conclude"}}}
    eventually(lambda: stack.server.http.post("/task_runs/filter", json=steps).raise_for_status().json(), within_s=60)
    stack.paid_once()
