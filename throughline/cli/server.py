"""What a command settles with a Prefect server, mostly before Prefect is imported, which reads its settings once."""

import logging
import os

import click

from tasks.conclusion import read_report
from tasks.job_life import finished
from throughline.domain.job import JobId, JobStatus
from throughline.errors import BadInput

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_CLI_PROMPT": "false",
}  # no telemetry, no advertisements, no questions


_TRIES_AGAIN = "3"  # a quarter of a minute for each thing that a server is told; Prefect's own five take a minute
_UNDER_WAY = (JobStatus.REGISTERED, JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.WAITING)


def require_server() -> None:
    if not os.environ.get("PREFECT_API_URL"):
        raise BadInput("PREFECT_API_URL names no Prefect server. Set it, or start everything here: throughline serve")


async def require_answer() -> None:
    """Where a Prefect server is to show a run of this process, that it answers: else nothing is begun."""
    if os.environ.get("PREFECT_API_URL"):
        quieten()
        os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", _TRIES_AGAIN)
        from deployments import reaching

        await reaching.require_answer()


async def carried_out(job_id: JobId) -> None:
    """Carry the job out as a run that the server shows; where that stops answering, to its end all the same."""
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError  # a second to import

    from flows.registered_job import registered_job

    logging.raiseExceptions = False  # lines that the server's log does not take are no news: that it is away is told
    logging.getLogger("prefect.flow_runs").addFilter(_in_one_line)
    try:
        await registered_job(job_id)
    except (httpx.HTTPError, PrefectHTTPStatusError):
        click.echo(
            "The Prefect server stopped answering: its pages miss how this run ends. The ledger has all of it.",
            err=True,
        )
        if read_report(job_id).status in _UNDER_WAY:
            await finished(job_id, asked=False)  # the same request: if the job was cancelled meanwhile, it is


def _in_one_line(record: logging.LogRecord) -> bool:
    """What ends a run is told as a sentence, or raised with its traceback: Prefect's copy of that is too much."""
    record.exc_info = None
    return True


def quieten() -> None:
    """Before Prefect is imported, which reads its settings once."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
