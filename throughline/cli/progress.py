"""A live line about a running job, read from the ledger; it stays out of pipes."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from rich.console import Console
from rich.live import Live

from storage import reports
from storage.engine import Engine, reading
from storage.reports import Progress
from throughline.domain.job import JobId, Path
from throughline.domain.plan import Plan

_REFRESH_S = 0.5


@asynccontextmanager
async def shown(engine: Engine, job_id: JobId, plan: Plan, *, quiet: bool) -> AsyncGenerator[None]:
    """Show progress on a terminal's stderr while the block runs."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    with Live("starting ...", console=Console(stderr=True), transient=True) as live:
        watcher = asyncio.create_task(_watch(engine, job_id, plan, live))
        try:
            yield
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)


def told(now: Progress, plan: Plan) -> str:
    """Each path's units of those that the plan foresees, then calls, tokens and money over both."""
    planned = Path if plan.run_both else (plan.chosen,)
    units = [
        f"{path} {now.units.get(path, 0)} of {plan.size.units} units"
        for path in Path
        if path in planned or path in now.units
    ]
    return (
        f"{', '.join(units)}; {now.calls_done} calls done, {now.calls_open} open, "
        f"{now.output_tokens:,} output tokens, ${now.cost_usd:.4f}"
    )


async def _watch(engine: Engine, job_id: JobId, plan: Plan, live: Live) -> None:
    started = time.monotonic()
    while True:
        with reading(engine) as tx:
            now = reports.progress(tx, job_id)
        live.update(f"{told(now, plan)}, {time.monotonic() - started:.0f} s")
        await asyncio.sleep(_REFRESH_S)
