"""Bring in what has been answered."""

from dataclasses import asdict

from prefect import flow, get_client

from flows.prefect_runs import PrefectRuns
from tasks import runtime
from tasks.collecting import collect_once
from tasks.step import plainly


@flow(name="collect", persist_result=False)
async def collect() -> dict[str, int]:
    """Look once at every open batch: ingest the ended ones, wake the jobs that waited, free those left behind."""
    async with runtime.opened(), get_client() as client:
        with plainly():
            return asdict(await collect_once(PrefectRuns(client)))
