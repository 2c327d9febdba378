"""The service's commands: register the flows with a Prefect server, and run everything here."""

import asyncio
import json
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from storage import schema
from storage.engine import connect
from throughline import settings
from throughline.cli import stand_in
from throughline.cli.commands import cli
from throughline.cli.request import beside
from throughline.cli.server import quieten, require_server
from throughline.errors import BadInput


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def deploy(as_json: bool) -> int:
    """Register every flow with the Prefect server at PREFECT_API_URL; doing it again changes nothing."""
    quieten()
    require_server()
    settings.load()  # what is wrong with them is told here, not by each run
    from deployments import schedules  # Prefect takes a second to import
    from deployments.definitions import register
    from deployments.reaching import reached

    chosen = schedules.load()
    with reached():
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
@click.option("--review-port", default=8420, show_default=True, type=click.IntRange(1, 65535), help="Review pages.")
@click.option("--simulate", is_flag=True, help="Use the local stand-in for the API; no key, no cost.")
def serve(port: int, review_port: int, simulate: bool) -> int:
    """Run the whole service here until Ctrl-C: Prefect's server, the database, every flow, workers, review pages."""
    quieten()
    with ExitStack() as stack:
        url = os.environ.get("PREFECT_API_URL") or None  # an empty one is none, as everywhere
        home = Path(os.environ.get("PREFECT_HOME") or ".throughline/prefect").resolve()
        os.environ["PREFECT_HOME"] = str(home)
        os.environ["PREFECT_API_URL"] = url or f"http://127.0.0.1:{port}/api"  # before Prefect is imported
        os.environ.setdefault("THROUGHLINE_REVIEW_URL", f"http://127.0.0.1:{review_port}")
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
        stack.enter_context(service.review_pages(review_port))
        service.work(schedules.load())
    return 0


@contextmanager
def _simulated(database_url: str) -> Generator[dict[str, str]]:
    """What makes the worker's runs ask the stand-in; its batches are kept beside the ledger."""
    with stand_in.simulator(beside(database_url)) as address:
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
