"""Bring in what has been answered."""

from dataclasses import asdict

from prefect import flow, get_client

from flows.prefect_runs import PrefectRuns
from flows.telling import tell
from tasks import runtime
from tasks.collecting import collect_once
from tasks.step import plainly
from throughline.errors import AccessRefused


@flow(name="collect", persist_result=False)
async def collect() -> dict[str, int]:
    """Look once at every open batch: ingest the ended ones, wake the jobs that waited, free those left behind.

    What has ended since the last look, or has waited for too long, is told as events.
    """
    async with runtime.opened(), get_client() as client:
        with plainly():
            try:
                found = asdict(await collect_once(PrefectRuns(client)))
            except AccessRefused:
                await tell(client)  # all else was collected
                raise
            return found | {"told": await tell(client)}
