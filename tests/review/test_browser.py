"""A person's walk through the pages in a real browser; the pages are served by the real command.

The pictures go to the folder that `REVIEW_PICTURES` names (docs/review in the repository), else nowhere that stays.
"""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path as FilePath

import pytest

from tasks.deciding import decide
from tests.faults.support import Service
from tests.review.active_time import ActiveTime
from tests.review.browser import Browser, browsing
from tests.review.support import review_of, visiting, waiting_job
from tests.servers import ROOT
from throughline.domain.job import JobStatus, PathChoice
from throughline.domain.review import Choice, Decision, Origin

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


@contextlib.contextmanager
def served(service: Service, folder: FilePath) -> Generator[str]:
    """`throughline review` in a process of its own; the address that it prints."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "THROUGHLINE_DATABASE_URL": service.database_url,
    }
    command = [sys.executable, "-u", "-m", "throughline", "review", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found is not None
            yield found[0]
        finally:
            process.terminate()


@pytest.fixture
def browser(tmp_path: FilePath) -> Generator[Browser]:
    with browsing(tmp_path) as browser:
        yield browser


def approval(minutes: float) -> Decision:
    return Decision(choice=Choice.APPROVE, reviewer="Ada", minutes=minutes, came_from=Origin.COMMAND)


def pictures(folder: FilePath) -> FilePath:
    return FilePath(os.environ.get("REVIEW_PICTURES") or folder / "pictures")


async def test_a_reviewer_walks_from_the_inbox_to_a_decision(service: Service, tmp_path: FilePath, browser: Browser):
    for chapters, minutes in ((8, 6.5), (16, 11.0)):
        earlier = await waiting_job(service, tmp_path, PathChoice.BOTH, chapters=chapters)
        async with service.opened():
            await decide(earlier.id, approval(minutes))
    service.simulator.faults("item", "alter_quotes", share=0.3, times=-1)
    report = await waiting_job(service, tmp_path, PathChoice.BOTH, chapters=12)
    folder, complaints = pictures(tmp_path), list[str]()

    def both(name: str) -> None:
        for scheme in ("light", "dark"):
            browser.dress(scheme)
            browser.picture(folder / f"{name}-{scheme}.png")
        complaints.extend(browser.log())

    with served(service, tmp_path) as address:
        root = address.split("/login")[0]
        browser.open(f"{root}/login")
        both("login")
        browser.open(address)
        both("inbox")
        browser.click(f'a[href="/jobs/{report.id}"]')
        browser.find("article.unit")
        for key in "jjk":
            browser.press(key)
        assert browser.run("return document.activeElement.id") == "closing"
        browser.press("j")
        assert browser.run("return document.activeElement.id") == "u001"
        browser.press("o")
        browser.enter_frame("iframe[name=source]")
        assert browser.text("mark#span")
        browser.leave_frame()
        browser.click(".quote.altered a")
        browser.enter_frame("iframe[name=source]")
        assert browser.text("p.difference del")
        browser.leave_frame()
        both("document")
        browser.open(f"{root}/jobs/{report.id}?order=flags")
        both("flags-first")
        browser.open(f"{root}/jobs/{report.id}/compare")
        both("compare")
        browser.open(f"{root}/jobs/{report.id}/figures")
        both("figures")
        browser.open(f"{root}/jobs")
        both("jobs")
        browser.open(f"{root}/trends?jobs=simulated")
        both("trends")
        browser.open(f"{root}/comparison?jobs=simulated")
        both("comparison")
        browser.open(f"{root}/costs?jobs=simulated&by=job")
        both("costs")
        browser.open(f"{root}/calibration")
        both("calibration")
        browser.as_phone(390, 844)
        for name, page in (("inbox", "/"), ("document", f"/jobs/{report.id}")):
            browser.open(f"{root}{page}")
            both(f"phone-{name}")
        browser.as_window()
        browser.open(f"{address}&reviewer=Grace")  # who has seen no path yet
        browser.click(f'a[href="/jobs/{report.id}/blind"]')
        browser.find("section.unit")
        both("blind")
        browser.press("d")
        browser.type("#reason", "clearer")
        browser.click("button[value=b]")
        browser.find("h1")
        both("decided")
        assert browser.shows("h1", "Decided: approve")
    assert complaints == []
    job = next(each for each in await service.jobs() if each.id == report.id)
    assert job.status is JobStatus.DONE
    async with visiting(service):
        review = review_of(report.id)
    assert (review.came_from, review.minutes is not None) == (Origin.PAGE, True)
    assert review.reason is not None
    assert "compared blind, preferred" in review.reason


async def test_reading_and_deciding_work_without_javascript(service: Service, tmp_path: FilePath, browser: Browser):
    report = await waiting_job(service, tmp_path)
    with served(service, tmp_path) as address:
        browser.without_scripts()
        browser.open(address)
        browser.click(f'a[href="/jobs/{report.id}"]')
        browser.click(".quote.verified a")
        browser.enter_frame("iframe[name=source]")
        assert browser.text("mark#span")
        browser.leave_frame()
        browser.type("#reason", "read without scripts")
        browser.click("button[value=reject]")
        assert browser.shows("h1", "Decided: reject")
    assert (await service.job()).status is JobStatus.REJECTED


async def test_minutes_are_the_time_of_active_reading(service: Service, tmp_path: FilePath, browser: Browser):
    """Reading in two tabs and over a reload counts once; a hidden tab and an idle reader do not count."""
    report = await waiting_job(service, tmp_path)
    with served(service, tmp_path) as address:
        active = read_and_approve(browser, address, f"{address.split('/login')[0]}/jobs/{report.id}")
    async with visiting(service):
        minutes = review_of(report.id).minutes
    assert minutes is not None
    print(f"counted {minutes * 60:.0f} s of {active}")
    assert active.is_told_by(minutes * 60)


def read_and_approve(browser: Browser, address: str, page: str) -> ActiveTime:
    """What a reader does who is active now and then; how long that was."""
    active = ActiveTime()
    browser.open(address)
    first, second = browser.window, browser.new_tab()
    browser.to_tab(first)
    browser.open(page)
    active.starts_with(lambda: browser.click("h1"))  # without a screen, a window has the focus from the first click on
    time.sleep(4)
    active.pauses_for(browser.reload)
    time.sleep(3)
    active.ends_with(lambda: browser.to_tab(second))  # an empty page in front of the job's
    time.sleep(8)

    def read_in_the_second_tab() -> None:
        browser.open(page)
        browser.click("h1")

    active.starts_with(read_in_the_second_tab)  # the same job, and then in the first tab again: one reader
    time.sleep(4)
    browser.to_tab(first)
    time.sleep(2)
    active.ends_with(lambda: browser.press("j"), after_s=60)  # nobody touches anything: a minute counts, the rest not
    time.sleep(72)
    active.starts_with(lambda: browser.press("d"))
    for _ in range(6):  # many short stretches: rounding each of them would add up
        time.sleep(0.7)
        active.ends_with(lambda: browser.to_tab(second))
        time.sleep(0.4)
        active.starts_with(lambda: browser.to_tab(first))
    browser.click(".quote.verified a")  # reading in the source beside the document counts, too
    browser.enter_frame("iframe[name=source]")
    browser.click("mark#span")
    time.sleep(2)
    browser.leave_frame()
    active.ends_with(lambda: browser.click("button[value=approve]"))
    browser.find("h1")
    return active


PAGES = (
    "/",
    "/jobs",
    "/trends?jobs=simulated",
    "/comparison?jobs=simulated",
    "/costs?by=job&jobs=simulated",
    "/calibration",
    "{job}",
    "{job}?order=flags",
    "{job}/compare",
    "{job}/blind",
    "{job}/figures",
)
_SIDEWAYS = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
_BROKEN_WORDS = """
    // A cell that is narrower than its longest word breaks it; figures and headings of columns must not be broken.
    return [...document.querySelectorAll("td.n, thead th")].filter((cell) => cell.scrollWidth > cell.clientWidth + 1)
        .map((cell) => cell.textContent);
