"""A job that is started on a deployment from a terminal: the same result as in this process, and a log to follow."""

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Deployed
from tests.e2e.stack import eventually
from tests.faults.support import book

pytestmark = pytest.mark.e2e
THERE = ("--deployment", "document-job")


def test_waiting_for_a_run_prints_what_the_ledger_has_of_its_job(deployed: Deployed):
    stack = deployed("--batch-seconds", "0")
    source = book(stack.folder, 2)
    with stack.worker():
        told = stack.throughline("run", source, "--kind", "summary", "--path", "chunked", *THERE, "--wait", "--json")
        text = stack.throughline("run", source, "--kind", "summary", "--path", "chunked", *THERE, "--wait")
    job = json.loads(told)
    assert job == json.loads(stack.throughline("show", job["job_id"], "--json"))
    assert job["status"] == "done"
    here = stack.throughline("run", source, "--kind", "summary", "--path", "chunked")  # the same job, which is done
    assert text.endswith(here)
    stack.paid_once()


def test_a_run_that_is_not_waited_for_gives_its_id_and_its_log_tells_each_step(deployed: Deployed):
    stack = deployed("--batch-seconds", "0")
    source = Path(book(stack.folder, 2))
    with stack.worker():
        told = stack.throughline("run", str(source), "--kind", "summary", "--path", "chunked", *THERE, "--json")
        run_id = json.loads(told)["flow_run_id"]
        assert stack.reaches(run_id, "Completed", "Failed")["name"] == "Completed"
    # The server has the last lines a moment after the run's end.
    log = eventually(lambda: text if "job ended" in (text := "\n".join(stack.logs(run_id))) else None)
    steps = ["job registered", "job taken up", "link answered", "output checked", "job ended"]
    assert [step for step in steps if step not in log] == []
    sentences = [line for line in source.read_text().splitlines() if len(line) > 40]
    assert not any(sentence in log for sentence in sentences)
