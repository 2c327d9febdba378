"""What a pass of collecting meets: flow runs, leases, batches in doubt, interrupted chains."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path as FilePath
from typing import Any

from sqlalchemy import update

from storage import batches, jobs, leases
from storage.engine import reading, transaction
from storage.tables import batches as batch_table
from storage.tables import jobs as job_table
from tasks import runtime
from tasks.collecting import Collected, collect_once
from tasks.flow_runs import Standing
from tasks.job_life import carry_out
from tests.faults.rounds import (
    CHUNKED,
    SINGLE,
    submit,
    sweep,
)
from tests.faults.support import Service, book, summary
from tests.servers import ROOT, SIMULATED_KEY
from throughline.domain.job import BatchId, JobId, JobStatus
from throughline.domain.ledger import BatchState
from throughline.domain.report import JobReport

RUN = "01a20000-0000-7000-8000-000000000000"
OTHER = "elsewhere:1:x"
LATER = {"lease_s": 0.001, "batch_settle_s": 0.0}  # as if lease and settling time had passed since the intent


@dataclass(slots=True, kw_only=True)
class Runs:
    """Flow runs that stand where the test says; a woken one is under way."""

    stand: dict[str, Standing]
    answers: bool = True
    woken: list[str] = field(default_factory=list[str])

    async def standing(self, flow_run_id: str) -> Standing:
        return self.stand.get(flow_run_id, Standing.GONE)

    async def resume(self, flow_run_id: str) -> bool:
        if self.answers:
            self.woken.append(flow_run_id)
            self.stand[flow_run_id] = Standing.UNDER_WAY
        return self.answers


async def collect_with(service: Service, runs: Runs) -> Collected:
    async with service.opened():
        return await collect_once(runs)


async def carried_by_run(service: Service, job_id: JobId) -> None:
    """A flow run has taken the job up, and is suspended until its batch is there."""
    async with service.opened() as rt:
        with transaction(rt.engine) as tx:
            jobs.belongs_to(tx, job_id, RUN)


async def hold(service: Service, job_id: JobId, *, for_s: float) -> None:
    """Another machine's worker holds the job for so long, or did so in the past."""
    async with service.opened() as rt:
        now = runtime.now()
        with transaction(rt.engine) as tx:
            assert leases.acquire(tx, job_id, owner=OTHER, until=now + timedelta(seconds=for_s), now=now)


async def let_leases_run_out(service: Service) -> None:
    """As if minutes had passed in which nobody renewed."""
    async with service.opened() as rt:
        with transaction(rt.engine) as tx:
            held = job_table.c.lease_until.is_not(None)
            tx.execute(update(job_table).where(held).values(lease_until=runtime.now() - timedelta(seconds=1)))


async def states(service: Service) -> list[BatchState]:
    async with service.opened() as rt:
        with reading(rt.engine) as tx:
            found = tx.execute(batch_table.select().order_by(batch_table.c.id)).all()
            return [batches.get(tx, BatchId(row.id)).state for row in found]


async def in_doubt(service: Service, tmp_path: FilePath) -> JobId:
    """A job whose batch was never accepted, though nobody knows yet."""
    (job_id,) = await submit(service, summary(SINGLE, book(tmp_path, 2)))
    service.simulator.faults("batches.create", "drop_before_accept")
    await sweep(service)
    assert await states(service) == [BatchState.UNKNOWN]
    return job_id


async def interrupted_chain(service: Service, tmp_path: FilePath) -> JobId:
    """A chain of three links and a closing that was stopped while its second link was under way."""
    service.losable_answers = 1
    (job_id,) = await submit(service, summary(CHUNKED, book(tmp_path, 24)))
    service.simulator.faults("messages", "hang", skip=1, seconds=5.0)
    running = asyncio.create_task(service.carry_out(job_id, chain_concurrency=1))
    await happened(lambda: len(service.calls()) == 2)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return job_id


async def happened(is_so: Any) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.005)


def cancellations(service: Service) -> int:
    """How often the API was asked to stop a batch."""
    return sum(received["path"].endswith("/cancel") for received in service.simulator.requests("POST"))


def swept_to_death(service: Service, failpoint: str, folder: FilePath, command: str = "sweep") -> None:
    """`throughline sweep`, or `collect`, in a process of its own, killed with SIGKILL at that place."""
    environment: Mapping[str, str] = {
        "PYTHONPATH": str(ROOT),
        "ANTHROPIC_API_KEY": SIMULATED_KEY,
        "ANTHROPIC_BASE_URL": service.simulator.url,
        "THROUGHLINE_DATABASE_URL": service.database_url,
        "THROUGHLINE_FAILPOINT": failpoint,
        "THROUGHLINE_CHAIN_CONCURRENCY": "1",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "throughline", command],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


async def as_run(
    service: Service, job_id: JobId, run: str = RUN, *, hold: bool = False, **settings: Any
) -> JobReport | None:
    """What a deployment's flow run does with the job until it is suspended or ends; `hold`: it polls instead."""
    async with service.opened(**settings):
        return await carry_out(job_id, hold=hold, carrier=run)


async def in_row(service: Service, job_id: JobId) -> Any:  # Any: the job's row as the ledger has it
    async with service.opened() as rt:
        with reading(rt.engine) as tx:
            return tx.execute(job_table.select().where(job_table.c.id == job_id)).one()


async def stands(service: Service, job_id: JobId, status: JobStatus) -> None:
    """Bring the job there."""
    async with service.opened() as rt:
        with transaction(rt.engine) as tx:
            jobs.set_status(tx, job_id, status, now=runtime.now())
