"""The life of a job: plan, run the chosen path or both, check, conclude."""

import asyncio

from prefect import flow

from storage.attempts import Attempt
from tasks import leasing, runtime
from tasks.artifacts import progress_shown, publish_plan, publish_result
from tasks.chain import run_chain
from tasks.checking import check_attempt
from tasks.conclusion import conclude, fail, require_same_world, start
from tasks.planning import load_plan
from tasks.single_pass import begin_single_pass, ingest_single_pass, submit_single_pass, wait_for_batch
from throughline.domain.job import AttemptStatus, JobId, Path, Role
from throughline.domain.plan import Plan
from throughline.domain.report import JobReport, to_json
from throughline.errors import JobBusy, ThroughlineError
from throughline.failpoints import Failpoint, reach


@flow(name="registered-job", flow_run_name="{job_id}", persist_result=False)
async def registered_job(job_id: JobId) -> dict[str, object]:
    """Run, or go on with, a job that is in the ledger.

    Args:
        job_id: The job's id, as `throughline list` shows it.
    """
    async with runtime.opened():
        return to_json(await carry_out(job_id))


async def carry_out(job_id: JobId) -> JobReport:
    """Everything that happens to a registered job. Safe to call again: what is done stays done."""
    async with leasing.held(job_id):
        return await _carry_out(job_id)


async def _carry_out(job_id: JobId) -> JobReport:
    try:
        await require_same_world(job_id)
        plan = await load_plan(job_id)
        await publish_plan(job_id, plan)
        await start(job_id)
        reach(Failpoint.JOB_STARTED)
        async with progress_shown(job_id, plan):
            await run_paths(job_id, plan)
    except JobBusy:
        raise  # whoever took it over says how it ends
    except ThroughlineError as error:
        await fail(job_id, error)
        raise
    reach(Failpoint.BEFORE_CONCLUDE)
    report = await conclude(job_id)
    reach(Failpoint.AFTER_CONCLUDE)
    await publish_result(report)
    return report


async def run_paths(job_id: JobId, plan: Plan) -> None:
    """The chosen path or both, side by side. One that fails lets the other bring in what it has paid for."""
    running = (run_path(job_id, path, role) for path, role in paths(plan))
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if outcome is not None:
            raise outcome


def paths(plan: Plan) -> list[tuple[Path, Role]]:
    """The paths to run, the chosen one as primary."""
    chosen = [(plan.chosen, Role.PRIMARY)]
    others = [(path, Role.COMPARISON) for path in Path if path is not plan.chosen]
    return chosen + (others if plan.run_both else [])


async def run_path(job_id: JobId, path: Path, role: Role) -> None:
    """One path to its end; a single pass that comes back short is completed by the chain."""
    match path:
        case Path.CHUNKED:
            attempt = await run_chain(job_id, role)
        case Path.SINGLE_PASS:
            attempt = await single_pass(job_id, role)
            if attempt.status is not AttemptStatus.COMPLETE:
                await check_attempt(attempt.id)
                attempt = await run_chain(job_id, Role.FALLBACK, continues=attempt.id)
    reach(Failpoint.BEFORE_CHECK)
    await check_attempt(attempt.id)


async def single_pass(job_id: JobId, role: Role) -> Attempt:
    """Submit, wait, ingest; an item that brought nothing is submitted once more."""
    attempt = await begin_single_pass(job_id, role)
    while (batch_id := await submit_single_pass(attempt.id)) is not None:
        await wait_for_batch(batch_id)
        await ingest_single_pass(attempt.id, batch_id)
    return await begin_single_pass(job_id, role)
