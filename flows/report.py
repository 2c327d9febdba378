"""The last days in figures: an artifact in Prefect, and files for those who keep them."""

import asyncio
from pathlib import Path

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

from tasks import report_files, runtime
from throughline.domain.ownership import to_json


@flow(name="report", persist_result=False)
async def report(days: int = 7) -> str:
    """What tokens and people cost in the last days, by kind, path and week, and what waits for a person.

    Args:
        days: How many days to look back.
    """
    async with runtime.opened() as rt:
        found = await report_files.gather(days)
        text = report_files.as_markdown(found)
        await acreate_markdown_artifact(key="report", markdown=text, description=f"The last {days} days")
        rows = to_json(found.tables["By path"])["rows"]
        await acreate_table_artifact(key="cost-by-path", table=rows, description=f"The last {days} days")
        await asyncio.to_thread(report_files.write, found, Path(rt.settings.report_folder), runtime.now())
    return text
