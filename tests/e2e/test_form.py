"""A person starts a job in Prefect's own UI, in a real browser: the form, the run, its artifacts.

The pictures go to the folder that `UI_PICTURES` names (docs/ui in the repository), else nowhere that stays.
"""

import inspect
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.document_job import document_job
from tests.e2e.conftest import Deployed
from tests.e2e.stack import Stack, eventually
from tests.faults.support import book
from tests.review.browser import Browser, browsing
from throughline.domain.job import Depth, Kind, PathChoice, ReviewMode

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
DROP_DOWNS = {"kind": Kind, "path": PathChoice, "depth": Depth, "review": ReviewMode}
CLEAR = "\ue009a\ue000\ue003"  # control and a, then backspace
# The UI gives its fields, buttons and links no names that a test could use: they get the text that a person reads.
NAME_BY_TEXT = """
document.querySelectorAll('.schema-form-property').forEach(
    field => { field.dataset.field = field.querySelector('.schema-form-property__label').innerText.split(' ')[0] });
document.querySelectorAll('button, a, li, [role=tab]').forEach(
    thing => { thing.dataset.says = thing.innerText.trim() });
"""
FIELDS = "return [...document.querySelectorAll('.schema-form-property')].map(field => field.dataset.field)"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with browsing(tmp_path) as browser:
        yield browser


def picture(browser: Browser, name: str, folder: Path) -> None:
    browser.picture(Path(os.environ.get("UI_PICTURES") or folder / "pictures") / f"{name}.png")


def form_of(stack: Stack, browser: Browser) -> None:
    """Open the form of document-job."""
    deployment = stack.server.http.get("/deployments/name/document-job/document-job").raise_for_status().json()
    browser.open(f"{stack.server.url.removesuffix('/api')}/deployments/deployment/{deployment['id']}/run")
    browser.find(".schema-form-property")
    browser.run(NAME_BY_TEXT)


def says(browser: Browser, text: str) -> str:
    """Where that text is a button, a tab or a link; waited for."""
    where = f"[data-says={json.dumps(text)}]"

    def there() -> bool:
        browser.run(NAME_BY_TEXT)
        return bool(browser.run(f"return document.querySelectorAll({json.dumps(where)}).length"))

    eventually(there)
    return where


def options(browser: Browser, field: str) -> list[str]:
    """What the field's drop-down offers."""
    chosen = json.dumps(f"[data-field={field}] select:first-of-type option")
    return browser.run(f"return [...document.querySelectorAll({chosen})].map(option => option.value)")


def test_a_job_is_started_from_the_form_and_its_artifacts_are_opened(
    deployed: Deployed, browser: Browser, tmp_path: Path
):
    stack = deployed("--batch-seconds", "1")
    book(stack.folder, 2)
    form_of(stack, browser)
    assert browser.run(FIELDS) == list(inspect.signature(document_job.fn).parameters)
    assert len(browser.run(FIELDS)) <= 10
    for field, choices in DROP_DOWNS.items():
        assert options(browser, field) == [choice.value for choice in choices]
    browser.click("[data-field=sources] .p-draggable-list__create-button")
    browser.type("[data-field=sources] textarea", str(stack.folder / "book.md"))
    browser.click("[data-field=kind] option[value=summary]")
    browser.click("[data-field=path] option[value=both]")
    browser.click("[data-field=depth] option[value=brief]")
    browser.type("[data-field=budget_usd] input", f"{CLEAR}2.5")
    browser.resize(1440, 1800)  # all fields at once
    picture(browser, "form", tmp_path)
    browser.resize(1440, 900)
    browser.click(says(browser, "Submit"))
    with stack.worker():
        run = eventually(lambda: _runs(stack))[0]
        stack.reaches(run["id"], "Suspended")
        browser.open(f"{stack.server.url.removesuffix('/api')}/runs/flow-run/{run['id']}")
        eventually(lambda: "submitted to infrastructure" in browser.text("body"))
        picture(browser, "waiting", tmp_path)
        stack.run("collect")
        stack.reaches(run["id"], "Completed")
    eventually(lambda: "Completed" in browser.text("body"))
    browser.click(says(browser, "Artifacts"))
    browser.find(".artifact-card")
    job = stack.job()
    assert job["status"] == "done"
    assert {attempt["path"] for attempt in job["attempts"]} == {"single_pass", "chunked"}
    typed = stack.server.http.get(f"/flow_runs/{run['id']}").raise_for_status().json()["parameters"]
    assert (typed["kind"], typed["path"], typed["depth"], typed["budget_usd"]) == ("summary", "both", "brief", 2.5)
    _opens(browser, f"result-{job['job_id']}")
    eventually(lambda: f"throughline export {job['job_id']}" in browser.text("body"))
    picture(browser, "result", tmp_path)
    stack.paid_once()


def test_a_request_that_makes_no_sense_fails_with_one_sentence(deployed: Deployed, browser: Browser):
    stack = deployed()
    form_of(stack, browser)
    browser.click("[data-field=sources] .p-draggable-list__create-button")
    browser.type("[data-field=sources] textarea", str(stack.folder / "nowhere.md"))
    browser.click("[data-field=kind] option[value=summary]")
    browser.click(says(browser, "Submit"))
    with stack.worker():
        run = eventually(lambda: _runs(stack))[0]
        state = stack.reaches(run["id"], "Failed")
    assert re.search(r"nowhere\.md", state["message"])
    assert "Traceback" not in state["message"]
    browser.open(f"{stack.server.url.removesuffix('/api')}/runs/flow-run/{run['id']}")
    eventually(lambda: "nowhere.md" in browser.text("body"))
    assert stack.simulator.bill()["rows"] == []


def _runs(stack: Stack) -> list[dict[str, str]]:
    """The runs of this test's jobs, the newest first."""
    wanted = {
        "work_pools": {"name": {"any_": [stack.folder.name]}},
        "deployments": {"name": {"any_": ["document-job"]}},
    }
    return stack.server.http.post("/flow_runs/filter", json=wanted).raise_for_status().json()


def _opens(browser: Browser, key: str) -> None:
    """Open the artifact of that key from the cards of its run."""
    cards = json.dumps(".artifact-card__title a, a[href*='/artifacts/']")
    found = f"return [...document.querySelectorAll({cards})].find(a => a.innerText.includes({json.dumps(key[:14])}))"
    eventually(lambda: browser.run(f"{found} !== undefined"))
    browser.run(f"{found}.click()")
    eventually(lambda: "/artifacts/" in browser.url)
