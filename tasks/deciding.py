"""Deciding: a person's word ends an escalated job, once."""

import logging
import uuid

from storage import jobs, reviews
from storage.engine import Tx
from storage.reviews import Review
from tasks import registration, runtime
from tasks.conclusion import report_of
from tasks.saving import read, saved
from tasks.sending import enqueue
from throughline.domain.comparison import published_of
from throughline.domain.job import AttemptId, JobId, JobStatus, Path, PathChoice
from throughline.domain.report import JobReport
from throughline.domain.review import Choice, Decision, OnExpiry, Origin
from throughline.errors import BadInput

logger = logging.getLogger(__name__)


async def decide(job_id: JobId, decision: Decision) -> JobId | None:
    """Carry out the decision on an escalated job; the id of the new job when it is run again.

    `BadInput` when nobody is asked for a decision any more, or when there is no output to approve.
    """
    report = await report_of(job_id)
    review = await read(lambda tx: reviews.latest_of(tx, job_id))
    if review is None or review.decided_at is not None or report.status is not JobStatus.ESCALATED:
        raise BadInput(_too_late(report, review))
    publish = _published(report, decision) if decision.choice is Choice.APPROVE else None
    again = await _run_again(report, decision) if decision.choice is Choice.RERUN else None

    def write(tx: Tx) -> bool:
        minutes = decision.minutes
        if minutes is None:
            minutes = reviews.minutes_read(tx, review.id) or None
        decided = reviews.decide(
            tx,
            review.id,
            choice=decision.choice,
            reviewer=decision.reviewer,
            reason=decision.reason,
            minutes=minutes,
            came_from=decision.came_from,
            now=runtime.now(),
        )
        if decided:
            if publish is not None:
                jobs.publish(tx, job_id, publish)
            status = JobStatus.DONE if publish is not None else JobStatus.REJECTED
            jobs.set_status(tx, job_id, status, reason=_said(decision, again), now=runtime.now())
        return decided

    if not await saved(write):
        raise BadInput(_too_late(await report_of(job_id), await read(lambda tx: reviews.latest_of(tx, job_id))))
    if again is not None:
        await enqueue(again)
    return again


async def expire_reviews() -> int:
    """Decide, as the setting says, what nobody decided in time; how many those were."""
    chosen = runtime.current().settings.review_on_expiry
    late = await read(lambda tx: reviews.expired(tx, runtime.now()))
    for review in late:
        report = await report_of(review.job_id)
        publishes = chosen is OnExpiry.PUBLISH and published_of(report) is not None
        reason = "Nobody decided in time." + (" Published with this warning." if publishes else "")
        decision = Decision(
            choice=Choice.APPROVE if publishes else Choice.REJECT,
            reviewer="the clock",
            reason=reason,
            came_from=Origin.CLOCK,
        )
        try:
            await decide(review.job_id, decision)
        except BadInput as error:  # somebody was quicker
            logger.info("review not expired job_id=%s reason=%s", review.job_id, error)
    return len(late)


def _published(report: JobReport, decision: Decision) -> AttemptId:
    """The attempt whose output is approved: the named one, else the best that is complete, else the fullest."""
    if decision.attempt_id is not None:
        if decision.attempt_id not in {attempt.id for attempt in report.attempts}:
            raise BadInput(f"Job {report.id} has no attempt {decision.attempt_id}. See: throughline show {report.id}")
        return decision.attempt_id
    if (complete := published_of(report)) is not None:
        return complete
    fullest = max((each for each in report.attempts if each.units), key=lambda each: each.units, default=None)
    if fullest is None:
        raise BadInput(f"Job {report.id} has no output to approve. Reject it, or run it again.")
    return fullest.id


async def _run_again(report: JobReport, decision: Decision) -> JobId:
    """A new job over the stored sources, by the named path or the other one."""
    ran = report.plan.chosen if report.plan is not None else Path.SINGLE_PASS
    other = Path.CHUNKED if ran is Path.SINGLE_PASS else Path.SINGLE_PASS
    spec = report.spec.model_copy(update={"path": PathChoice(decision.path or other)})
    return (await registration.register_again(report.id, spec, nonce=uuid.uuid4().hex)).id


def _said(decision: Decision, again: JobId | None) -> str | None:
    """The decision as the job's reason; an approval needs none."""
    if decision.choice is Choice.APPROVE:
        return decision.reason or None
    words = f"Rejected by {decision.reviewer}." if again is None else f"Run again as job {again}."
    return f"{words} {decision.reason}".strip()


def _too_late(report: JobReport, review: Review | None) -> str:
    if review is not None and review.decided_at is not None and review.choice is not None:
        when = f"{review.decided_at:%Y-%m-%d %H:%M} UTC"
        return f"Job {report.id} was decided already: {review.choice} by {review.reviewer}, {when}. Nothing changed."
    return f"Job {report.id} is {report.status} and waits for no decision. Nothing changed."
