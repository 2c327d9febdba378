"""Register: a validated request becomes a job row with its sources, once."""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from storage import jobs
from storage.engine import Tx, reading, transaction
from storage.jobs import Job
from tasks import learning, planning, runtime
from tasks.saving import read as read_ledger
from tasks.step import step
from throughline.domain.job import JobId, JobSpec, JobStatus
from throughline.domain.source import Source
from throughline.failpoints import Failpoint, reach
from throughline.sources import SourceSet, read_sources

logger = logging.getLogger(__name__)
_LIMITS = {
    "budget_usd",
    "deadline_s",
    "review",
    "title",
    "review_usd_per_hour",
    "waiting_usd_per_hour",
    "risk_of_cut",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asks for: the spec, and where the sources are. A `nonce` makes it a new job."""

    spec: JobSpec
    references: tuple[str, ...]
    nonce: str = ""


@step
async def register(request: Request) -> Job:
    """Read the request's sources and register its job."""
    return await register_read(request, read(request, runtime.current().settings))


async def register_read(request: Request, found: SourceSet) -> Job:
    """The job of this request over these sources, planned; the same request over the same bytes is the same job.

    Everything that can be wrong with a request is found before the first row is written.
    """
    rt = runtime.current()
    key = idempotency_key(request, found.sources, simulated=rt.simulated)
    with reading(rt.engine) as tx:
        existing = jobs.by_key(tx, key)
    if existing is not None:
        return _with_limits(existing, request.spec)
    left_out = [(item.name, item.reason) for item in found.left_out]
    rt.require_key()
    planned = await planning.plan_sources(request.spec, found.sources, left_out=left_out)
    with transaction(rt.engine) as tx:
        job = jobs.register(
            tx,
            key=key,
            spec=request.spec,
            title=request.spec.title or title_of(found.sources),
            documents=found.sources,
            left_out=left_out,
            simulated=rt.simulated,
            now=runtime.now(),
        )
        jobs.save_plan(tx, job.id, learning.affordable(tx, planned.plan), planned.outline, runtime.now())
    reach(Failpoint.JOB_REGISTERED)
    logger.info(
        "job registered job_id=%s kind=%s sources=%d left_out=%d",
        job.id,
        job.spec.kind,
        len(found.sources),
        len(left_out),
    )
    return job


async def prepare_again(job_id: JobId, spec: JobSpec, *, nonce: str) -> Callable[[Tx], Job]:
    """What makes a new job over the stored sources of an earlier one, planned now, queued when it is called.

    So the new job and the reason for it are written together, or neither of them.
    """
    rt = runtime.current()
    earlier, documents = await read_ledger(lambda tx: (jobs.get(tx, job_id), jobs.documents(tx, job_id)))
    planned = await planning.plan_sources(spec, documents, left_out=earlier.left_out)
    request = Request(spec=spec, references=(), nonce=nonce)

    def write(tx: Tx) -> Job:
        job = jobs.register(
            tx,
            key=idempotency_key(request, documents, simulated=rt.simulated),
            spec=spec,
            title=earlier.title,
            documents=documents,
            left_out=earlier.left_out,
            simulated=rt.simulated,
            now=runtime.now(),
            rerun_of=job_id,
        )
        jobs.save_plan(tx, job.id, learning.affordable(tx, planned.plan), planned.outline, runtime.now())
        jobs.set_status(tx, job.id, JobStatus.QUEUED, now=runtime.now())
        return job

    return write


def _with_limits(job: Job, spec: JobSpec) -> Job:
    """The job under the limits of the newest request, which are no part of what makes it the same job."""
    limits = {name: getattr(spec, name) for name in _LIMITS}
    spec = job.spec.model_copy(update=limits)
    with transaction(runtime.current().engine) as tx:
        jobs.save_spec(tx, job.id, spec)
        return jobs.get(tx, job.id)


def read(request: Request, chosen: runtime.Settings) -> SourceSet:
    """Read the sources within the limits of the settings. Needs no ledger and no API: a wrong name costs neither."""
    return read_sources(
        request.references,
        request.spec.kind,
        roots=chosen.source_roots,
        max_bytes=chosen.max_source_bytes,
        max_total_bytes=chosen.max_total_source_bytes,
    )


def idempotency_key(request: Request, sources: Sequence[Source], *, simulated: bool) -> str:
    """What makes two requests the same job. Limits and knobs (budget, deadline, review, rates) may change."""
    content = request.spec.model_dump(mode="json", exclude=_LIMITS)
    parts = [content, [[source.name, source.sha256] for source in sources], simulated, request.nonce]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def title_of(sources: Sequence[Source]) -> str:
    """A title made of the sources' names."""
    first = sources[0].name
    return first if len(sources) == 1 else f"{first} and {len(sources) - 1} more"
