"""The queue's commands: leave a job to the service, and do the service's rounds by hand."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from tasks import registration
from tasks.collecting import Collected, cancel_job, collect_once
from tasks.conclusion import read_report
from tasks.flow_runs import NoFlowRuns
from tasks.sending import Swept, enqueue, sweep_queue
from throughline import settings
from throughline.cli.commands import cli
from throughline.cli.request import Options, find, job_options, opened
from throughline.domain.ledger import IllegalMove
from throughline.errors import BadInput

_simulate = click.option("--simulate", is_flag=True, help="Use the local stand-in for the API; no key, no cost.")


@cli.command()
@job_options
@click.option("--again", is_flag=True, help="Start anew instead of going on with the same job.")
def submit(again: bool, **typed: Any) -> int:  # Any: click passes options by name
    """Plan a job and leave it to the scheduled sweep, which lets independent jobs share batches."""
    return asyncio.run(_submit(Options(**typed), again=again))


async def _submit(options: Options, *, again: bool) -> int:
    chosen = settings.load()
    request = options.request(chosen, again=again)
    found = registration.read(request, chosen)
    async with opened(simulate=options.simulate) as rt:
        job = await registration.register_read(request, found)
        status = await enqueue(job.id)
        if options.as_json:
            click.echo(json.dumps({"job_id": job.id, "status": status, "simulated": rt.simulated}))
        else:
            click.echo(f"Job {job.id} is {status}. Follow it with: throughline show {job.id}")
    return 0


@cli.command()
@click.option("--limit", default=10_000, show_default=True, type=click.IntRange(min=1), help="The most jobs to take.")
@_simulate
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def sweep(limit: int, simulate: bool, as_json: bool) -> int:
    """Send what is queued, once: what the scheduled flow of the same name does."""
    return asyncio.run(_sweep(limit, simulate=simulate, as_json=as_json))


async def _sweep(limit: int, *, simulate: bool, as_json: bool) -> int:
    async with opened(simulate=simulate):
        swept = await sweep_queue(limit)
    click.echo(json.dumps(asdict(swept)) if as_json else _told_sweep(swept))
    return 0


@cli.command()
@_simulate
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def collect(simulate: bool, as_json: bool) -> int:
    """Look once at every open batch and bring in what is answered: what the scheduled flow does."""
    return asyncio.run(_collect(simulate=simulate, as_json=as_json))


async def _collect(*, simulate: bool, as_json: bool) -> int:
    async with opened(simulate=simulate):
        collected = await collect_once(NoFlowRuns())
    click.echo(json.dumps(asdict(collected)) if as_json else _told_collect(collected))
    return 0


@cli.command()
@click.argument("job")
def cancel(job: str) -> int:
    """Send nothing more for a job. What is under way is stopped where it can be; what is paid for is kept."""
    return asyncio.run(_cancel(job))


async def _cancel(wanted: str) -> int:
    async with opened(existing=True) as rt:
        job_id = await find(rt, wanted)
        try:
            await cancel_job(job_id)
        except IllegalMove as error:
            raise BadInput(f"Job {job_id} has ended ({read_report(job_id).status}): nothing to cancel.") from error
        simulated = read_report(job_id).simulated
    again = f"throughline resume {job_id}{' --simulate' if simulated else ''}"
    click.echo(f"Job {job_id} is cancelled. A batch under way is stopped by the next collect. To go on: {again}")
    return 0


def _told_sweep(swept: Swept) -> str:
    if swept.claimed == 0:
        return "Nothing is queued."
    done = [
        (swept.sent, f"sent in {_count(swept.batches, 'batch', 'batches')}"),
        (swept.carried_out, "carried out here"),
        (swept.failed, "failed, and throughline list has them"),
    ]
    return f"{_count(swept.claimed, 'queued job', 'queued jobs')} taken: {_listed(done)}."


def _told_collect(collected: Collected) -> str:
    done = [
        (collected.ingested, "brought in"),
        (collected.in_doubt, "not found at the API yet"),
        (collected.troubled, "left for the next collect after an error (see the log)"),
        (collected.found_late, "found that had been given up"),
        (collected.cancelled, "cancelled"),
    ]
    jobs = [
        (collected.resumed, "woken on the Prefect server"),
        (collected.requeued, "queued to go on (throughline sweep)"),
        (collected.expired, "decided by the clock"),
    ]
    looked = f"{_count(collected.open, 'open batch', 'open batches')} looked at"
    told = [f"{looked}: {_listed(done)}." if any(count for count, _ in done) else f"{looked}."]
    if any(count for count, _ in jobs):
        told.append(f"Jobs: {_listed(jobs)}.")
    return " ".join(told)


def _listed(counts: Sequence[tuple[int, str]]) -> str:
    return ", ".join(f"{count} {what}" for count, what in counts if count) or "none sent"


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
