"""The last days in figures, as one Markdown artifact."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from decimal import Decimal

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact

from storage import jobs, reports
from storage.engine import Tx
from tasks import runtime
from tasks.saving import read
from throughline.domain.job import JobStatus
from throughline.domain.report import JobReport

_MOST_JOBS = 5000
_MOST_ROWS = 50


@flow(name="report", persist_result=False)
async def report(days: int = 7) -> str:
    """Jobs of the last days: how they ended, what they cost, what was paid for nothing, what waits for a person.

    Args:
        days: How many days to look back.
    """
    async with runtime.opened():
        found = await read(lambda tx: _since(tx, days))
    text = as_markdown(found, days)
    await acreate_markdown_artifact(key="report", markdown=text, description=f"The last {days} days")
    return text


def _since(tx: Tx, days: int) -> list[JobReport]:
    """The jobs of these days, the newest first; simulated ones only where there are no others."""
    oldest = runtime.now() - timedelta(days=days)
    found: list[JobReport] = []
    for job_id in jobs.recent(tx, _MOST_JOBS):
        job = reports.job(tx, job_id)
        if job.created_at < oldest:
            break
        found.append(job)
    return [job for job in found if not job.simulated] or found


def as_markdown(found: Sequence[JobReport], days: int) -> str:
    """The report as a person reads it."""
    head = f"# The last {days} days\n\n"
    if not found:
        return head + "No jobs."
    note = "Simulated: nothing was paid.\n\n" if found[0].simulated else ""
    note += f"Only the newest {_MOST_JOBS} jobs were looked at.\n\n" if len(found) == _MOST_JOBS else ""
    return head + note + _totals(found) + _by_kind(found) + _waiting_for_people(found)


def _totals(found: Sequence[JobReport]) -> str:
    attempts = [attempt for job in found for attempt in job.attempts]
    statuses = Counter(str(job.status) for job in found)
    lost = sum((attempt.lost_at_most_usd for attempt in attempts), Decimal(0))
    written = sum(attempt.usage.output_tokens for attempt in attempts)
    wasted = sum(attempt.wasted_tokens for attempt in attempts)
    return _table(
        ("", "figure"),
        [
            ("jobs", f"{len(found)} ({', '.join(f'{count} {status}' for status, count in statuses.most_common())})"),
            ("cost", _usd(job.cost_usd for job in found)),
            ("output tokens", f"{written:,}"),
            ("of these wasted", f"{wasted:,}{f' ({wasted / written:.1%})' if written else ''}"),
            ("answers lost", f"at most ${lost:.4f} more"),
            ("came back short", f"{sum(attempt.status == 'short' for attempt in attempts)} attempts"),
        ],
    )


def _by_kind(found: Sequence[JobReport]) -> str:
    def row(name: str, chosen: Callable[[JobReport], str]) -> list[tuple[str, ...]]:
        groups = sorted({chosen(job) for job in found})
        of_group = {group: [job for job in found if chosen(job) == group] for group in groups}
        return [(name, group, str(len(js)), _usd(j.cost_usd for j in js)) for group, js in of_group.items()]

    rows = row("kind", lambda job: str(job.spec.kind)) + row("model", lambda job: job.spec.model)
    return "## What for\n\n" + _table(("by", "which", "jobs", "cost"), rows + row("path", _path))


def _path(job: JobReport) -> str:
    if job.plan is None:
        return "not planned"
    return "both" if job.plan.run_both else str(job.plan.chosen)


def _waiting_for_people(found: Sequence[JobReport]) -> str:
    stopped = (JobStatus.ESCALATED, JobStatus.FAILED, JobStatus.BUDGET)
    waiting = [job for job in found if job.status in stopped]
    if not waiting:
        return "## Waiting for a person\n\nNone.\n"
    rows = [(f"`{j.id}`", j.status, _cell(j.title), _usd([j.cost_usd]), _cell(j.reason or "")) for j in waiting]
    more = f"\n{len(rows) - _MOST_ROWS} more: `throughline list`\n" if len(rows) > _MOST_ROWS else ""
    table = _table(("job", "status", "title", "cost", "why"), rows[:_MOST_ROWS])
    return "## Waiting for a person\n\n" + table + more


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n"


def _cell(text: str) -> str:
    """Text of documents and models within one cell."""
    return text.replace("|", "\\|").replace("\n", " ")[:200]


def _usd(amounts: Iterable[Decimal]) -> str:
    return f"${sum(amounts, Decimal(0)):,.4f}"
