"""What the Prefect UI shows of a job: the plan as a table, progress, the result as Markdown.

Outside a flow run these do nothing: the ledger has it all. For the same reason none of them can fail a job.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

from storage import attempts, jobs, reports
from storage.engine import reading
from tasks import runtime
from tasks.checking import load_output
from tasks.step import in_flow_run
from throughline.domain import document
from throughline.domain.job import AttemptId, JobId
from throughline.domain.plan import PathEstimate, Plan
from throughline.domain.report import JobReport

logger = logging.getLogger(__name__)
T = TypeVar("T")
_REFRESH_S = 5.0
_PATIENCE_S = 30.0
_MAX_CHARACTERS = 60_000  # artifacts sit in Prefect's own database


async def publish_plan(job_id: JobId, plan: Plan) -> None:
    """The plan of this run as a table artifact."""
    if in_flow_run():
        await _shown(job_id, _show_plan(job_id, plan))


async def _show_plan(job_id: JobId, plan: Plan) -> None:
    from prefect.artifacts import acreate_table_artifact

    await acreate_table_artifact(
        key=f"plan-{job_id}",
        table=[_row(plan.single_pass), _row(plan.chunked)],
        description=f"Chosen: **{'both' if plan.run_both else plan.chosen}**. " + ". ".join(plan.reasons),
    )


@asynccontextmanager
async def progress_shown(job_id: JobId, plan: Plan) -> AsyncGenerator[None]:
    """Keep a progress artifact of this run true while the block runs: the share of units written."""
    artifact_id = await _shown(job_id, _begin_progress(job_id)) if in_flow_run() else None
    if artifact_id is None:
        yield
        return
    watcher = asyncio.create_task(_watch(job_id, plan, artifact_id))
    try:
        yield
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
        await _shown(job_id, _update(job_id, plan, artifact_id))


async def _begin_progress(job_id: JobId) -> UUID:
    from prefect.artifacts import acreate_progress_artifact

    return await acreate_progress_artifact(progress=0, key=f"progress-{job_id}", description="units written")


async def _watch(job_id: JobId, plan: Plan, artifact_id: UUID) -> None:
    while True:
        await asyncio.sleep(_REFRESH_S)
        await _shown(job_id, _update(job_id, plan, artifact_id))


async def _update(job_id: JobId, plan: Plan, artifact_id: UUID) -> None:
    from prefect.artifacts import aupdate_progress_artifact

    with reading(runtime.current().engine) as tx:
        written = reports.progress(tx, job_id).units_written
    wanted = plan.size.units * (2 if plan.run_both else 1)
    await aupdate_progress_artifact(artifact_id=artifact_id, progress=min(100.0, 100 * written / max(wanted, 1)))


async def publish_result(report: JobReport) -> None:
    """The beginning of the output, with what it cost and where the whole is."""
    if in_flow_run() and report.published_attempt_id is not None:
        await _shown(report.id, _show_result(report, report.published_attempt_id))


async def _show_result(report: JobReport, attempt_id: AttemptId) -> None:
    from prefect.artifacts import acreate_markdown_artifact

    with reading(runtime.current().engine) as tx:
        job = jobs.get(tx, report.id)
        output = load_output(tx, attempts.get(tx, attempt_id), job)
    text = document.to_markdown(output) if output else ""
    rest = "" if len(text) <= _MAX_CHARACTERS else "\n\n[...]\n"
    head = (
        f"Status **{report.status}**, cost **${report.cost_usd:.4f}**"
        f"{' (simulated)' if report.simulated else ''}. "
        f"The whole: `throughline export {report.id} -o result.md`\n\n"
    )
    await acreate_markdown_artifact(key=f"result-{report.id}", markdown=head + text[:_MAX_CHARACTERS] + rest)


async def _shown(job_id: JobId, showing: Coroutine[Any, Any, T]) -> T | None:
    """The result, or None where Prefect does not take it: a view in its UI may neither fail nor hold up a paid job."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await showing
    except Exception as error:  # noqa: BLE001  # the boundary to Prefect's artifact API, which may raise anything
        logger.warning("not shown in Prefect job_id=%s what=%s reason=%s", job_id, showing.__name__, error)
        return None


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
