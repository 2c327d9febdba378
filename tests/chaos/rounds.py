"""The service's rounds in one process: sweep and collect, again and again, as the schedules do it."""

import asyncio
import os
import random
import sys
import time
import traceback

from tasks import runtime
from tasks.collecting import collect_once
from tasks.flow_runs import NoFlowRuns
from tasks.sending import sweep_queue
from throughline.errors import ThroughlineError

UNEXPECTED = "unexpected in a round"


def serve() -> None:
    """Never returns. Trouble ends a round, as it ends a scheduled flow run; the next one looks again."""
    chance = random.Random(int(os.environ["CHAOS_WORKER_SEED"]))
    while True:
        for work in (_sweep(chance.randint(1, 8)), _collect()):
            try:
                asyncio.run(work)
            except ThroughlineError as error:
                sys.stderr.write(f"round ended: {type(error).__name__}: {error}\n")
            except Exception:  # noqa: BLE001 - the test reads what stands on stderr
                sys.stderr.write(f"{UNEXPECTED}\n{traceback.format_exc()}")
        sys.stderr.flush()
        time.sleep(0.02)


async def _sweep(limit: int) -> None:
    async with runtime.opened():
        await sweep_queue(limit)


async def _collect() -> None:
    async with runtime.opened():
        await collect_once(NoFlowRuns())
