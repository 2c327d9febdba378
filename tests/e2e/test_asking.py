"""A deployed job that stops for a person waits suspended, and goes on when somebody decides: in Prefect's form, on the
review page, on the command line, or by letting the time pass."""

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Generator

import httpx
import psutil
import pytest

from tests.e2e.conftest import Deployed
from tests.e2e.leash import end
from tests.e2e.stack import Json, Stack, Worker, eventually, free_port, leashed
from tests.faults.support import book

pytestmark = pytest.mark.e2e
ANSWER = {"decision": "approve", "reviewer": "Ada", "reason": "reads well", "minutes": 2.5}


def asked(stack: Stack, worker: Worker, **more: object) -> str:
    """A run that is suspended with its form, its process gone."""
    parameters = {"sources": [book(stack.folder, 3)], "kind": "summary", "path": "chunked", "review": "always"}
    run = stack.start("document-job", parameters | more)
    stack.reaches(run, "Suspended")
    eventually(lambda: worker.runs() == [])
    return run


def answer(stack: Stack, run: str, form: Json) -> Json:
    """What the UI's form does: resume with its fields. Gives what the server said."""
    told = stack.server.http.post(f"/flow_runs/{run}/resume", json={"run_input": form})
    return told.raise_for_status().json()


def form_of(stack: Stack, run: str) -> tuple[Json, str]:
    """The form's schema, and the Markdown above it, as the UI reads them."""
    keys = stack.state(run)["state_details"]["run_input_keyset"]
    values = [stack.server.http.get(f"/flow_runs/{run}/input/{keys[part]}") for part in ("schema", "description")]
    schema, description = (value.raise_for_status().json() for value in values)
    return schema, description


