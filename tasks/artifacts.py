"""What the Prefect UI shows of a job: the plan as a table, the result as Markdown. Nothing else lives there.

Outside a flow run these steps do nothing: the ledger has it all.
"""

from storage import attempts, jobs
from storage.engine import reading
from tasks import runtime
from tasks.checking import load_output
from tasks.step import in_flow_run
from throughline.domain import document
from throughline.domain.job import JobId
from throughline.domain.plan import PathEstimate, Plan
from throughline.domain.report import JobReport

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
