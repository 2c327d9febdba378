"""Conclude: remember what sizes came out, publish or hand to a person."""

from datetime import datetime, timedelta

from storage import attempts, calibration, jobs, reports, reviews
from storage.attempts import Attempt
from storage.engine import Tx, reading
from tasks import leasing, runtime
from tasks.saving import read, saved
from tasks.step import step
from throughline.domain.comparison import published_of
from throughline.domain.job import AttemptStatus, JobId, JobStatus, Path, ReviewMode, Role
from throughline.domain.policy import Action
from throughline.domain.remaining import remaining_usd
from throughline.domain.report import AttemptReport, JobReport
from throughline.domain.review import choices
from throughline.errors import BadInput, BudgetExceeded, ThroughlineError

ANSWERED = (JobStatus.DONE, JobStatus.ESCALATED, JobStatus.REJECTED)
"""Where a job has come as far as it comes without a person."""


@step
async def conclude(job_id: JobId) -> JobReport:
    """Give the job its end from what its attempts brought."""
    report, found = await read(lambda tx: (reports.job(tx, job_id), attempts.of_job(tx, job_id)))
    ended = {attempt.id: attempt for attempt in found}
    status, reason = verdict(report)
    published = published_of(report)

    def write(tx: Tx) -> None:
        leasing.require(tx, job_id)
        end, why = status, reason
        if published is not None and _was_taken_back(tx, ended[published]):
            end = JobStatus.ESCALATED
            why = f"The model refused an answer in the end, and what was taken from it is missing. {_choices(report)}"
        for attempt in report.attempts:
            _remember_size(tx, report, attempt, ended[attempt.id])
        if published is not None:
            jobs.publish(tx, job_id, published)
        jobs.set_status(tx, job_id, end, reason=why, now=runtime.now())
        if end is JobStatus.ESCALATED:
            reviews.request(tx, job_id, now=runtime.now(), expires_at=_expiry())

    await saved(write)
    return await report_of(job_id)


def _was_taken_back(tx: Tx, complete: Attempt) -> bool:
    """Whether units of a chain were taken back since it ended, perhaps since it was checked."""
    return complete.path is Path.CHUNKED and not attempts.is_whole(tx, complete)


def verdict(report: JobReport) -> tuple[JobStatus, str | None]:
    """Done when the output to publish passed its checks and nobody must read it first; else a person decides."""
    published = next((each for each in report.attempts if each.id == published_of(report)), None)
    if published is None:
        reasons = [attempt.reason for attempt in report.attempts if attempt.reason]
        return JobStatus.ESCALATED, " ".join(["No complete output.", *dict.fromkeys(reasons), _choices(report)])
    weak = published.verdict is not None and published.verdict.action is not Action.PUBLISH
    doubts = published.verdict.sentence if published.verdict is not None and weak else ""
    if report.spec.review is ReviewMode.NEVER:
        return JobStatus.DONE, f"Published without review (review=never). {doubts}" if doubts else None
    if weak:
        return JobStatus.ESCALATED, f"{doubts} {_choices(report)}"
    if report.spec.review is ReviewMode.ALWAYS:
        return JobStatus.ESCALATED, f"The output is complete and waits for a person (review=always). {_choices(report)}"
    return JobStatus.DONE, None


def _choices(report: JobReport) -> str:
    """What a person may do, and what it would cost."""
    estimates = (report.plan.single_pass, report.plan.chunked) if report.plan is not None else ()
    costs = [(each.path, each.expected_usd) for each in estimates if each.feasible]
    return choices(approvable=any(attempt.units for attempt in report.attempts), costs=costs)


async def require_same_world(job_id: JobId) -> None:
    """Raise `BadInput` without a key, or when a simulated job meets a real one, or the other way round.

    Asked before anything is changed: a slip of the person's ends no job that waits or is queued. One that has its
    output is shown to anybody.
    """
    rt = runtime.current()
    job = await read(lambda tx: jobs.get(tx, job_id))
    if job.status in ANSWERED:
        return
    rt.require_key()
    if job.simulated != rt.simulated:
        was, now, way = ("simulated", "real", "Give") if job.simulated else ("real", "simulated", "Leave out")
        raise BadInput(
            f"Job {job_id} is {was} and the key is {now}. {way} --simulate, or start it anew with the key you want."
        )


