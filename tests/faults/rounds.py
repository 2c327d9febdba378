"""Rounds of the service without a Prefect server: jobs are queued, swept and collected."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path as FilePath
from typing import Any

import httpx

from tasks.collecting import Collected, collect_once
from tasks.flow_runs import NoFlowRuns
from tasks.registration import Request, register
from tasks.sending import Swept, enqueue, sweep_queue
from tests.faults.support import BATCHES, Service, book
from tests.servers import SIMULATED_KEY
from throughline.domain.job import JobId, JobStatus, PathChoice

SINGLE, CHUNKED, BOTH = PathChoice.SINGLE_PASS, PathChoice.CHUNKED, PathChoice.BOTH


async def submit(service: Service, *requests: Request, **settings: Any) -> list[JobId]:
    """What `throughline submit` does with each."""
    async with service.opened(**settings):
        ids = [(await register(request)).id for request in requests]
        for job_id in ids:
            await enqueue(job_id)
        return ids


async def sweep(service: Service, limit: int = 1_000, **settings: Any) -> Swept:
    """One round of the sweep, as a new worker."""
    async with service.opened(**settings):
        return await sweep_queue(limit)


async def collect(service: Service, **settings: Any) -> Collected:
    """One round of collecting, without a Prefect server."""
    async with service.opened(**settings):
        return await collect_once(NoFlowRuns())


async def finish(service: Service) -> None:
    """Rounds of one worker until nothing is open and nothing is queued."""
    async with service.opened():
        for _ in range(4):
            await sweep_queue(1_000)
            collected = await collect_once(NoFlowRuns())
            if not (collected.open or collected.requeued):
                return


async def statuses(service: Service, ids: Sequence[JobId]) -> list[JobStatus]:
    found = {report.id: report.status for report in await service.jobs()}
    return [found[job_id] for job_id in ids]


def books(folder: FilePath, count: int, *, chapters: int = 2, name: str = "book") -> list[str]:
    """Documents that differ, so that each makes a job of its own."""
    return [book(folder, chapters, f"{name}-{number}.md", sea=f"{name}-{number}") for number in range(count)]


def batch_sizes(service: Service) -> list[int]:
    """How many requests each POST carried."""
    return [len(body["requests"]) for body in service.submissions()]


def end_batches(service: Service) -> None:
    """Every batch that still runs is stopped, as by a person in the console: it ends, and its items brought nothing."""
    headers = {"x-api-key": SIMULATED_KEY}
    with httpx.Client(base_url=service.simulator.url, headers=headers, verify=False, trust_env=False) as http:
        for batch in http.get(BATCHES).raise_for_status().json()["data"]:
            http.post(f"{BATCHES}/{batch['id']}/cancel").raise_for_status()


def at_once(count: int, work: Any) -> list[Any]:
    """Run so many workers at the same moment, each in a thread with a loop of its own."""
    gate = threading.Barrier(count)

    def one(_: int) -> Any:
        gate.wait()
        return asyncio.run(work())

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))
