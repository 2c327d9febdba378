"""Every flow that is deployed: when it runs, how often at once, and what people read about it in the UI."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.types.entrypoint import EntrypointType
from prefect.workers.process import ProcessWorker

from deployments.notifying import notify
from deployments.schedules import ServiceSettings, scheduled
from flows import LOGGERS
from flows.calibrate import calibrate
from flows.collect import collect
from flows.document_job import document_job
from flows.registered_job import registered_job
from flows.report import report
from flows.sweep import sweep
from throughline import __version__

_PROCESS = "process"
# No secret: which of our loggers the UI shows beside a run.
_ENVIRONMENT = {
    "PREFECT_LOGGING_EXTRA_LOGGERS": ",".join(LOGGERS),
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "DO_NOT_TRACK": "1",
}
JOBS = "jobs"
ROUNDS = "rounds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One deployment. Its name is its flow's name: `prefect deployment run collect/collect`.

    Whatever spends money stands in the queue `jobs` and has no limit of Prefect's: a run that holds a slot is killed
    when Prefect's server is away while the slot is renewed. There the workers' own `--limit` bounds what runs at once.
    """

    flow: Flow[..., Any]
    description: str
    queue: str
    alone: bool = False
    schedule: str = "off"


def definitions(chosen: ServiceSettings) -> tuple[Definition, ...]:
    """Everything that Throughline deploys."""
    return (
        Definition(flow=document_job, description=_DOCUMENT_JOB, queue=JOBS),
        Definition(flow=registered_job, description=_REGISTERED_JOB, queue=JOBS),
        Definition(flow=sweep, description=_SWEEP, queue=JOBS, schedule=chosen.sweep_schedule),
        Definition(flow=collect, description=_COLLECT, queue=ROUNDS, alone=True, schedule=chosen.collect_schedule),
        Definition(
            flow=calibrate, description=_CALIBRATE, queue=ROUNDS, alone=True, schedule=chosen.calibrate_schedule
        ),
        Definition(flow=report, description=_REPORT, queue=ROUNDS, alone=True, schedule=chosen.report_schedule),
    )


def built(definition: Definition, chosen: ServiceSettings, pool_type: str) -> RunnerDeployment:
    """The deployment as Prefect takes it."""
    alone = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    return RunnerDeployment.from_flow(
        definition.flow,
        name=definition.flow.name,
        description=definition.description.strip(),
        tags=["throughline", definition.queue],
        version=__version__,
        schedules=scheduled(definition.schedule, chosen.schedule_timezone),
        concurrency_limit=alone if definition.alone else None,
        work_pool_name=chosen.work_pool,
        work_queue_name=definition.queue,
        job_variables=_job_variables(pool_type),
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _job_variables(pool_type: str) -> dict[str, Any]:  # Any: JSON
    if pool_type != _PROCESS:
        return {"env": _ENVIRONMENT}
    # The folder that relative settings and sources mean, else a temporary one; and without a command a worker
    # starts a second interpreter before each run to prepare a folder, which takes seconds and is not needed here.
    return {
        "env": _ENVIRONMENT,
        "working_dir": str(Path.cwd()),
        "command": f"{sys.executable} -m prefect.engine",
    }


async def register(chosen: ServiceSettings) -> Sequence[str]:
    """Make the work pool if there is none, and every deployment what it is defined to be; says their names."""
    pool_type = await _pool_type(chosen.work_pool)
    deployments = [built(definition, chosen, pool_type) for definition in definitions(chosen)]
    for deployment in deployments:
        await _apply(deployment)
    await notify(chosen.notify_url)
    return [deployment.full_name for deployment in deployments]


async def _apply(deployment: RunnerDeployment) -> None:
    """Prefect leaves schedules as they are when a deployment comes without any: here they go."""
    deployment_id = await deployment.aapply()
    if not deployment.schedules:
        async with get_client() as client:
            for schedule in await client.read_deployment_schedules(deployment_id):
                await client.delete_deployment_schedule(deployment_id, schedule.id)


async def _pool_type(name: str) -> str:
    """The type of that work pool, which is made for process workers if there is none."""
    async with get_client() as client:
        try:
            return (await client.read_work_pool(name)).type
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            await client.create_work_pool(WorkPoolCreate(name=name, type=_PROCESS, base_job_template=template))
            return _PROCESS


_DOCUMENT_JOB = """
Writes **one long document** from source documents, as one batch request, as a chunked chain, or both.

Fill in the sources (paths that the workers can read) and the kind; everything else has a default. While a batch is
on its way the run is *Suspended* and holds no process; `collect` resumes it. The plan, the progress and the result
are the run's artifacts. **Cancel** the run to stop spending: nothing more is sent, and a batch that is under way is
cancelled by the next `collect`. What is paid for is kept.

A run whose output needs a person is *Suspended*, too: press **Resume** and fill in the form, or decide on the review
page or with `throughline decide`.
"""
_REGISTERED_JOB = """
Carries out **a job that is in the ledger already**, or goes on with it: after a failure, a spent budget or a cancelled
run. What is done stays done and is not paid again. The ids are what `throughline list` shows.
"""
_SWEEP = """
Sends **what is queued** (`throughline submit`, and jobs whose worker stopped): single passes of independent jobs share
batches, chains are carried out here. Several sweeps may run at once; no job is taken twice.
"""
_COLLECT = """
Looks **once at every open batch**: ingests the ended ones, resumes the runs that waited for them, cancels the batches
of cancelled jobs, and puts jobs whose worker died back into the queue. Tells what has happened as events
(`throughline.job.escalated`, `.published`, `.failed`, `.budget-spent`, `throughline.batch.overdue`), each once.
Harmless to start by hand at any time.
"""
_CALIBRATE = """
How good **forecasts and choices** were, as artifacts: whether the 90 % bound of the output size held, plans beside what
came of them, and what the choice of the path cost beside the better one. Spends nothing.
"""
_REPORT = """
The **week in figures**, as a Markdown artifact: jobs and how they ended, what they cost, tokens that were paid for and
not used, and the jobs that wait for a person.
"""