@step
async def start(job_id: JobId, *, asked: bool = False) -> bool:
    """The job is being worked on. False when a person decided on it since it was looked at: then nothing is sent.

    A cancelled job is taken up again only where a person has `asked` for it since: not because a sweep had claimed it
    before, or because the flow run that carried it was woken.
    """
    closed = [JobStatus.DONE, JobStatus.REJECTED]
    if not asked:
        closed.append(JobStatus.CANCELLED)

    def write(tx: Tx) -> bool:
        leasing.require(tx, job_id)
        if jobs.get(tx, job_id, locked=True).status in closed:
            return False
        jobs.set_status(tx, job_id, JobStatus.RUNNING, now=runtime.now())
        return True

    return await saved(write)


@step
async def put_aside(job_id: JobId, reason: str | None = None) -> None:
    """The job waits for its batch, and no process holds it meanwhile. One that has failed stays so."""
    await _set_status(job_id, JobStatus.WAITING, reason=reason)


@step
async def put_back(job_id: JobId, error: ThroughlineError) -> None:
    """The API takes nothing at the moment: the job waits in the queue for better times, unless it has failed."""
    await _set_status(job_id, JobStatus.QUEUED, reason=str(error))


@step
async def fail(job_id: JobId, error: ThroughlineError) -> None:
    """Stop the job where it is; what is paid for is kept, and the same command goes on from there."""
    if isinstance(error, BudgetExceeded):
        await _stop_at_budget(job_id, error)
    else:
        await _set_status(job_id, JobStatus.FAILED, reason=str(error))


async def _stop_at_budget(job_id: JobId, error: BudgetExceeded) -> None:
    """Ask a person, without a limit of time: whoever raises the budget needs no decision."""
    report = await report_of(job_id)
    more_usd = remaining_usd(report)
    going_on = f"Going on is expected to cost ${more_usd:.4f} more." if more_usd is not None else ""
    reason = " ".join(part for part in (str(error), going_on, _choices(report)) if part)

    def write(tx: Tx) -> None:
        if not _may_be_stopped(tx, job_id):
            return
        jobs.set_status(tx, job_id, JobStatus.BUDGET, reason=reason, now=runtime.now())
        reviews.request(tx, job_id, now=runtime.now(), expires_at=None)

    await saved(write)


async def _set_status(job_id: JobId, status: JobStatus, *, reason: str | None = None) -> None:
    def write(tx: Tx) -> None:
        revives = status is not JobStatus.FAILED and jobs.get(tx, job_id, locked=True).status is JobStatus.FAILED
        if _may_be_stopped(tx, job_id) and not revives:
            jobs.set_status(tx, job_id, status, reason=reason, now=runtime.now())

    await saved(write)


def _may_be_stopped(tx: Tx, job_id: JobId) -> bool:
    """Whether this process holds the job, and the job is not past that: trouble changes no end, and revives nothing."""
    leasing.require(tx, job_id)
    return jobs.get(tx, job_id, locked=True).status not in (*ANSWERED, JobStatus.CANCELLED)


async def report_of(job_id: JobId) -> JobReport:
    """The job as the ledger has it, asked for with patience."""
    return await read(lambda tx: reports.job(tx, job_id))


def read_report(job_id: JobId) -> JobReport:
    """The job as the ledger has it."""
    with reading(runtime.current().engine) as tx:
        return reports.job(tx, job_id)


def _expiry() -> datetime | None:
    hours = runtime.current().settings.review_expires_h
    return runtime.now() + timedelta(hours=hours) if hours else None


def _remember_size(tx: Tx, report: JobReport, told: AttemptReport, attempt: Attempt) -> None:
    """Expected against needed output, for attempts that show a size: whole ones, and cut ones as a bound.

    A fallback and a repair write only a part, so their lengths say nothing about a whole output.
    """
    if told.role in (Role.FALLBACK, Role.REPAIR):
        return
    whole = told.status is AttemptStatus.COMPLETE
    cut = told.status is AttemptStatus.SHORT and told.stop_reason is not None
    if report.plan is None or not (whole or cut):
        return
    calibration.save(
        tx,
        attempt,
        report.spec,
        plan=report.plan,
        units=told.units,
        actual_tokens=told.usage.output_tokens,
        censored=cut,
        simulated=report.simulated,
        now=runtime.now(),
    )