def review(stack: Stack) -> Json:
    """The only job's review, as the ledger has it."""
    asking = (
        "import json; from sqlalchemy import select; from storage.engine import connect, reading; "
        "from storage.tables import reviews; import os\n"
        "with reading(connect(os.environ['THROUGHLINE_DATABASE_URL'])) as tx:\n"
        "    print(json.dumps(dict(tx.execute(select(reviews)).mappings().one()), default=str))"
    )
    done = subprocess.run(
        [sys.executable, "-c", asking],
        env=stack.environment,
        cwd=stack.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_the_form_asks_with_reasons_costs_and_the_page_and_nobody_approves_by_resuming(deployed: Deployed):
    stack = deployed(THROUGHLINE_REVIEW_URL="https://review.example.org")
    with stack.worker() as worker:
        run = asked(stack, worker)
        schema, description = form_of(stack, run)
        for wrong in (
            {},
            {"decision": "approve"},
            {"decision": "perhaps", "reviewer": "Ada"},
            ANSWER | {"minutes": -1},
        ):
            assert answer(stack, run, wrong)["status"] == "REJECT"
        assert stack.state(run)["name"] == "Suspended"
    job = stack.job()
    assert set(schema["required"]) == {"decision", "reviewer"}
    assert f"https://review.example.org/jobs/{job['job_id']}" in description
    for part in ("review=always", "It has cost $", "run it again (single pass about $"):
        assert part in description
    assert job["status"] == "escalated"


def test_an_approval_in_the_form_ends_the_run_and_is_kept_with_who_when_why_and_minutes(deployed: Deployed):
    stack = deployed()
    with stack.worker() as worker:
        run = asked(stack, worker)
        assert answer(stack, run, ANSWER)["status"] == "ACCEPT"
        stack.reaches(run, "Completed")
    assert stack.job()["status"] == "done"
    told = review(stack)
    assert (told["decision"], told["reviewer"], told["reason"], told["minutes"]) == (
        "approve",
        "Ada",
        "reads well",
        2.5,
    )
    assert told["came_from"] == "prefect"
    assert told["decided_at"]
    stack.paid_once()


def test_a_rerun_in_the_form_queues_a_job_with_the_wish_to_its_writer(deployed: Deployed):
    stack = deployed("--batch-seconds", "1")
    with stack.worker() as worker:
        run = asked(stack, worker)
        form = {"decision": "rerun", "reviewer": "Ada", "rerun_path": "chunked", "note_to_writer": "Name the ships."}
        answer(stack, run, form)
        stack.reaches(run, "Completed")
        again, first = stack.jobs()
        assert (first["status"], again["status"]) == ("rejected", "queued")
        assert f"Run again as job {again['job_id']}" in first["reason"]
        stack.run("sweep")
    assert "Name the ships." in json.dumps(stack.simulator.requests("POST", "/v1/messages")[-1]["body"])


def test_a_decision_on_the_command_line_wakes_the_run_at_once(deployed: Deployed):
    stack = deployed()
    with stack.worker() as worker:
        run = asked(stack, worker)
        stack.throughline("decide", stack.job()["job_id"], "reject", "--reason", "too long")
        stack.reaches(run, "Completed")
    assert stack.job()["status"] == "rejected"
    assert review(stack)["came_from"] == "command"


def test_a_decision_without_a_server_in_reach_wakes_the_run_with_the_next_collect(deployed: Deployed):
    stack = deployed()
    with stack.worker() as worker:
        run = asked(stack, worker)
        job_id = stack.job()["job_id"]
        stack.settings["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
        stack.throughline("decide", job_id, "approve")
        stack.settings["PREFECT_API_URL"] = stack.server.url
        assert stack.state(run)["name"] == "Suspended"
        stack.run("collect")
        stack.reaches(run, "Completed")
    assert stack.job()["status"] == "done"


@contextlib.contextmanager
def pages(stack: Stack) -> Generator[httpx.Client]:
    """`throughline review` in a process of its own, and a visitor who is logged in."""
    port = free_port()
    settings = {"THROUGHLINE_REVIEW_TOKEN": "a-token-for-these-tests"}
    command = (sys.executable, "-m", "throughline", "review", "--port", str(port))
    log = stack.folder / "review.log"
    with leashed(*command, env=stack.environment | settings, cwd=stack.folder, log=log) as pid:
        eventually(lambda: "Review pages" in log.read_text())
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as http:
            eventually(lambda: _answers(http))
            http.post("/login", data={"token": "a-token-for-these-tests", "reviewer": "Grace"})
            yield http
        assert psutil.pid_exists(pid)
        end(pid)


def _answers(http: httpx.Client) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return http.get("/login").is_success
    return False


def test_a_decision_on_the_page_wakes_the_run_at_once_and_a_late_one_is_refused_everywhere(deployed: Deployed):
    stack = deployed()
    with stack.worker() as worker, pages(stack) as http:
        run = asked(stack, worker)
        job_id = stack.job()["job_id"]
        found = re.search(r'name="proof" value="(\w+)"', http.get("/").text)
        assert found is not None
        form = {"proof": found[1], "choice": "approve", "reason": "fine"}
        assert http.post(f"/jobs/{job_id}/decide", data=form).status_code == 200
        stack.reaches(run, "Completed")
        late = http.post(f"/jobs/{job_id}/decide", data=form | {"choice": "reject"})
        assert late.status_code == 409
        assert "was decided already: approve by Grace" in late.text
        command = stack.throughline("decide", job_id, "reject", ok=False)
        assert command == ""
        assert answer(stack, run, ANSWER)["status"] == "ABORT"  # the run waits no more
    assert stack.job()["status"] == "done"
    assert (review(stack)["reviewer"], review(stack)["came_from"]) == ("Grace", "page")


def test_a_form_that_comes_after_another_decision_changes_nothing_and_the_run_says_so(deployed: Deployed):
    stack = deployed()
    with stack.worker() as worker:
        run = asked(stack, worker)
        stack.settings["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
        stack.throughline("decide", stack.job()["job_id"], "reject", "--reviewer", "Grace")
        stack.settings["PREFECT_API_URL"] = stack.server.url
        answer(stack, run, ANSWER)
        stack.reaches(run, "Completed")
        said = "was decided already: reject by Grace"
        eventually(lambda: any(said in line for line in stack.logs(run)))
    assert stack.job()["status"] == "rejected"


def test_an_answer_that_cannot_be_carried_out_asks_again_and_is_not_carried_out_later(deployed: Deployed):
    stack = deployed()
    stack.simulator.faults("item", "refusal", times=-1)
    with stack.worker() as worker:
        run = asked(stack, worker)
        answer(stack, run, ANSWER)  # there is nothing to approve
        stack.reaches(run, "Running")
        stack.reaches(run, "Suspended")
        _, description = form_of(stack, run)
        assert "has no output to approve" in description
        answer(stack, run, {"decision": "look again", "reviewer": "Ada"})
        stack.reaches(run, "Running")
        stack.reaches(run, "Suspended")
        answer(stack, run, {"decision": "reject", "reviewer": "Ada"})
        stack.reaches(run, "Completed")
    assert stack.job()["status"] == "rejected"


@pytest.mark.parametrize(("setting", "status"), [("reject", "rejected"), ("publish", "done")])
def test_a_run_that_nobody_decided_on_in_time_ends_as_the_setting_says(deployed: Deployed, setting: str, status: str):
    stack = deployed(THROUGHLINE_REVIEW_EXPIRES_H="0.0001", THROUGHLINE_REVIEW_ON_EXPIRY=setting)
    with stack.worker() as worker:
        run = asked(stack, worker)
        stack.run("collect")
        stack.reaches(run, "Completed")
    job = stack.job()
    assert (job["status"], "Nobody decided in time." in job["reason"]) == (status, True)


def test_a_cancelled_run_leaves_its_job_in_the_inbox_and_another_run_asks_again(deployed: Deployed):
    stack = deployed()
    with stack.worker() as worker:
        run = asked(stack, worker)
        stack.cancel(run)
        stack.reaches(run, "Cancelled")
        stack.run("collect")
        job_id = stack.job()["job_id"]
        assert job_id in stack.throughline("inbox")
        second = stack.start("registered-job", {"job_id": job_id})
        stack.reaches(second, "Suspended")
        answer(stack, second, ANSWER)
        stack.reaches(second, "Completed")
    assert stack.job()["status"] == "done"
    stack.paid_once()


def test_a_followed_run_that_asks_a_person_ends_with_the_pages_address(deployed: Deployed):
    stack = deployed()
    with stack.worker():
        source = book(stack.folder, 3)
        asked = ["run", source, "--kind", "summary", "--path", "chunked", "--review", "always", "--json"]
        report = json.loads(stack.throughline(*asked, "--deployment", "document-job", "--wait", ok=False))
    assert report["status"] == "escalated"
    assert report["review_url"] == f"http://127.0.0.1:8420/jobs/{report['job_id']}"