"""


async def test_no_page_is_wider_than_a_phone(service: Service, tmp_path: FilePath, browser: Browser):
    report = await waiting_job(service, tmp_path, PathChoice.BOTH)
    with served(service, tmp_path) as address:
        browser.open(address)
        browser.as_phone(390, 844)
        for page in PAGES:
            browser.open(address.split("/login")[0] + page.format(job=f"/jobs/{report.id}"))
            browser.find("main")
            assert (page, browser.run(_SIDEWAYS), browser.run(_BROKEN_WORDS)) == (page, 0, [])


async def test_the_enter_key_decides_nothing(service: Service, tmp_path: FilePath, browser: Browser):
    report = await waiting_job(service, tmp_path, PathChoice.BOTH)
    with served(service, tmp_path) as address:
        root = address.split("/login")[0]
        browser.open(address)
        for page, field in (("", "#note"), ("", "#budget_usd"), ("/blind", "#note")):
            browser.open(f"{root}/jobs/{report.id}{page}")
            browser.run("for (const each of document.querySelectorAll('details')) each.open = true")
            browser.type(field, "2.50")
            browser.press("\ue007")
            assert browser.url == f"{root}/jobs/{report.id}{page}"
    assert (await service.job()).status is JobStatus.ESCALATED


async def test_the_source_makes_room_until_a_citation_is_opened_and_after_escape(
    service: Service, tmp_path: FilePath, browser: Browser
):
    report = await waiting_job(service, tmp_path, PathChoice.BOTH)

    def comes_to(low: float, high: float) -> bool:
        """Whether the source's share of the window is between these, at once or after a while."""
        give_up_at = time.monotonic() + 60
        while not low < browser.run("return document.querySelector('.beside').offsetHeight / innerHeight") < high:
            if time.monotonic() > give_up_at:
                return False
            time.sleep(0.05)
        return True

    with served(service, tmp_path) as address:
        browser.open(address)
        browser.open(f"{address.split('/login')[0]}/jobs/{report.id}/compare")
        assert comes_to(0, 0.1)
        browser.run("document.querySelector('.quote a').focus()")  # it is not hidden behind what stands at the edge
        browser.click(".quote a")
        assert comes_to(0.3, 0.35)
        browser.press("\ue00c")
        assert comes_to(0, 0.1)
