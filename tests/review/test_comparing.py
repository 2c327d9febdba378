"""The pages of comparison and costs: what the ledger has, real and simulated apart."""

from pathlib import Path as FilePath

from tests.faults.support import Service, book, summary
from tests.review.support import visiting, waiting_job
from throughline.domain.job import PathChoice


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
        for by in ("kind", "path", "week", "nonsense"):
            text = await visitor.text(f"/costs?by={by}&jobs=simulated")
            assert f"${service.billed():,.4f}" in text
        assert f"${service.billed():,.4f}" not in await visitor.text("/costs")


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
