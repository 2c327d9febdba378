"""Carry out a job that is in the ledger, suspended while its batch is on its way or a person is asked."""

from datetime import timedelta

from prefect import flow
from prefect.flow_runs import asuspend_flow_run

from flows import problems
from flows.asking import decided
from storage import jobs, queue
from tasks import runtime
from tasks.job_life import carry_out, finished
from tasks.saving import read, saved
from tasks.step import flow_run_id
from throughline.domain.job import JobId
from throughline.domain.report import JobReport, to_json
from throughline.failpoints import Failpoint, reach

_LONGEST_SUSPENSION = timedelta(hours=30)  # a batch ends within 24 hours; the rest is margin


@flow(name="registered-job", flow_run_name="{job_id}", persist_result=False)
async def registered_job(job_id: JobId) -> dict[str, object]:
    """Run, or go on with, a job that is in the ledger.

    Args:
        job_id: The job's id, as `throughline list` shows it.
    """
    async with problems.shown(), runtime.opened():
        return to_json(await to_its_end(job_id))


async def job_of_this_run() -> JobId | None:
    """The job that this flow run carries out already: a resumed run begins anew, whatever its sources say now."""
    run_id = flow_run_id()
    return None if run_id is None else await read(lambda tx: jobs.of_flow_run(tx, run_id))


async def to_its_end(job_id: JobId) -> JobReport:
    """Carry the job out, and ask a person where its output needs one. A deployment's run is suspended meanwhile.

    A run of no deployment cannot be suspended: it ends with the job escalated. Where runs wait for batches in their
    own process, they still do not sit through the days that a person may take.
    """
    run_id = flow_run_id()
    if run_id is None:
        return await finished(job_id)
    if runtime.current().polls:
        report = await finished(job_id, asked=False, carrier=run_id)
    else:
        report = await _waiting_suspended(job_id, run_id)
    report = await decided(report)
    await saved(lambda tx: jobs.let_go(tx, job_id, run_id))
    return report


async def _waiting_suspended(job_id: JobId, run_id: str) -> JobReport:
    suspensions = 0
    while (report := await carry_out(job_id, hold=False, carrier=run_id)) is None:
        # A resumed run begins anew: keys that have fired are passed over, and the ledger is asked each time.
        while await read(lambda tx: queue.has_open_batch(tx, job_id)):
            suspensions += 1
            reach(Failpoint.BEFORE_SUSPEND)
            await asuspend_flow_run(timeout=int(_LONGEST_SUSPENSION.total_seconds()), key=f"batch-{suspensions}")
    return report
