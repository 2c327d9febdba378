"""The life of a job: plan, run the chosen path or both, check, conclude."""

import asyncio
import logging

from storage import attempts, jobs
from storage.attempts import Attempt
from storage.engine import UNUSABLE
from tasks import leasing
from tasks.artifacts import progress_shown, publish_plan, publish_result
from tasks.chain import run_chain
from tasks.checking import check_attempt
from tasks.conclusion import ANSWERED, conclude, fail, put_aside, put_back, report_of, require_same_world, start
from tasks.context import reserved_today_usd
from tasks.planning import load_plan
from tasks.saving import read
from tasks.single_pass import begin_single_pass, ingest_single_pass, submit_single_pass, wait_for_batch
from throughline.domain.job import AttemptStatus, BatchId, JobId, Path, Role
from throughline.domain.plan import Plan
from throughline.domain.policy import Action, Means
from throughline.domain.report import JobReport
from throughline.errors import (
    AccessRefused,
    BatchUnknown,
    BudgetExceeded,
    Elsewhere,
    JobBusy,
    Retryable,
    SpendLimitReached,
    ThroughlineError,
)
from throughline.failpoints import Failpoint, reach

logger = logging.getLogger(__name__)


async def finished(job_id: JobId, *, asked: bool = True, carrier: str | None = None) -> JobReport:
    """Carry the job out in this process, waiting for its batch here."""
    report = await carry_out(job_id, hold=True, asked=asked, carrier=carrier)
    assert report is not None, "a job that is held to its end has a report"
    return report


async def carry_out(job_id: JobId, *, hold: bool, asked: bool = False, carrier: str | None = None) -> JobReport | None:
    """Everything that happens to a registered job. Safe to call again: what is done stays done.

    None when the job waits for its batch, which it only does without `hold`. `carrier` is the deployment's flow run
    that does this. A cancelled job is only taken up where a person has `asked` for it, which a new flow run does, and
    one that was woken does not; else its report is all that there is.
    """
    asked = asked or (carrier is not None and await read(lambda tx: jobs.of_flow_run(tx, carrier)) is None)
    await require_same_world(job_id)
    async with leasing.held(job_id, carrier=carrier, attended=_attended(hold, carrier)):
        if (report := await report_of(job_id)).status in ANSWERED:
            await publish_result(report)  # finished, or a person's to decide: this run shows it, too
            return report
        return await _carry_out(job_id, hold=hold, asked=asked, carrier=carrier)


def _attended(hold: bool, carrier: str | None) -> bool:
    """Whether a person stands beside who can start the job again. A deployed run has nobody, whatever way it waits."""
    return hold and carrier is None


async def _carry_out(job_id: JobId, *, hold: bool, asked: bool, carrier: str | None) -> JobReport | None:
    """Do the work; whatever ends it early, the job says so, waits, or goes back into the queue."""
    attended = _attended(hold, carrier)
    try:
        return await _worked_on(job_id, hold=hold, asked=asked)
    except JobBusy:
        raise  # whoever took it over says how it ends
    except (Retryable, AccessRefused, SpendLimitReached) as error:
        if attended:
            await fail(job_id, error)
        else:  # nobody stands beside a worker to start the job again
            await put_back(job_id, error)
        raise
    except (BatchUnknown, Elsewhere) as error:
        if attended:
            await fail(job_id, error)
        else:  # it is paid perhaps: `collect` goes on looking, and says so
            await put_aside(job_id, reason=str(error))
        raise
    except BudgetExceeded as error:
        if not attended and error.may_fit(await reserved_today_usd()):
            await put_back(job_id, error)
        else:
            await fail(job_id, error)
        raise
    except UNUSABLE as error:
        if not attended:  # a database that comes back later finds the job in the queue
            await put_back(job_id, ThroughlineError(f"the database could not be used: {error.orig}"))
        raise
    except ThroughlineError as error:
        await fail(job_id, error)
        raise
    except Exception as error:  # whatever it is, the job of a worker says that it stopped, and why
        if not attended:
            await fail(job_id, ThroughlineError(f"{type(error).__name__}: {error}"))
        raise
    except GeneratorExit:
        raise  # nothing can be awaited any more
    except BaseException:  # a signal, in the middle of anything: a sweep that is shut down leaves its job to the next
        if not hold and carrier is None:
            await put_back(job_id, ThroughlineError("its worker was stopped"))
        raise


