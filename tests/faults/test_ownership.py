"""The table of total cost equals the simulator's bill to the picodollar, whatever it is grouped by."""

from decimal import Decimal
from pathlib import Path

import pytest

from storage.spending import By
from tasks import report_files, runtime
from tasks.ownership import owned
from tests.faults.support import Service, book, summary
from throughline.domain.job import PathChoice, ReviewMode


@pytest.mark.parametrize("by", [By.KIND, By.PATH, By.WEEK, By.JOB])
async def test_the_table_adds_up_to_the_bill(service: Service, tmp_path: Path, by: By):
    service.simulator.faults("item", "truncate", share=1.0, times=1)
    await service.run(summary(PathChoice.BOTH, book(tmp_path, 9)))
    await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 3, "other.md")))
    async with service.opened():
        found = await owned(by, simulated=True)
        real = await owned(by, simulated=False)
    assert found.total.spent.paid_usd == service.billed()
    assert found.total.jobs == 2
    assert real.rows == ()


async def test_batch_and_chain_are_told_apart_by_their_discounts(service: Service, tmp_path: Path):
    await service.run(summary(PathChoice.BOTH, book(tmp_path, 9)))
    async with service.opened():
        rows = {row.name: row.spent for row in (await owned(By.PATH, simulated=True)).rows}
    assert rows["single_pass"].paid_usd == service.billed("batch_item")
    assert rows["single_pass"].batch_discount_usd == rows["single_pass"].paid_usd
    assert rows["chunked"].paid_usd == service.billed("message")
    assert rows["chunked"].batch_discount_usd == Decimal(0)


async def test_the_weekly_report_is_text_a_table_and_a_page(service: Service, tmp_path: Path):
    request = summary(PathChoice.BOTH, book(tmp_path, 3), review=ReviewMode.ALWAYS, title="A | title <b>")
    waiting = await service.run(request)
    async with service.opened():
        found = await report_files.gather(7)
        files = report_files.write(found, tmp_path / "reports", runtime.now())
    assert [file.suffix for file in files] == [".md", ".csv", ".html"]
    text, rows, page = (file.read_text() for file in files)
    assert f"`{waiting.id}` | escalated | A \\| title <b> |" in text
    assert "Simulated: no real model" in text
    assert f"{waiting.id},1,1,2," in rows
    assert f"${service.billed():,.4f}" in page


async def test_a_report_of_nothing_says_so(service: Service):
    async with service.opened():
        found = await report_files.gather(7)
    assert report_files.as_markdown(found) == "# The last 7 days\n\nNo jobs.\n"


async def test_a_folder_that_cannot_be_written_stops_no_report(service: Service, tmp_path: Path):
    (tmp_path / "taken").write_text("a file")
    async with service.opened():
        found = await report_files.gather(7)
        assert report_files.write(found, tmp_path / "taken", runtime.now()) == ()
