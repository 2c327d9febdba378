"""Throughline. Speed: the chain and the batch with ledger, lease and checks of answers, as `benchmarks.overhead`
has them. Faults: `throughline run` as a person types it, started again in the same folder.
"""

import asyncio
import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks import overhead
from benchmarks.peers.contender import API_KEY, CONCURRENCY, Job, Outcome, cpu_s, run
from benchmarks.peers.work import MODEL, registered
from tasks import runtime
from throughline import settings
from throughline.domain.job import JobId


async def _measured(folder: Path, url: str, count: int, work: Callable[[Sequence[JobId]], Awaitable[None]]) -> Outcome:
    chosen = settings.load(
        database_url=f"sqlite:///{folder}/ledger.db",
        ANTHROPIC_API_KEY=API_KEY,
        ANTHROPIC_BASE_URL=url,
        chain_concurrency=CONCURRENCY,
        batch_poll_s=0.2,
    )
    async with runtime.opened(chosen):
        started, used = time.perf_counter(), cpu_s()
        jobs = await registered(folder, count)
        prepared_s, prepared_cpu_s = time.perf_counter() - started, cpu_s() - used
        await work(jobs)
    return Outcome(
        success=True, kept=count, wanted=count, note="jobs", prepared_s=prepared_s, prepared_cpu_s=prepared_cpu_s
    )


def chain(jobs: Sequence[Job], folder: Path, url: str) -> Outcome:
    """Register the documents, then a chain for each."""
    return asyncio.run(_measured(folder, url, len(jobs), overhead.chain_ours))


def batch(jobs: Sequence[Job], folder: Path, url: str) -> Outcome:
    """Register the documents, then one batch for all."""
    return asyncio.run(_measured(folder, url, len(jobs), overhead.batch_ours))


def _command(path: str, folder: Path) -> Outcome:
    os.environ |= {
        "THROUGHLINE_DATABASE_URL": f"sqlite:///{folder}/ledger.db",
        "THROUGHLINE_CHAIN_CONCURRENCY": str(CONCURRENCY),
        "THROUGHLINE_BATCH_POLL_S": "0.2",
        "THROUGHLINE_BATCH_SETTLE_S": "0.05",
        "THROUGHLINE_LEASE_S": "1",
        "THROUGHLINE_TOLERATED_ERROR_SHARE": "1",  # what checks find in a simulator's prose is not the subject
        "PREFECT_HOME": str(folder / "prefect"),
    }
    from throughline.cli import main

    options = ["--kind", "summary", "--depth", "exhaustive", "--review", "never", "--model", MODEL, "--json"]
    sys.argv = ["throughline", "run", *options, "--path", path, str(folder / "source-0.md")]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main()
    report = json.loads(said.getvalue())
    attempts = report["attempts"]
    wanted = attempts[0]["units_wanted"]
    kept = min(wanted, sum(attempt["units"] for attempt in attempts))  # a chain may have completed a single pass
    return Outcome(success=report["status"] == "done", kept=kept, wanted=wanted, note="units")


def chain_fault(_jobs: Sequence[Job], folder: Path, _url: str) -> Outcome:
    """`throughline run --path chunked`."""
    return _command("chunked", folder)


def batch_fault(_jobs: Sequence[Job], folder: Path, _url: str) -> Outcome:
    """`throughline run --path single_pass`."""
    return _command("single_pass", folder)


if __name__ == "__main__":
    modes = {"chain": chain, "batch": batch, "chain-fault": chain_fault, "batch-fault": batch_fault}
    run(["throughline", "prefect", "anthropic"], modes)
