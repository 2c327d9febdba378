"""Whatever a document says, it is shown as text, in its own block, and soon enough."""

import re
import time
from html.parser import HTMLParser
from pathlib import Path as FilePath
from typing import Any

import httpx
import pytest

from review.app import create_app
from review.excerpt import around, word_difference
from review.prose import html
from storage import checks
from storage.engine import transaction
from storage.tables import units
from tasks import runtime
from tests.faults.support import Service
from tests.review.support import visiting, waiting_job, write_unit
from throughline.domain.checks.result import conclude as conclude_check
from throughline.domain.checks.result import error, evidence
from throughline.domain.citations import CheckedCitation, CitationStatus
from throughline.domain.job import JobStatus
from throughline.domain.source import Format, Source

SCRIPT = "<script>alert(1)</script>"
ATTRIBUTE = '"><img src=x onerror=alert(1)>'
TURNED = "\u202egnp.exe\u202c"


class Tags(HTMLParser):
    """The tags and attributes that a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))


def assert_harmless(text: str) -> None:
    seen = Tags(text)
    assert seen.scripts == [src for src in seen.scripts if src == "/static/review.js"]
    assert not seen.tags & {"img", "object", "embed", "style", "base"}
    assert not {name for name in seen.attributes if name.startswith("on") or name == "style"}
    assert "\u202e" not in text


async def test_script_tags_and_turned_text_are_shown_as_text_everywhere(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    evil = f"{SCRIPT} {ATTRIBUTE} {TURNED} [click](javascript:alert(1)) ![x](https://evil.example/x.png)"
    async with visiting(service) as visitor:
        body = (
            f"# {evil}\n\n{evil}\n\n- {evil}\n\n> {evil}\n\n```\n{evil}\n```\n\n| {evil} | b |\n|---|---|\n\n**{evil}**"
        )
        quote = {"source": evil, "quote": evil}
        write_unit(report, "u001", heading=evil, body=body, citations=[quote])
        with transaction(runtime.current().engine) as tx:
            checked = CheckedCitation(source=evil, quote=evil, status=CitationStatus.MISSING, found_in=evil)
            found = conclude_check(evil[:60], [error("u001", evil, part=evil), error("nowhere", evil)])
            rows = [checks.CheckRow(name=found.name, passed=False, evidence=evidence(found))]
            at = runtime.now()
            checks.save(tx, report.attempts[0].id, results=rows, quotes=[("u001", checked)], now=at)
        base = f"/jobs/{report.id}"
        texts = [await visitor.text(path) for path in ("/", base, f"{base}?order=flags", f"{base}/figures")]
        texts.append(await visitor.text(f"{base}/citation?attempt={report.attempts[0].id}&unit=u001&n=0"))
        texts.append((await visitor.decide(report.id, "reject", reason=evil)).text)
        texts.append(await visitor.text("/jobs"))
    for text in texts:
        assert_harmless(text)
    assert "&lt;script&gt;" in texts[1]
    assert "[U+202E]" in texts[1]


async def test_a_reviewers_name_is_text_too(service: Service):
    async with visiting(service) as visitor:
        await visitor.log_in(f"{SCRIPT}{ATTRIBUTE}")
        assert_harmless(await visitor.text("/"))


async def test_a_search_for_a_page_does_not_come_back_as_code(service: Service):
    async with visiting(service, logged_in=False) as visitor:
        assert_harmless(await visitor.text(f"/login?next=/{ATTRIBUTE}"))


TRICKS = (
    "/static/../app.py",
    "/static/..%2fapp.py",
    "/static/%2e%2e/app.py",
    "/static//etc/passwd",
    "/static/..%5capp.py",
    "/static/",
    "/%00",
    "/%ff",
    "/jobs/../../etc/passwd",
    "{job}/source/-1",
    "{job}/source/2147483648",
    "{job}/source/99999999999999999999999",
    "{job}/citation?attempt={attempt}&unit=%00&n=0",
    "{job}/citation?attempt={attempt}&unit=u001&n=-1",
    "{job}/citation?attempt={attempt}&unit=u001&n=9999999999",
    "{job}/citation?attempt=%00&unit=u001&n=0",
    "{job}/citation?side=a&unit=u001&n=0",
    "{job}?attempt=..%2f..%2fx",
)


async def test_tricks_in_addresses_find_nothing(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        for trick in TRICKS:
            response = await visitor.get(trick.format(job=f"/jobs/{report.id}", attempt=report.attempts[0].id))
            assert response.status_code in (404, 405), trick
            assert "default-src 'none'" in response.headers["content-security-policy"], trick


@pytest.mark.parametrize("budget", ["1e9", "-1", "0", "0.00", "1,5", "\u0661", "nan", "99999999"])
async def test_a_budget_that_is_no_amount_decides_nothing(service: Service, tmp_path: FilePath, budget: str):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        assert (await visitor.decide(report.id, "rerun", budget_usd=budget)).status_code == 403
    assert (await service.job()).status is JobStatus.ESCALATED


async def test_a_mistake_of_ours_is_a_page_under_the_same_policy(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        with transaction(runtime.current().engine) as tx:
            tx.execute(units.update().values(content={"no": "unit"}))
        app = create_app(visitor.access, reviewer="owner")
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        jar, root = visitor.http.cookies, visitor.http.base_url
        async with httpx.AsyncClient(transport=transport, base_url=root, cookies=jar) as http:
            response = await http.get(f"/jobs/{report.id}")
    assert response.status_code == 500
    assert "This did not work" in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]


async def test_ten_thousand_citations_in_one_unit_are_shown(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        unit: dict[str, Any] = {"citations": [{"source": "book.md", "quote": f"Keeper {n}"} for n in range(10_000)]}
        write_unit(report, "u002", **unit)
        with transaction(runtime.current().engine) as tx:
            quotes = [
                ("u002", CheckedCitation(source="book.md", quote=f"Keeper {n}", status=CitationStatus.MISSING))
                for n in range(10_000)
            ]
            checks.save(tx, report.attempts[0].id, results=[], quotes=quotes, now=runtime.now())
        started = time.monotonic()
        text = await visitor.text(f"/jobs/{report.id}")
        took_s = time.monotonic() - started
        last = await visitor.text(f"/jobs/{report.id}/citation?attempt={report.attempts[0].id}&unit=u002&n=9999")
    assert text.count('class="quote missing"') == 10_000
    assert "No source holds this quote" in last
    assert took_s < 5  # about half a second on a machine that has nothing else to do


async def test_a_huge_unit_is_shown_whole(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        write_unit(report, "u003", body="word " * 400_000)
        text = await visitor.text(f"/jobs/{report.id}")
    assert len(text) > 2_000_000


def test_marks_without_end_cost_no_more_than_their_length():
    hostile = ["*" * 100_000, "`" * 100_000, "**a " * 30_000, "|-" * 50_000 + "x", "# " + " " * 100_000 + "x"]
    hostile += ["> " * 50_000, "- " * 50_000, "\n- a" * 30_000, "~~~\n" * 20_000, "|" + " |" * 50_000 + "x"]
    started = time.monotonic()
    for text in hostile:
        html(text)
        word_difference("a " * 20_000, text)
    assert time.monotonic() - started < 10


def test_markdown_keeps_its_forms_and_loses_its_links():
    written = "# Head\n\nplain *soft* **hard** `code`\nsecond [link](http://a)\n\n3. c\n4. d\n\n- x\n\n> said\n\n"
    text = html(written + "| a | b |\n|--|--|\n| 1 | 2 |")
    assert text == (
        '<p class="inner-heading" dir="auto"><strong>Head</strong></p>\n'
        '<p dir="auto">plain <em>soft</em> <strong>hard</strong> <code>code</code>\nsecond [link](http://a)</p>\n'
        '<ol start="3"><li dir="auto">c</li><li dir="auto">d</li></ol>\n'
        '<ul><li dir="auto">x</li></ul>\n'
        '<blockquote dir="auto">said</blockquote>\n'
        '<table class="inner"><tr><td dir="auto">a</td><td dir="auto">b</td></tr>'
        '<tr><td dir="auto">1</td><td dir="auto">2</td></tr></table>'
    )


def test_an_excerpt_of_a_large_source_is_a_window_that_leads_on():
    source = Source(name="big", format=Format.TEXT, text="".join(f"line {n}\n" for n in range(100_000)))
    start = source.text.index("line 50000")
    found = around(source, start, start + 10)
    assert (found.marked, found.line) == ("line 50000", 50_001)
    assert len(found.before) + len(found.after) < 26_000
    assert found.before.startswith("line ")
    assert found.earlier is not None
    assert found.later is not None
    whole = around(source, 0, len(source.text))
    assert (whole.earlier, whole.later) == (None, None)


def test_a_difference_shows_what_was_left_out_and_put_in():
    pieces = word_difference("the lamp was lit 12 times", "the lamp was never lit 13 times")
    assert [(piece.kind, piece.text.strip()) for piece in pieces if piece.kind != "same"] == [
        ("new", "never"),
        ("gone", "12"),
        ("new", "13"),
    ]


def test_no_template_calls_anything_safe():
    folder = FilePath(__file__).parents[2] / "review" / "templates"
    for file in folder.glob("*.html"):
        text = file.read_text()
        assert not re.search(r"\|\s*safe|autoescape|<style|style=|javascript:|\son\w+=", text), file.name
        assert "<script>" not in text
