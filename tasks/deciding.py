"""Deciding: a person's word ends a job that stopped for one, once."""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from storage import comparisons, jobs, reviews
from storage.engine import Tx
from storage.jobs import Job
from storage.reviews import Review
from tasks import registration, runtime
from tasks.conclusion import report_of
from tasks.saving import read, saved
from throughline.domain.comparison import published_of
from throughline.domain.job import AttemptId, JobId, JobStatus, Path
from throughline.domain.report import JobReport
from throughline.domain.review import Choice, Decision, OnExpiry, Origin, rerun_of
from throughline.errors import BadInput

logger = logging.getLogger(__name__)


async def decide(job_id: JobId, decision: Decision) -> JobId | None:
    """Carry out the decision on a job that stopped for one; the id of the new job when it is run again.

    `BadInput` when nobody is asked for a decision any more, or when there is no output to approve. What is
    decided, published and queued is written together: a decision that comes second leaves nothing behind. Nor does one
    beside somebody who goes on with the job: the row's lock has one of them first, and the other sees what it did.
    """
    report = await report_of(job_id)
    review = await read(lambda tx: reviews.latest_of(tx, job_id))
    if review is None or review.decided_at is not None or not report.status.asks:
        raise BadInput(_too_late(report, review))
    publish = _published(report, decision) if decision.choice is Choice.APPROVE else None
    make_again = await _run_again(report, decision) if decision.choice is Choice.RERUN else None

    def write(tx: Tx) -> _Decided:
        if not jobs.get(tx, job_id, locked=True).status.asks or not _write_down(tx, review.id, decision):
            return _Decided(first=False)
        again = None if make_again is None else make_again(tx).id
        if decision.blind is not None:
            comparisons.save(tx, review.id, decision.blind)
        if publish is not None:
            jobs.publish(tx, job_id, publish)
        status = JobStatus.DONE if publish is not None else JobStatus.REJECTED
        jobs.set_status(tx, job_id, status, reason=_said(decision, again), now=runtime.now())
        return _Decided(first=True, again=again)

    decided = await saved(write)
    if not decided.first:
        raise BadInput(_too_late(await report_of(job_id), await read(lambda tx: reviews.latest_of(tx, job_id))))
    return decided.again


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """Whether this decision was the first one, and the job that was queued by it."""

    first: bool
    again: JobId | None = None


def _write_down(tx: Tx, review_id: str, decision: Decision) -> bool:
    """Whether it is the first decision; then it stands, with the minutes that were told or counted."""
    minutes = decision.minutes
    if minutes is None:
        minutes = reviews.minutes_read(tx, review_id) or None
    return reviews.decide(
        tx,
        review_id,
        choice=decision.choice,
        reviewer=decision.reviewer,
        reason=decision.reason,
        minutes=minutes,
        came_from=decision.came_from,
        now=runtime.now(),
    )


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
        named = next((each for each in report.attempts if each.id == decision.attempt_id), None)
        if named is None:
            raise BadInput(f"Job {report.id} has no attempt {decision.attempt_id}. See: throughline show {report.id}")
        if not named.units:
            raise BadInput(
                f"Attempt {named.id} wrote nothing that could be approved. See: throughline show {report.id}"
            )
        return named.id
    if (complete := published_of(report)) is not None:
        return complete
    fullest = max((each for each in report.attempts if each.units), key=lambda each: each.units, default=None)
    if fullest is None:
        raise BadInput(f"Job {report.id} has no output to approve. Reject it, or run it again.")
    return fullest.id


async def _run_again(report: JobReport, decision: Decision) -> Callable[[Tx], Job]:
    """What makes the new job over the stored sources, in the world of the old one."""
    _require_its_world(report)
    ran = report.plan.chosen if report.plan is not None else Path.SINGLE_PASS
    spec = rerun_of(report.spec, ran, decision)
    return await registration.prepare_again(report.id, spec, nonce=uuid.uuid4().hex)


def _require_its_world(report: JobReport) -> None:
    """Raise `BadInput` where a simulated job would be run again for money, or a real one by the stand-in."""
    if report.simulated and not runtime.current().simulated:
        raise BadInput(
            f"Job {report.id} is simulated, and run again from here it would be real and paid. Give --simulate. "
            "Nothing was decided."
        )
    if runtime.current().simulated and not report.simulated:
        raise BadInput(
            f"Job {report.id} is real, and run again from here it would be simulated. Leave out --simulate, and use a "
            "real key. Nothing was decided."
        )


def _said(decision: Decision, again: JobId | None) -> str:
    """The decision as the job's reason: what was decided, by whom, and why."""
    done = "Approved" if decision.choice is Choice.APPROVE else "Rejected"
    words = f"{done} by {decision.reviewer}."
    if again is not None:
        words = f"Run again as job {again}, as {decision.reviewer} decided."
    return f"{words} {decision.reason}".strip()


def _too_late(report: JobReport, review: Review | None) -> str:
    if review is not None and review.decided_at is not None and review.choice is not None:
        when = f"{review.decided_at:%Y-%m-%d %H:%M} UTC"
        return f"Job {report.id} was decided already: {review.choice} by {review.reviewer}, {when}. Nothing changed."
    return f"Job {report.id} is {report.status} and waits for no decision. Nothing changed."
