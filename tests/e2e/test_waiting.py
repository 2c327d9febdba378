"""A deployed job waits for its batch without a process, and goes on whatever died meanwhile."""

import os
import signal
import time

import psutil
import pytest

from tests.e2e.conftest import Deployed
from tests.e2e.stack import Json, Stack, Worker, eventually
from tests.faults.support import book

pytestmark = pytest.mark.e2e


def job(stack: Stack, *, path: str = "both", chapters: int = 12, name: str = "book.md") -> Json:
    source = book(stack.folder, chapters, name, sea=name)
    return {"sources": [source], "kind": "summary", "path": path, "depth": "exhaustive"}


def collected(stack: Stack, run: str, *, within_s: float = 300) -> None:
    """Collect again and again, as the schedule does, until the run is not suspended any more."""

    def collect() -> bool:
        stack.run("collect")
        return stack.state(run)["name"] != "Suspended"

    eventually(collect, within_s=within_s)


@pytest.mark.parametrize("path", ["both", "single_pass"])
def test_a_batch_run_suspends_holds_no_process_and_is_resumed_by_collect(path: str, deployed: Deployed):
    stack = deployed("--batch-seconds", "10")
    with stack.worker() as worker:
        run = stack.start("document-job", job(stack, path=path))
        (process,) = eventually(worker.runs)
        stack.reaches(run, "Suspended")
        eventually(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
        assert worker.runs() == []
        assert stack.job()["status"] == "waiting"
        collected(stack, run)
        stack.reaches(run, "Completed")
    assert stack.job()["status"] == "done"
    assert stack.billed("batch_item") == 1
    stack.paid_once()


def test_a_person_who_resumes_too_early_does_no_harm(deployed: Deployed):
    stack = deployed("--batch-seconds", "15")
    with stack.worker():
        run = stack.start("document-job", job(stack, path="single_pass"))
        stack.reaches(run, "Suspended")
        stack.server.http.post(f"/flow_runs/{run}/resume").raise_for_status()
        stack.reaches(run, "Running")
        stack.reaches(run, "Suspended")
        collected(stack, run)
        stack.reaches(run, "Completed")
    stack.paid_once()


@pytest.mark.parametrize("path", ["single_pass", "both"])
def test_a_run_killed_just_before_it_suspends_is_finished_by_the_sweep(deployed_on_each: Deployed, path: str):
    stack = deployed_on_each("--batch-seconds", "3")
    with stack.worker("doomed", THROUGHLINE_FAILPOINT="before-suspend"):
        run = stack.start("document-job", job(stack, path=path))
        stack.reaches(run, "Crashed")
    assert stack.job()["status"] == "waiting"
    with stack.worker("second"):
        finish(stack)
    assert stack.billed("batch_item") == 1
    stack.paid_once()


def test_a_machine_that_dies_just_before_a_run_suspends_leaves_no_job_behind(deployed: Deployed):
    stack = deployed("--batch-seconds", "3", "--tokens-per-second", "3000")
    with stack.worker("doomed", THROUGHLINE_FAILPOINT="before-suspend") as worker:
        run = stack.start("document-job", job(stack))
        eventually(lambda: stack.simulator.requests("POST", "/v1/messages"))
        (process,) = worker.runs()
        os.kill(worker.pid, signal.SIGSTOP)  # so that nobody tells Prefect of the death of the run's process
        eventually(lambda: process.status() == psutil.STATUS_ZOMBIE)
        worker.die()
    assert stack.job()["status"] == "waiting"
    assert stack.state(run)["name"] == "Running"
    with stack.worker("second"):
        finish(stack)
    stack.paid_once()


def finish(stack: Stack, *, within_s: float = 300) -> None:
    """Do the rounds that the schedule does until every job is done."""

    def rounds() -> bool:
        stack.run("collect")
        stack.run("sweep")
        return {found["status"] for found in stack.jobs()} == {"done"}

    eventually(rounds, within_s=within_s)


def megabytes(process: psutil.Process) -> float:
    return process.memory_info().rss / 2**20


def test_many_suspended_runs_hold_no_process_and_all_complete_when_their_batches_end(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
):
    count = 30
    stack = deployed("--batch-seconds", "30")
    with stack.worker() as worker:
        runs = [stack.start("document-job", job(stack, path="single_pass", name="0.md"))]
        stack.reaches(runs[0], "Suspended")
        watched = psutil.Process(worker.pid), psutil.Process(stack.server.pid)
        before = [megabytes(process) for process in watched]
        started = time.monotonic()
        runs += [
            stack.start("document-job", job(stack, path="single_pass", name=f"{number}.md"))
            for number in range(1, count)
        ]
        most = follow(stack, worker, runs)
        elapsed = time.monotonic() - started
        eventually(lambda: not worker.runs())
        assert {found["status"] for found in stack.jobs()} == {"waiting"}
        after = [megabytes(process) for process in watched]
        collected_at = time.monotonic()
        finish(stack, within_s=900)
        eventually(lambda: having(stack, runs, "Completed") == count, within_s=900)
        completing = time.monotonic() - collected_at
    with capsys.disabled():
        print(
            f"\n{count} runs suspended at once after {elapsed:.0f} s ({elapsed / count:.1f} s each); their processes "
            f"while they started: at most {most}, once all were suspended: none; memory of the worker "
            f"{before[0]:.0f} -> {after[0]:.0f} MB, of the server {before[1]:.0f} -> {after[1]:.0f} MB; all completed "
            f"{completing:.0f} s after the first collect"
        )
    assert stack.billed("batch_item") == count
    stack.paid_once()
    assert after[0] - before[0] < 2 * count  # a run that held a process would take some hundred


def follow(stack: Stack, worker: Worker, runs: list[str]) -> int:
    """Wait until all are suspended; says how many processes there were at most."""
    most = 0

    def all_suspended() -> bool:
        nonlocal most
        most = max(most, len(worker.runs()))
        return having(stack, runs, "Suspended") == len(runs)

    eventually(all_suspended, within_s=900, every_s=0.5)
    return most


def having(stack: Stack, runs: list[str], state: str) -> int:
    """How many of these runs are in that state."""
    body = {"flow_runs": {"id": {"any_": runs}, "state": {"name": {"any_": [state]}}}}
    return stack.server.http.post("/flow_runs/count", json=body).raise_for_status().json()
