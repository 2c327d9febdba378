"""Asking a person: the flow run of a job that stopped for one is suspended with a form, and holds nothing.

The ledger has the last word. A run is woken by the form, or because somebody decided on the review page, with
`throughline decide`, or by letting the time pass; whatever woke it, what counts is the first decision that was written
down. The form is one more way to give it.
"""

from typing import Literal

from prefect import get_run_logger
from prefect.context import FlowRunContext
from prefect.flow_runs import asuspend_flow_run
from prefect.input import RunInput
from pydantic import Field

from storage import reviews
from storage.reviews import Review
from tasks import runtime
from tasks.artifacts import plain, publish_result
from tasks.conclusion import report_of
from tasks.deciding import decide
from tasks.saving import read
from throughline.domain.happenings import page_of
from throughline.domain.job import JobStatus, Path
from throughline.domain.report import JobReport
from throughline.domain.review import Choice, Decision, Origin
from throughline.errors import ThroughlineError

LOOK_AGAIN = "look again"
_NOBODY = "nobody: the ledger is looked at again"
_LONGEST_TITLE = 200


class ReviewForm(RunInput):
    """The form of a suspended run. `decision` and `reviewer` have no default: nobody approves by pressing Resume."""

    decision: Literal["approve", "reject", "rerun", "look again"] = Field(
        description="look again: somebody decided elsewhere, or nothing is decided here",
        json_schema_extra={"position": 0},
    )
    reviewer: str = Field(
        min_length=1, max_length=80, description="Your name; it is kept", json_schema_extra={"position": 1}
    )
    reason: str = Field(default="", max_length=4000, description="Why; it is kept", json_schema_extra={"position": 2})
    minutes: float = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Minutes that you read; 0 for those that the review page counted",
        json_schema_extra={"position": 3},
    )
    rerun_path: Literal["the other one", "single_pass", "chunked"] = Field(
        default="the other one", description="rerun: by which path", json_schema_extra={"position": 4}
    )
    note_to_writer: str = Field(
        default="",
        max_length=4000,
        description="rerun: a wish that joins the instructions",
        json_schema_extra={"position": 5},
    )


def look_again() -> dict[str, str]:
    """The form's answer that decides nothing: the run wakes and reads in the ledger what was decided."""
    return {"decision": LOOK_AGAIN, "reviewer": _NOBODY}


async def decided(report: JobReport) -> JobReport:
    """Suspend this flow run while its job waits for a person; the job as it is once somebody decided.

    A resumed run begins anew and comes by here again. Only the newest answer of the form counts: older ones were
    refused when they came, and must not be carried out by surprise later.
    """
    review = await read(lambda tx: reviews.latest_of(tx, report.id))
    if review is None:
        return report
    answered = _forms_answered(review)
    refusal = ""
    if answered:
        refusal = await _answered(report, review, await _form(review, answered))
        report = await report_of(report.id)
    if report.status is JobStatus.ESCALATED:
        await _form(review, answered + 1, description=_question(report, refusal))  # ends this process here
    if answered:
        await publish_result(report)
    return report


async def _form(review: Review, number: int, *, description: str = "") -> ReviewForm:
    """The answer to the review's form of that number; suspends the run until there is one."""
    form = ReviewForm.with_initial_data(description=description)
    return await asuspend_flow_run(wait_for_input=form, key=f"{_key(review)}{number}")


def _key(review: Review) -> str:
    return f"review-{review.id}-"


def _forms_answered(review: Review) -> int:
    """How many forms of this review the run has shown; each was answered, or the run would not be here."""
    context = FlowRunContext.get()
    assert context is not None, "asked within a flow run"
    assert context.flow_run is not None, "asked within a flow run"
    keys = context.flow_run.empirical_policy.pause_keys or set()
    return sum(key.startswith(_key(review)) for key in keys)


async def _answered(report: JobReport, review: Review, form: ReviewForm) -> str:
    """Carry out what the form says; why it was not, or an empty text."""
    if form.decision == LOOK_AGAIN:
        return "" if report.status is not JobStatus.ESCALATED else "Nothing is decided yet."
    if _is_this(review, form):
        return ""  # this very answer was carried out before the run was interrupted
    try:
        await decide(report.id, _decision(form))
    except ThroughlineError as error:  # late, twice, or nothing to approve: said as it is
        get_run_logger().warning("Your answer was not carried out: %s", error)
        return f"Your answer was not carried out: {error}"
    return ""


def _is_this(review: Review, form: ReviewForm) -> bool:
    return review.came_from is Origin.PREFECT and (review.choice, review.reviewer) == (form.decision, form.reviewer)


def _decision(form: ReviewForm) -> Decision:
    return Decision(
        choice=Choice(form.decision),
        reviewer=form.reviewer,
        reason=form.reason.strip(),
        minutes=form.minutes or None,
        path=Path(form.rerun_path) if form.rerun_path in set(Path) else None,
        note=form.note_to_writer,
        came_from=Origin.PREFECT,
    )


def _question(report: JobReport, refusal: str) -> str:
    """What the form says above its fields, as Markdown."""
    page = page_of(report.id, runtime.current().settings.review_url)
    parts = [
        f"**{plain(refusal)}**" if refusal else "",
        f"Job `{report.id}` ({plain(report.title[:_LONGEST_TITLE])}) waits for a decision.",
        plain(report.reason or ""),
        f"It has cost ${report.cost_usd:.4f}{' (simulated)' if report.simulated else ''} so far.",
        f"Read it at [{page}]({page}); `throughline review` serves that page where none is running.",
    ]
    return "\n\n".join(part for part in parts if part)
