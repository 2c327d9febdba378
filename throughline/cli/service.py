"""The service's commands: register the flows with a Prefect server, run everything here, start ad-hoc runs."""

import asyncio
import json
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from storage import schema
from storage.engine import connect, parse_url
from tasks import runtime
from throughline import settings
from throughline.cli import display, stand_in
from throughline.cli.commands import cli
from throughline.cli.request import Options, job_options, opened
from throughline.domain.job import JobStatus
from throughline.errors import BadInput

if TYPE_CHECKING:
    from throughline.domain.report import JobReport

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_CLI_PROMPT": "false",
}  # no telemetry, no advertisements, no questions
_EXIT = {JobStatus.DONE: 0, JobStatus.ESCALATED: 3, JobStatus.BUDGET: 5}  # every other end is 4


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def deploy(as_json: bool) -> int:
    """Register every flow with the Prefect server at PREFECT_API_URL; doing it again changes nothing."""
    _quieten()
    _require_server()
    from deployments import schedules  # Prefect takes a second to import
    from deployments.definitions import register

    chosen = schedules.load()
    names = asyncio.run(register(chosen))
    if as_json:
        click.echo(json.dumps({"work_pool": chosen.work_pool, "deployments": list(names)}))
        return 0
    for name in names:
        click.echo(name)
    click.echo(f"Registered. A worker carries them out: prefect worker start --pool {chosen.work_pool}")
    return 0


@cli.command()
@click.option("--port", default=4200, show_default=True, type=click.IntRange(1, 65535), help="For a server of our own.")
@click.option("--simulate", is_flag=True, help="Use the local stand-in for the API; no key, no cost.")
def serve(port: int, simulate: bool) -> int:
    """Run the whole service on this machine until Ctrl-C: Prefect's server, the database, every flow, a worker."""
    _quieten()
    with ExitStack() as stack:
        url = os.environ.get("PREFECT_API_URL")
        home = Path(os.environ.get("PREFECT_HOME") or ".throughline/prefect").resolve()
        os.environ["PREFECT_HOME"] = str(home)
        os.environ["PREFECT_API_URL"] = url or f"http://127.0.0.1:{port}/api"  # before Prefect is imported
        chosen = settings.load()
        _upgrade(chosen.database_url)
        if simulate:
            os.environ |= stack.enter_context(_simulated(chosen.database_url))
        elif chosen.api_key is None:
            raise BadInput("There is no API key. Set ANTHROPIC_API_KEY, or use --simulate.")
        from deployments import schedules, service

        if url is None:
            stack.enter_context(service.prefect_server(port, home))
        service.say(f"Prefect's pages: {os.environ['PREFECT_API_URL'].removesuffix('/api')}  Deployments:")
        service.work(schedules.load())
    return 0


@cli.command()
@job_options
@click.option("--deployment", default="document-job", show_default=True, help="The deployment that carries it out.")
@click.option("--wait", is_flag=True, help="Follow the run and print the result as `run` does.")
def start(deployment: str, wait: bool, **typed: Any) -> int:  # Any: click passes options by name
    """Start a job as a run of a deployment on the Prefect server at PREFECT_API_URL."""
    return asyncio.run(start_deployment(Options(**typed), deployment, wait=wait))


async def start_deployment(options: Options, deployment: str, *, wait: bool) -> int:
    """Start the run; with `wait`, follow it and print what an embedded run prints."""
    _quieten()
    _require_server()
    from deployments import starting

    if options.simulate:
        raise BadInput("--simulate is for runs in this process. The workers' ANTHROPIC_BASE_URL says whom they ask.")
    run_id = await starting.start(deployment, _parameters(options))
    if not wait:
        told = {"flow_run_id": str(run_id)}
        click.echo(json.dumps(told) if options.as_json else f"Flow run {run_id} is scheduled.")
        return 0
    job_id = await starting.followed(run_id, lambda line: click.echo(line, err=True))
    async with opened() as rt:
        from tasks.conclusion import report_of

        del rt
        return _tell(await report_of(job_id), as_json=options.as_json)


def _parameters(options: Options) -> dict[str, Any]:  # Any: JSON
    """The options as the flow's form has them."""
    from deployments.starting import elsewhere

    spec = options.request(settings.load()).spec
    if (spec.review_usd_per_hour, spec.waiting_usd_per_hour, spec.risk_of_cut) != (None, None, None):
        raise BadInput(
            "A deployment's form has no knobs: its workers' THROUGHLINE_REVIEW_USD_PER_HOUR, _WAITING_USD_PER_HOUR and "
            "_RISK_OF_CUT hold. For one job alone: throughline submit, with the same options."
        )
    return {
        "sources": [elsewhere(source) for source in options.sources],
        "kind": spec.kind,
        "path": spec.path,
        "depth": spec.depth,
        "instructions": spec.instructions,
        "model": options.model or "",
        "budget_usd": float(spec.budget_usd or 0),
        "deadline_hours": (spec.deadline_s or 0) / 3600,
        "review": spec.review,
        "sensitive": spec.sensitive,
    }


def _tell(report: "JobReport", *, as_json: bool) -> int:
    if as_json:
        click.echo(display.report_json(report, runtime.current().settings.review_url))
    else:
        if report.plan is not None:
            display.plan(report.plan)
        display.comparison(report)
        display.outcome(report, runtime.current().settings.review_url)
    return _EXIT.get(report.status, 4)


@contextmanager
def _simulated(database_url: str) -> Generator[dict[str, str]]:
    """What makes the worker's runs ask the stand-in; its batches are kept beside the ledger."""
    url = parse_url(database_url)
    folder = Path(url.database or "").parent if url.get_backend_name() == "sqlite" else Path(".throughline")
    with stand_in.simulator(folder / "simulator.db") as address:
        yield {
            "ANTHROPIC_API_KEY": "sim-local",
            "ANTHROPIC_BASE_URL": address,
            "THROUGHLINE_BATCH_SETTLE_S": "1",
        }


def _upgrade(database_url: str) -> None:
    engine = connect(database_url)
    try:
        schema.upgrade(engine)
    finally:
        engine.dispose()


def _require_server() -> None:
    if not os.environ.get("PREFECT_API_URL"):
        raise BadInput("PREFECT_API_URL names no Prefect server. Set it, or start everything here: throughline serve")


def _quieten() -> None:
    """Before Prefect is imported, which reads its settings once."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
