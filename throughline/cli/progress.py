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
from throughline.domain.job import JobId

_REFRESH_S = 0.5


@asynccontextmanager
async def shown(engine: Engine, job_id: JobId, *, units: int, quiet: bool) -> AsyncGenerator[None]:
    """Show progress on a terminal's stderr while the block runs."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    with Live("starting ...", console=Console(stderr=True), transient=True) as live:
        watcher = asyncio.create_task(_watch(engine, job_id, units, live))
        try:
            yield
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)


async def _watch(engine: Engine, job_id: JobId, units: int, live: Live) -> None:
    started = time.monotonic()
    while True:
        with reading(engine) as tx:
            now = reports.progress(tx, job_id)
        live.update(
            f"{now.units_written} units written (outline of {units}), {now.calls_done} calls done, "
            f"{now.calls_open} open, {now.output_tokens:,} output tokens, ${now.cost_usd:.4f}, "
            f"{time.monotonic() - started:.0f} s"
        )
        await asyncio.sleep(_REFRESH_S)
