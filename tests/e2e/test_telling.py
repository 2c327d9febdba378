"""What a team is told: events of a real server, sent on by its automation, once for each thing that happened."""

import contextlib
import json
import threading
from collections.abc import Generator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.e2e.conftest import Deployed
from tests.e2e.stack import Stack, eventually
from tests.faults.support import book

pytestmark = pytest.mark.e2e
AUTOMATION = "throughline: tell the team"


class Receiver(ThreadingHTTPServer):
    """Where a chat service would listen."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook/marked-secret"

    def told(self) -> list[str]:
        """The names of the events that arrived, sorted."""
        return sorted(body["event"] for body in self.received)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/json"
        self.server.received.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def automation_removed(stack: Stack) -> Generator[None]:
    """The server is the whole suite's: what one test has it send on, the next one must not."""
    try:
        yield
    finally:
        stack.settings["THROUGHLINE_NOTIFY_URL"] = ""
        stack.throughline("deploy")


def automations(stack: Stack) -> list[dict[str, Any]]:
    body = {"automations": {"name": {"any_": [AUTOMATION]}}}
    return stack.server.http.post("/automations/filter", json=body).raise_for_status().json()


def test_each_end_of_a_job_reaches_the_team_once(deployed: Deployed, receiver: Receiver):
    stack = deployed("--batch-seconds", "0", THROUGHLINE_NOTIFY_URL=receiver.url)
    source = book(stack.folder, 2)
    with automation_removed(stack), stack.worker():
        stack.throughline("run", source, "--kind", "summary", "--path", "chunked", "--review", "always", ok=False)
        stack.throughline("run", source, "--kind", "summary", "--path", "chunked", "--depth", "brief")
        small = ["--kind", "summary", "--path", "chunked", "--depth", "exhaustive", "--budget-usd", "0.001"]
        stack.throughline("run", source, *small, ok=False)
        refused = stack.start("document-job", {"sources": ["/nowhere.md"], "kind": "summary"})
        stack.reaches(refused, "Failed")
        statuses = {job["status"] for job in stack.jobs()}
        ends = {"escalated": "escalated", "done": "published", "budget": "budget-spent"}
        expected = sorted([f"throughline.job.{ends[status]}" for status in statuses] + ["throughline.run.refused"])
        stack.run("collect")
        eventually(lambda: receiver.told() == expected)
        stack.run("collect")
        stack.run("collect")
    assert receiver.told() == expected
    assert len(statuses) >= 2
    escalated = next(body for body in receiver.received if body["event"].endswith("escalated"))
    job = next(job for job in stack.jobs() if job["status"] == "escalated")
    assert escalated["details"]["job_id"] == job["job_id"]
    assert escalated["details"]["cost_usd"] == job["cost_usd"]
    assert escalated["details"]["page"] == f"http://127.0.0.1:8420/jobs/{job['job_id']}"
    assert escalated["text"].startswith("summary of book.md waits for a person: $")


def test_a_batch_without_an_answer_is_told_once(deployed: Deployed, receiver: Receiver):
    stack = deployed(
        "--batch-seconds", "600", THROUGHLINE_NOTIFY_URL=receiver.url, THROUGHLINE_BATCH_OVERDUE_H="0.0001"
    )
    with automation_removed(stack), stack.worker():
        stack.throughline("submit", book(stack.folder, 2), "--kind", "summary", "--path", "single_pass")
        stack.throughline("sweep")
        stack.run("collect")
        eventually(lambda: receiver.told() == ["throughline.batch.overdue"])
        stack.run("collect")
    assert receiver.told() == ["throughline.batch.overdue"]
    assert receiver.received[0]["details"]["requests"] == 1


def test_deploying_twice_makes_one_automation_and_without_an_address_there_is_none(
    deployed: Deployed, receiver: Receiver
):
    stack = deployed(THROUGHLINE_NOTIFY_URL=receiver.url)
    stack.throughline("deploy")
    assert len(automations(stack)) == 1
    assert "marked-secret" not in json.dumps(automations(stack))
    stack.settings["THROUGHLINE_NOTIFY_URL"] = ""
    stack.throughline("deploy")
    assert automations(stack) == []
