"""A job as a run of a deployment: started on a Prefect server, and followed to the result that `run` prints."""

import json
from typing import Any

import click

from storage import jobs
from tasks.conclusion import report_of
from tasks.saving import read
from throughline import settings
from throughline.cli.request import Options
from throughline.cli.server import quieten, require_server
from throughline.domain.report import JobReport
from throughline.errors import BadInput


async def start(options: Options, deployment: str) -> str:
    """Start the run; gives its id."""
    quieten()
    require_server()
    from deployments import starting

    if options.simulate:
        raise BadInput("--simulate is for runs in this process. The workers' ANTHROPIC_BASE_URL says whom they ask.")
    return str(await starting.start(deployment, _parameters(options)))


def tell_started(flow_run_id: str, *, as_json: bool) -> None:
    """That the run is scheduled, and under which id."""
    click.echo(json.dumps({"flow_run_id": flow_run_id}) if as_json else f"Flow run {flow_run_id} is scheduled.")


async def followed(flow_run_id: str) -> JobReport:
    """The job of that run at its end, each state of the run told on stderr."""
    from deployments import starting

    job_id = await starting.followed(flow_run_id, lambda line: click.echo(line, err=True))
    if not await read(lambda tx: jobs.matching(tx, job_id)):
        raise BadInput(
            f"The run carried out job {job_id}, which is in another ledger. Set THROUGHLINE_DATABASE_URL to the one of "
            f"the workers, then: throughline show {job_id}"
        )
    return await report_of(job_id)


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
