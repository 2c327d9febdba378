"""What a run shows and tells when it ends on a problem: one sentence, where people look."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import httpx
from prefect import get_client
from prefect.artifacts import acreate_markdown_artifact
from prefect.exceptions import PrefectHTTPStatusError
from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from flows.telling import send
from tasks import runtime
from throughline.domain.happenings import of_refused_run
from throughline.domain.job import Kind
from throughline.errors import ThroughlineError

logger = logging.getLogger(__name__)
_PATIENCE_S = 10.0  # with a server that does not answer
_SERVER_AWAY = (httpx.HTTPError, PrefectHTTPStatusError)


@asynccontextmanager
async def shown() -> AsyncGenerator[None]:
    """Every error of ours is an artifact of the run, too: its sentence says what to do. The log is sent to its end."""
    try:
        yield
    except ThroughlineError as error:
        try:
            await acreate_markdown_artifact(
                key=f"problem-{flow_run.id}",
                markdown=f"## This run stopped\n\n{error}\n",
                description="What went wrong",
            )
        except _SERVER_AWAY as away:
            logger.warning("problem not shown reason=%s", away)
        raise
    finally:
        await _log_sent()


async def _log_sent() -> None:
    """The process of a run ends quickly, and Prefect loses what it has not sent by then."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            await APILogHandler.aflush()


@asynccontextmanager
async def told(kind: Kind) -> AsyncGenerator[None]:
    """A run that ends before there is a job is told as a failed one: the ledger, which tells the others, has none."""
    try:
        yield
    except ThroughlineError:
        run_id = str(flow_run.id)
        page = url_for("flow-run", obj_id=run_id) or ""
        happening = of_refused_run(run_id, name=str(flow_run.name), kind=kind, page=page, at=runtime.now())
        try:
            async with get_client() as client:
                await send(client, [happening])
        except _SERVER_AWAY as away:
            logger.warning("refused run not told reason=%s", away)
        raise
