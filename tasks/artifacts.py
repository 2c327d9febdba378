"""What the Prefect UI shows of a job: the plan as a table, progress, the result as Markdown, both paths compared.

Outside a flow run these do nothing: the ledger has it all. For the same reason none of them can fail a job.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, TypeVar
from uuid import UUID

from storage import attempts, jobs, reports
from storage.engine import reading
from tasks import runtime
from tasks.checking import load_output
from tasks.comparing import compared
from tasks.step import in_flow_run
from throughline.domain import document, measures
from throughline.domain.happenings import page_of
from throughline.domain.job import AttemptId, JobId
from throughline.domain.plan import PathEstimate, Plan
from throughline.domain.report import JobReport

logger = logging.getLogger(__name__)
T = TypeVar("T")
_REFRESH_S = 5.0
_PATIENCE_S = 30.0
_PATIENCE_WITH_ONE_AWAY_S = 1.0  # long enough for a server that is back
_MAX_CHARACTERS = 60_000  # artifacts sit in Prefect's own database
_MOST_LEFT_OUT = 20
_patience = ContextVar("patience", default=_PATIENCE_S)  # of one run: how long its Prefect server is waited for


async def publish_plan(job_id: JobId, plan: Plan) -> None:
    """The plan of this run as a table artifact, and what the run is about in its name and tags."""
    if in_flow_run():
        await _shown(job_id, _label(job_id, plan))
        await _shown(job_id, _show_plan(job_id, plan))


async def _label(job_id: JobId, plan: Plan) -> None:
    """In a list of runs: kind, path and title as the run's name; kind, path, model and `simulated` as its tags."""
    from prefect.client.orchestration import get_client
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    if run is None:
        return
    with reading(runtime.current().engine) as tx:
        job = jobs.get(tx, job_id)
    path = "both" if plan.run_both else str(plan.chosen)
    tags = {*run.tags, str(job.spec.kind), path, job.spec.model, *(["simulated"] if job.simulated else [])}
    async with get_client() as client:
        await client.update_flow_run(run.id, name=f"{job.spec.kind} {path}: {job.title}", tags=sorted(tags))


async def _show_plan(job_id: JobId, plan: Plan) -> None:
    from prefect.artifacts import acreate_table_artifact

    await acreate_table_artifact(
        key=f"plan-{job_id}",
        table=[_row(plan.single_pass), _row(plan.chunked)],
        description=f"Chosen: **{'both' if plan.run_both else plan.chosen}**. {'. '.join(plan.reasons)}."
        + _left_out(plan.corpus.left_out),
    )


def _left_out(items: Sequence[tuple[str, str]]) -> str:
    """What was met and not read; nothing is dropped silently."""
    if not items:
        return ""
    told = "".join(f"\n- {plain(name)}: {plain(reason)}" for name, reason in items[:_MOST_LEFT_OUT])
    more = f"\n- and {len(items) - _MOST_LEFT_OUT} more: `throughline show`" if len(items) > _MOST_LEFT_OUT else ""
    return f"\n\nLeft out:\n{told}{more}"


def plain(text: str) -> str:
    """Text of others within Markdown, as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.split()))


def inert(markdown: str) -> str:
    """Markdown of others, of which a browser loads nothing by itself: what is read must not be told to a stranger.

    An unseen character parts what would make an image or a tag; the text stays as it is to a reader. Links stay: a
    person has to follow them.
    """
    return re.sub(r"<(?=[A-Za-z/!?])|!(?=\[)", "\\g<0>\u200b", markdown)


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
    """How the job ended: status and reason, costs, where the whole is, and the beginning of the output.

    Of a job that ran both paths also what was observed of each.
    """
    if in_flow_run():
        await _shown(report.id, _show_result(report))
        await _shown(report.id, _show_comparison(report))


async def _show_result(report: JobReport) -> None:
    from prefect.artifacts import acreate_markdown_artifact

    text = "" if report.published_attempt_id is None else _written(report.id, report.published_attempt_id)
    page = page_of(report.id, runtime.current().settings.review_url)
    status = f"Status **{report.status}**, cost **${report.cost_usd:.4f}**{' (simulated)' if report.simulated else ''}."
    parts = [
        status,
        plain(report.reason or ""),
        f"The whole, beside its sources: [review page]({page}) (`throughline review` serves it), or "
        f"`throughline export {report.id} -o result.md`",
        _costs(report),
        _beginning(text),
    ]
    await acreate_markdown_artifact(
        key=f"result-{report.id}",
        markdown="\n\n".join(part for part in parts if part),
        description=f"{report.spec.kind} of {plain(report.title)}: {report.status}",
    )


async def _show_comparison(report: JobReport) -> None:
    from prefect.artifacts import acreate_markdown_artifact

    with reading(runtime.current().engine) as tx:
        rows = compared(tx, report)
    if rows is None:
        return
    page = page_of(report.id, runtime.current().settings.review_url)
    parts = [
        "Simulated: no real model wrote this and nothing was paid." if report.simulated else "",
        measures.to_markdown(rows),
        "The difference is chunked less single pass. There is no score and no winner: people decide. Beside each "
        f"other: [both outputs]({page}/compare), [blind]({page}/blind)",
    ]
    await acreate_markdown_artifact(
        key=f"comparison-{report.id}",
        markdown="\n\n".join(part for part in parts if part),
        description=f"{report.spec.kind} of {plain(report.title)}: both paths",
    )


def _written(job_id: JobId, attempt_id: AttemptId) -> str:
    with reading(runtime.current().engine) as tx:
        output = load_output(tx, attempts.get(tx, attempt_id), jobs.get(tx, job_id))
    return document.to_markdown(output) if output else ""


def _beginning(text: str) -> str:
    """The first part of the output, up to the end of a paragraph."""
    if len(text) <= _MAX_CHARACTERS:
        return f"---\n\n{inert(text)}" if text else ""
    first = text[:_MAX_CHARACTERS].rpartition("\n\n")[0] or text[:_MAX_CHARACTERS]
    return f"---\n\n{inert(first)}\n\n*This is the beginning: {len(first):,} of {len(text):,} characters.*"


def _costs(report: JobReport) -> str:
    """What each attempt used, as a table."""
    head = "| attempt | status | units | calls | input tokens | output tokens | wasted | cost |"
    rows = [
        f"| {each.path} ({each.role}) | {each.status} | {each.units} | {each.calls} | {each.usage.prompt_tokens:,} "
        f"| {each.usage.output_tokens:,} | {each.wasted_tokens:,} | ${each.cost_usd:.4f} |"
        for each in report.attempts
    ]
    return "\n".join([head, "|---|---|--:|--:|--:|--:|--:|--:|", *rows]) if rows else ""


async def _shown(job_id: JobId, showing: Coroutine[Any, Any, T]) -> T | None:
    """The result, or None where Prefect does not take it: a view in its UI may neither fail nor hold up a paid job."""
    try:
        async with asyncio.timeout(_patience.get()):
            shown = await showing
    except Exception as error:  # noqa: BLE001  # the boundary to Prefect's artifact API, which may raise anything
        _patience.set(_PATIENCE_WITH_ONE_AWAY_S)
        reason = str(error) or "no answer in time"
        logger.warning("not shown in Prefect job_id=%s what=%s reason=%s", job_id, showing.__name__, reason)
        return None
    _patience.set(_PATIENCE_S)
    return shown


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
