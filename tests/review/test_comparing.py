"""The pages of comparison and costs: what the ledger has, real and simulated apart."""

import re
from decimal import Decimal
from pathlib import Path as FilePath

from tasks.deciding import decide
from tests.faults.support import Service, book, summary
from tests.review.support import visiting, waiting_job
from throughline.domain.job import PathChoice
from throughline.domain.review import Choice, Decision, Origin


async def test_a_jobs_measures_say_what_they_mean_and_what_not(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path, PathChoice.BOTH)
    async with visiting(service) as visitor:
        text = await visitor.text(f"/jobs/{report.id}/compare")
    assert "cost at list price" in text
    assert "What the model says of itself." in text
    assert "That they support what is said." in text


async def test_few_jobs_are_too_few_to_say(service: Service, tmp_path: FilePath):
    await service.run(summary(PathChoice.BOTH, book(tmp_path, 3)))
    async with visiting(service) as visitor:
        assert "Nothing to compare yet" in await visitor.text("/comparison")
        text = await visitor.text("/comparison?jobs=simulated")
    assert "too few to say (1 of 40 pairs)" in text


async def test_the_costs_are_the_bill(service: Service, tmp_path: FilePath):
    await service.run(summary(PathChoice.BOTH, book(tmp_path, 3)))
    async with visiting(service) as visitor:
        for by in ("kind", "path", "week", "job", "nonsense"):
            for days in ("", "7", "nonsense"):
                text = await visitor.text(f"/costs?by={by}&jobs=simulated&days={days}")
                assert f"${service.billed():,.4f}" in text
        assert f"${service.billed():,.4f}" not in await visitor.text("/costs")


async def test_of_jobs_the_dearest_stands_first_and_leads_to_its_figures(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    small, large = [
        await service.run(summary(PathChoice.CHUNKED, book(tmp_path, chapters, f"{chapters}.md")))
        for chapters in (2, 6)
    ]
    async with visiting(service) as visitor:
        text = await visitor.text("/costs?by=job&jobs=simulated")
    found = re.findall(r'<a href="/jobs/([\w-]+)/figures" dir="auto">(\d\.md)</a> <small>', text)
    assert found == [(large.id, "6.md"), (small.id, "2.md")]
    assert "jobs instead" in text


async def test_a_jobs_figures_have_its_tokens_and_its_readers_in_one_table(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path, PathChoice.BOTH)
    decision = Decision(choice=Choice.APPROVE, reviewer="Ada", minutes=12.0, came_from=Origin.COMMAND)
    async with visiting(service, review_usd_per_hour=Decimal(60)) as visitor:
        await decide(report.id, decision)
        text = await visitor.text(f"/jobs/{report.id}/figures")
    table = text[text.index("What it cost") : text.index("<h2>Plan</h2>")]
    rows = re.findall(r'<th scope="row"[^>]*>([\w ]+)</th>.*?<td class="n">(\S+)</td></tr>', table)
    assert [name for name, _ in rows] == ["chunked", "single pass", "In all"]
    assert rows[-1][1] == f"${report.cost_usd + 12:,.4f}"
    assert "$12.0000" in table


async def test_the_pages_are_for_those_who_are_logged_in(service: Service):
    async with visiting(service, logged_in=False) as visitor:
        for path in ("/comparison", "/costs"):
            assert (await visitor.get(path)).status_code == 303


async def test_the_trends_rank_where_chunking_hurts(service: Service, tmp_path: FilePath):
    await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 9)))
    async with visiting(service) as visitor:
        text = await visitor.text("/trends?jobs=simulated")
        assert "Where chunking hurts" in text
        assert "too few to say (1 of 6)" in text
        assert "Where chunking hurts" not in await visitor.text("/trends?jobs=real")
