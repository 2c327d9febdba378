"""Two workers share one queue of fifty mixed jobs: each is done once, and the ledger is the bill."""

import asyncio
import itertools
import time

import pytest

from tasks.registration import Request, register
from tasks.runtime import opened
from tasks.sending import enqueue
from tests.e2e.conftest import Deployed
from tests.e2e.stack import Stack, eventually
from tests.e2e.test_waiting import finish
from tests.faults.support import book, modules, request
from tests.servers import simulated_settings
from throughline.domain.job import Kind, PathChoice

pytestmark = pytest.mark.e2e

JOBS = 50
SETTINGS = {"THROUGHLINE_LEASE_S": "6"}


def mixed(stack: Stack) -> list[Request]:
    """Summaries, reviews, reports and syntheses over all paths."""
    kinds = itertools.cycle([Kind.SUMMARY, Kind.RESEARCH_REPORT, Kind.SYNTHESIS, Kind.CODE_REVIEW])
    paths = itertools.cycle([PathChoice.SINGLE_PASS, PathChoice.CHUNKED, PathChoice.BOTH])
    wanted: list[Request] = []
    for number, kind, path in zip(range(JOBS), kinds, paths, strict=False):
        folder = stack.folder / str(number)
        folder.mkdir()
        sources = modules(folder, 2) if kind is Kind.CODE_REVIEW else [book(folder, 2, sea=str(number))]
        wanted.append(request(kind, path, sources, instructions=f"Job {number}."))
    return wanted


def queue_up(stack: Stack) -> None:
    async def submit() -> None:
        async with opened(simulated_settings(stack.simulator, stack.database_url)):
            for wanted in mixed(stack):
                await enqueue((await register(wanted)).id)

    asyncio.run(submit())


def test_two_workers_share_a_queue(deployed: Deployed):
    stack = deployed("--batch-seconds", "1", **SETTINGS)
    queue_up(stack)
    with stack.worker("first", limit=3) as first, stack.worker("second", limit=3) as second:
        start_sweeps(stack)
        finish(stack)
        assert all("submitting flow run" in worker.log.read_text() for worker in (first, second))
    everything_is_done_once(stack)


def test_one_of_two_workers_is_killed_half_way(deployed: Deployed):
    stack = deployed("--batch-seconds", "1", "--tokens-per-second", "20000", **SETTINGS)
    queue_up(stack)
    with stack.worker("first", limit=3) as first, stack.worker("second", limit=3):
        start_sweeps(stack)
        eventually(lambda: stack.billed("message") >= 12)
        first.die()
        finish(stack)
    everything_is_done_once(stack, lost_calls=16)


def start_sweeps(stack: Stack) -> None:
    """Four at once, a moment apart: each is taken by whichever worker asks first."""
    for _ in range(4):
        stack.start("sweep", {"limit": 13})
        time.sleep(1.3)


def everything_is_done_once(stack: Stack, *, lost_calls: int = 0) -> None:
    jobs = stack.jobs()
    assert len(jobs) == JOBS
    assert {job["status"] for job in jobs} == {"done"}
    assert all(attempt["units"] == attempt["units_wanted"] for job in jobs for attempt in job["attempts"])
    stack.paid_once(lost_calls=lost_calls)
