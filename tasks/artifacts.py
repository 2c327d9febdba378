"""What the Prefect UI shows of a job: the plan as a table, progress, the result as Markdown.

Outside a flow run these do nothing: the ledger has it all.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from storage import attempts, jobs, reports
from storage.engine import reading
from tasks import runtime
from tasks.checking import load_output
from tasks.step import in_flow_run
from throughline.domain import document
from throughline.domain.job import JobId
from throughline.domain.plan import PathEstimate, Plan
from throughline.domain.report import JobReport

_REFRESH_S = 5.0
_MAX_CHARACTERS = 60_000  # artifacts sit in Prefect's own database


async def publish_plan(job_id: JobId, plan: Plan) -> None:
    """The plan of this run as a table artifact."""
    if not in_flow_run():
        return
    from prefect.artifacts import acreate_table_artifact

    await acreate_table_artifact(
        key=f"plan-{job_id}",
        table=[_row(plan.single_pass), _row(plan.chunked)],
        description=f"Chosen: **{'both' if plan.run_both else plan.chosen}**. " + ". ".join(plan.reasons),
    )


@asynccontextmanager
async def progress_shown(job_id: JobId, plan: Plan) -> AsyncGenerator[None]:
    """Keep a progress artifact of this run true while the block runs: the share of units written."""
    if not in_flow_run():
        yield
        return
    from prefect.artifacts import acreate_progress_artifact

    created = await acreate_progress_artifact(progress=0, key=f"progress-{job_id}", description="units written")
    watcher = asyncio.create_task(_watch(job_id, plan, created))
    try:
        yield
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
        await _update(job_id, plan, created)


async def _watch(job_id: JobId, plan: Plan, artifact_id: UUID) -> None:
    while True:
        await asyncio.sleep(_REFRESH_S)
        await _update(job_id, plan, artifact_id)


async def _update(job_id: JobId, plan: Plan, artifact_id: UUID) -> None:
    from prefect.artifacts import aupdate_progress_artifact

    with reading(runtime.current().engine) as tx:
        written = reports.progress(tx, job_id).units_written
    wanted = plan.size.units * (2 if plan.run_both else 1)
    await aupdate_progress_artifact(artifact_id=artifact_id, progress=min(100.0, 100 * written / max(wanted, 1)))


async def publish_result(report: JobReport) -> None:
    """The beginning of the output, with what it cost and where the whole is."""
    if not in_flow_run() or report.published_attempt_id is None:
        return
    from prefect.artifacts import acreate_markdown_artifact

    with reading(runtime.current().engine) as tx:
        job = jobs.get(tx, report.id)
        output = load_output(tx, attempts.get(tx, report.published_attempt_id), job)
    text = document.to_markdown(output) if output else ""
    rest = "" if len(text) <= _MAX_CHARACTERS else "\n\n[...]\n"
    head = (
        f"Status **{report.status}**, cost **${report.cost_usd:.4f}**"
        f"{' (simulated)' if report.simulated else ''}. "
        f"The whole: `throughline export {report.id} -o result.md`\n\n"
    )
    await acreate_markdown_artifact(key=f"result-{report.id}", markdown=head + text[:_MAX_CHARACTERS] + rest)


def _row(estimate: PathEstimate) -> dict[str, str]:
    return {
        "path": estimate.path,
        "feasible": "yes" if estimate.feasible else "; ".join(estimate.obstacles),
        "calls": str(estimate.calls),
        "output tokens": f"{estimate.output_tokens:,}",
        "expected cost": f"${estimate.expected_usd:.4f}",
        "worst cost": f"${estimate.worst_usd:.2f}",
        "hours": f"{estimate.hours:.2f}",
        "total with review and waiting": f"${estimate.expected_total_usd:.4f}",
    }
