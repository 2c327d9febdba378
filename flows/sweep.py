"""Send what is queued."""

from dataclasses import asdict

from prefect import flow

from tasks import runtime
from tasks.sending import sweep_queue
from tasks.step import plainly


@flow(name="sweep", persist_result=False)
async def sweep(limit: int = 10_000) -> dict[str, int]:
    """Send queued jobs: single passes share batches, chains and what came back short run here.

    Args:
        limit: The most jobs that this run takes.
    """
    async with runtime.opened():
        with plainly():
            return asdict(await sweep_queue(limit))
