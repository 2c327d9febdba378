"""What a reader needs who sees little, or nothing: contrast in light and dark, names of controls, headings in order."""

from pathlib import Path as FilePath

import pytest

from tests.faults.support import Service
from tests.review.browser import Browser
from tests.review.support import waiting_job
from tests.review.test_browser import PAGES, browser, served
from throughline.domain.job import PathChoice

__all__ = ["browser"]
pytestmark = pytest.mark.e2e

# Every element with text of its own, its colour against the nearest background behind it, by the formula of WCAG 2.
_TOO_FAINT = """
    const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => channels(colour).slice(0, 3).map((each) => each / 255)
        .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
        .reduce((sum, each, at) => sum + each * [0.2126, 0.7152, 0.0722][at], 0);
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if ((channels(colour)[3] ?? 1) === 1) return colour;
        }
        return getComputedStyle(document.body).backgroundColor;
    };
    const says = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const found = new Set();
    for (const element of document.querySelectorAll("body *")) {
        if (!says(element) || !element.checkVisibility() || element.matches("script, style, title")) continue;
        const style = getComputedStyle(element);
        const [high, low] = [light(element.closest("svg") ? style.fill : style.color), light(behind(element))]
            .sort((a, b) => b - a);
        if ((high + 0.05) / (low + 0.05) < 4.5) found.add(element.tagName + "." + element.getAttribute("class"));
    }
    return [...found];
"""
_NAMELESS = """
    const fields = [...document.querySelectorAll("input:not([type=hidden]), select, textarea")]
        .filter((field) => !field.labels.length);
    const others = [...document.querySelectorAll("a, button:not([hidden]), iframe, svg:not([aria-hidden])")]
        .filter((each) => !(each.textContent.trim() || each.title || each.getAttribute("aria-label")));
    return [...fields, ...others].map((each) => each.outerHTML.slice(0, 120));
"""
_HEADINGS = """
    const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map((each) => Number(each.tagName[1]));
    return { first: levels.filter((each) => each === 1).length,
             skipped: levels.some((each, at) => at && each > levels[at - 1] + 1) };
"""
_TWICE = """
    const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
    return ids.filter((id, at) => ids.indexOf(id) !== at);
"""


async def test_every_page_can_be_read_by_those_who_see_little_or_nothing(
    service: Service, tmp_path: FilePath, browser: Browser
):
    service.simulator.faults("item", "alter_quotes", share=0.3, times=-1)
    report = await waiting_job(service, tmp_path, PathChoice.BOTH, chapters=6)
    with served(service, tmp_path) as address:
        root = address.split("/login")[0]
        browser.open(f"{root}/login")
        assert (browser.run(_TOO_FAINT), browser.run(_NAMELESS)) == ([], [])
        browser.open(address)
        for page in PAGES:
            browser.open(root + page.format(job=f"/jobs/{report.id}"))
            for scheme in ("light", "dark"):
                browser.dress(scheme)
                assert (page, scheme, browser.run(_TOO_FAINT)) == (page, scheme, [])
            assert (page, browser.run(_NAMELESS), browser.run(_TWICE)) == (page, [], [])
            assert (page, browser.run(_HEADINGS)) == (page, {"first": 1, "skipped": False})
        browser.open(f"{root}/jobs/{report.id}")
        browser.click(".quote.altered a")
        browser.enter_frame("iframe[name=source]")
        browser.find("p.difference del")
        for scheme in ("light", "dark"):
            browser.dress(scheme)
            assert (scheme, browser.run(_TOO_FAINT), browser.run(_NAMELESS)) == (scheme, [], [])