async def _worked_on(job_id: JobId, *, hold: bool, asked: bool) -> JobReport | None:
    if not await start(job_id, asked=asked):
        return await report_of(job_id)
    reach(Failpoint.JOB_STARTED)
    plan = await load_plan(job_id)
    logger.info(
        "job taken up job_id=%s path=%s units=%d expected_output_tokens=%d expected_usd=%.4f",
        job_id,
        "both" if plan.run_both else plan.chosen,
        plan.size.units,
        plan.size.expected_tokens,
        plan.expected_usd,
    )
    await publish_plan(job_id, plan)
    async with progress_shown(job_id, plan):
        ended = await run_paths(job_id, plan, hold=hold)
    if not ended:
        await put_aside(job_id)
        reach(Failpoint.PUT_ASIDE)
        logger.info("job waits for its batch job_id=%s", job_id)
        return None
    return await _concluded(job_id)


async def _concluded(job_id: JobId) -> JobReport:
    reach(Failpoint.BEFORE_CONCLUDE)
    report = await conclude(job_id)
    reach(Failpoint.AFTER_CONCLUDE)
    logger.info("job ended job_id=%s status=%s cost_usd=%.4f", job_id, report.status, report.cost_usd)
    await publish_result(report)
    return report


async def run_paths(job_id: JobId, plan: Plan, *, hold: bool) -> bool:
    """Whether the chosen path, or both side by side, came to their end.

    One that fails lets the other bring in what it has paid for.
    """
    running = (run_path(job_id, path, role, hold=hold, alone=not plan.run_both) for path, role in paths(plan))
    outcomes = await asyncio.gather(*running, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return all(outcomes)


def paths(plan: Plan) -> list[tuple[Path, Role]]:
    """The paths to run, the chosen one as primary."""
    chosen = [(plan.chosen, Role.PRIMARY)]
    others = [(path, Role.COMPARISON) for path in Path if path is not plan.chosen]
    return chosen + (others if plan.run_both else [])


async def run_path(job_id: JobId, path: Path, role: Role, *, hold: bool, alone: bool) -> bool:
    """Whether the path came to its end; a single pass that comes back short is completed by the chain.

    One that brought nothing, beside a chain that writes everything, is not asked for a second chain.
    """
    match path:
        case Path.CHUNKED:
            attempt = await run_chain(job_id, role)
        case Path.SINGLE_PASS:
            attempt = await single_pass(job_id, role, hold=hold)
            if attempt is None:
                return False
            if attempt.status is not AttemptStatus.COMPLETE and (alone or await has_units(attempt)):
                await check_attempt(attempt.id)
                attempt = await run_chain(job_id, Role.FALLBACK, continues=attempt.id)
    reach(Failpoint.BEFORE_CHECK)
    await made_good(attempt, compared=role is Role.COMPARISON, alone=alone)
    return True


async def has_units(attempt: Attempt) -> bool:
    """Whether the attempt itself wrote anything that counts."""
    return bool(await read(lambda tx: attempts.unit_ids(tx, attempt.id)))


async def made_good(attempt: Attempt, *, compared: bool, alone: bool) -> None:
    """Check the output; if its verdict says so, have it written anew by the chain, or its failing parts, once.

    An output that is only compared stays as it is, and where a chain writes everything beside it, its output is
    the one to fall back to. A budget that does not cover this leaves it to a person.
    """
    may_fall_back = attempt.path is Path.SINGLE_PASS and alone and not compared
    verdict = await check_attempt(attempt.id, Means(repair=not compared, fall_back=may_fall_back))
    try:
        if verdict.action is Action.FALL_BACK:
            attempt = await run_chain(attempt.job_id, Role.FALLBACK)
            verdict = await check_attempt(attempt.id, Means(repair=True, fall_back=False))
        if verdict.action is Action.REPAIR:
            repaired = await run_chain(attempt.job_id, Role.REPAIR, continues=attempt.id, rewrites=verdict.repairs)
            await check_attempt(repaired.id)
    except BudgetExceeded as error:
        logger.warning("not made good job_id=%s reason=%s", attempt.job_id, error)


async def single_pass(job_id: JobId, role: Role, *, hold: bool) -> Attempt | None:
    """Submit, wait, ingest; an item that brought nothing is submitted once more. None while the batch runs."""
    attempt = await begin_single_pass(job_id, role)
    while (batch_id := await submit_single_pass(attempt.id, hold=hold)) is not None:
        if not await has_ended(batch_id, hold=hold):
            return None
        await ingest_single_pass(attempt.id, batch_id)
    return await begin_single_pass(job_id, role)


async def has_ended(batch_id: BatchId, *, hold: bool) -> bool:
    """Whether the batch has ended. One that the API denies to know has not: who does not wait here leaves it, too."""
    try:
        return await wait_for_batch(batch_id, hold=hold)
    except BatchUnknown as error:
        if hold:
            raise
        logger.warning("batch left to the collector batch_id=%s reason=%s", batch_id, error)
        return False
