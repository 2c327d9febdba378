"""The gate's commands: decide on a job that stopped for a person."""

import asyncio
import getpass
import json
import os
from typing import Any

import click

from storage import reviews
from tasks import runtime
from tasks.conclusion import report_of
from tasks.deciding import decide as carry_out_decision
from tasks.saving import read
from throughline.cli.commands import cli
from throughline.cli.request import Finite, budget, find, one_of, opened
from throughline.domain.happenings import page_of
from throughline.domain.job import AttemptId, JobId, Path
from throughline.domain.report import to_json
from throughline.domain.review import Choice, Decision, Origin
from throughline.errors import BadInput

_MOST_MINUTES = 100_000  # as in Prefect's form


@cli.command()
@click.argument("job")
@click.argument("choice", type=one_of(Choice))
@click.option("--reason", default="", help="Why; it stays with the job.")
@click.option("--reviewer", help="Who decides; your login name by default.")
@click.option("--minutes", type=Finite(0, _MOST_MINUTES), help="Minutes of reading, if the review page did not count.")
@click.option("--attempt", help="approve: the attempt whose output is published.")
@click.option("--path", type=one_of(Path), help="rerun: by this path; the other one by default.")
@click.option(
    "--budget-usd", metavar="USD", help="rerun: the most that the new job may cost; the old limit by default."
)
@click.option("--note", default="", help="rerun: a wish to the writer, which joins the instructions.")
@click.option("--simulate", is_flag=True, help="For a job that was begun with --simulate.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def decide(**typed: Any) -> int:  # Any: click passes options by name
    """Decide on a JOB that stopped for a person or at its budget: approve its output, reject it, or run it again."""
    return asyncio.run(_decide(**typed))


async def _decide(*, job: str, simulate: bool, as_json: bool, **typed: Any) -> int:
    async with opened(simulate=simulate, existing=True) as rt:
        job_id = await find(rt, job)
        again = await carry_out_decision(job_id, _decision(**typed))
        await _wake(job_id)
        report = await report_of(job_id)
        if as_json:
            click.echo(json.dumps(to_json(report) | {"rerun_as": again}))
        else:
            click.echo(f"Job {job_id} is {report.status}.")
            if again is not None:
                simulated = " --simulate" if report.simulated else ""
                click.echo(f"It is queued again as job {again}. Run it now with: throughline resume {again}{simulated}")
    return 0


async def _wake(job_id: JobId) -> None:
    """End the flow run that waited for this decision, where a Prefect server is known; else `collect` does it."""
    if os.environ.get("PREFECT_API_URL"):
        from flows.prefect_runs import wake_decided  # Prefect takes a second to import

        await wake_decided(job_id)


def _decision(
    *,
    choice: str,
    reason: str,
    reviewer: str | None,
    minutes: float | None,
    attempt: str | None,
    path: str | None,
    budget_usd: str | None,
    note: str,
) -> Decision:
    if choice != Choice.RERUN and (path or budget_usd or note):
        raise BadInput("--path, --budget-usd and --note are for a rerun. Nothing was decided.")
    if choice != Choice.APPROVE and attempt:
        raise BadInput("--attempt is for an approval. Nothing was decided.")
    return Decision(
        choice=Choice(choice),
        reviewer=reviewer or getpass.getuser(),
        reason=reason,
        minutes=minutes,
        attempt_id=None if attempt is None else AttemptId(attempt),
        path=None if path is None else Path(path),
        budget_usd=budget(budget_usd),
        note=note,
        came_from=Origin.COMMAND,
    )


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def inbox(as_json: bool) -> int:
    """List the jobs that wait for a person's decision, the oldest first."""
    return asyncio.run(_inbox(as_json=as_json))


async def _inbox(*, as_json: bool) -> int:
    async with opened(existing=True) as rt:
        waiting = await read(reviews.waiting)
        rows = [(await report_of(review.job_id), review) for review in waiting]
        base = rt.settings.review_url
    if as_json:
        told = [
            to_json(report) | {"requested_at": review.requested_at.isoformat(), "review_url": page_of(report.id, base)}
            for report, review in rows
        ]
        click.echo(json.dumps({"jobs": told}))
    elif not rows:
        click.echo("Nothing waits for a decision.")
    for report, review in rows if not as_json else ():
        hours = (runtime.now() - review.requested_at).total_seconds() / 3600
        click.echo(f"{report.id}  {hours:6.1f} h  ${report.cost_usd:.4f}  {report.title}: {report.reason}")
    if rows and not as_json:
        click.echo(f"Read and decide: {base}/  (throughline review serves the pages where none are running)")
    return 0
