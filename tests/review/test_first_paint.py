"""A reader of a 300K-token output sees its beginning within a second, in a real Chromium."""

import time
from pathlib import Path as FilePath
from typing import Any

import pytest

from tests.faults.support import Service
from tests.review.browser import Browser, browsing
from tests.review.support import waiting_job
from tests.review.test_browser import served

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
_CHAPTERS = 240
_WITHIN_MS = 1_000
_FIRST_LINK = "return document.querySelector('.quote a').getAttribute('href')"
_TIMES = """
    const page = performance.getEntriesByType("navigation")[0];
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    return paint && { asked: page.requestStart, first_byte: page.responseStart, last_byte: page.responseEnd,
                      paint: paint.startTime, bytes: page.decodedBodySize };
"""


def loaded(browser: Browser, url: str) -> dict[str, Any]:
    """Milliseconds since the page was asked for, by the browser's own clock. Any: JSON."""
    browser.open(url)
    give_up_at = time.monotonic() + 120
    while (times := browser.run(_TIMES)) is None:
        assert time.monotonic() < give_up_at
        time.sleep(0.1)
    return times


async def test_an_output_of_300k_tokens_is_painted_within_a_second(
    service: Service, tmp_path: FilePath, capsys: pytest.CaptureFixture[str]
):
    report = await waiting_job(service, tmp_path, chapters=_CHAPTERS)
    tokens = report.attempts[0].usage.output_tokens
    assert tokens > 300_000
    with served(service, tmp_path) as address, browsing(tmp_path) as browser:
        root = address.split("/login")[0]
        browser.open(address)
        times = [loaded(browser, f"{root}/jobs/{report.id}") for _ in range(5)]
        give_up_at = time.monotonic() + 90  # a machine that is busy with other things only ever makes it slower
        while min(each["paint"] for each in times) >= _WITHIN_MS and time.monotonic() < give_up_at:
            times.append(loaded(browser, f"{root}/jobs/{report.id}"))
        best = min(times, key=lambda each: each["paint"])
        cited = loaded(browser, f"{root}{browser.run(_FIRST_LINK)}")
    with capsys.disabled():
        shown = ", ".join(f"{each['paint']:.0f}" for each in times)
        print(
            f"\n{tokens:,} tokens, {best['bytes']:,} bytes of HTML: first paint after {shown} ms (best: first byte "
            f"{best['first_byte']:.0f}, last byte {best['last_byte']:.0f}); one citation {cited['paint']:.0f} ms"
        )
    assert best["paint"] < _WITHIN_MS
