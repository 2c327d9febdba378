"""A person in a real browser decides on a deployed job, and the run that waited for them completes."""

import contextlib
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.conftest import Deployed
from tests.e2e.stack import Stack, eventually, free_port, leashed
from tests.e2e.test_asking import review
from tests.faults.support import book
from tests.review.active_time import ActiveTime
from tests.review.browser import Browser, browsing

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
_TOKEN = "a-token-for-these-tests"


@contextlib.contextmanager
def pages(stack: Stack) -> Generator[str]:
    """`throughline review` in a process of its own; the address that logs in."""
    port = free_port()
    command = (sys.executable, "-m", "throughline", "review", "--port", str(port))
    log = stack.folder / "review.log"
    env = stack.environment | {"THROUGHLINE_REVIEW_TOKEN": _TOKEN}
    with leashed(*command, env=env, cwd=stack.folder, log=log):
        eventually(lambda: "Review pages" in log.read_text())
        yield f"http://127.0.0.1:{port}/login?token={_TOKEN}"


def test_a_reviewer_reads_compares_blind_and_decides_and_the_waiting_run_completes(deployed: Deployed):
    stack = deployed("--batch-seconds", "1")
    wanted = {"sources": [book(stack.folder, 12)], "kind": "summary", "depth": "exhaustive", "path": "both"}
    with stack.worker() as worker, pages(stack) as address:
        run = stack.start("document-job", wanted | {"review": "always"})
        stack.reaches(run, "Suspended")  # for its batch

        def asks() -> bool:
            if stack.state(run)["name"] == "Suspended" and stack.job()["status"] == "waiting":
                stack.run("collect")
            return stack.job()["status"] == "escalated" and stack.state(run)["name"] == "Suspended"

        eventually(asks, every_s=1)
        eventually(lambda: worker.runs() == [])
        with tempfile.TemporaryDirectory() as folder, browsing(Path(folder)) as browser:
            active = walk(browser, address, stack.job()["job_id"])
        stack.reaches(run, "Completed")
    told = review(stack)
    assert stack.job()["status"] == "done"
    assert (told["decision"], told["came_from"]) == ("approve", "page")
    assert "compared blind, preferred" in told["reason"]
    print(f"counted {told['minutes'] * 60:.0f} s of {active}")
    assert active.is_told_by(told["minutes"] * 60)


def walk(browser: Browser, address: str, job_id: str) -> ActiveTime:
    """How long the reviewer had the job before them."""
    active = ActiveTime()
    browser.open(address)
    browser.click("h1")  # a browser without a screen gives its window the focus with the first click
    active.starts_with(lambda: browser.click(f'a[href="/jobs/{job_id}/blind"]'))
    browser.press("j")
    browser.press("j")
    browser.press("o")
    browser.enter_frame("iframe[name=source]")
    assert browser.text("mark#span")
    browser.leave_frame()
    time.sleep(3)

    def come_back() -> None:
        browser.reload()
        browser.find("button[value=a]")

    active.pauses_for(come_back)
    time.sleep(3)
    browser.press("d")
    browser.type("#reason", "clearer")
    active.ends_with(lambda: browser.click("button[value=a]"))
    assert browser.shows("h1", "Decided: approve")
    return active
