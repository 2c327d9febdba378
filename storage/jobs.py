"""Jobs and the sources they read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from storage import ids
from storage.engine import Tx, insert_new
from storage.tables import attempts, job_sources, jobs, plans, sources
from throughline.domain import outline as outlines
from throughline.domain import plan as planning
from throughline.domain.job import AttemptId, JobId, JobSpec, JobStatus, Kind, Role
from throughline.domain.ledger import JOB_MOVES, IllegalMove
from throughline.domain.ledger import sources as sources_of
from throughline.domain.outline import Outline
from throughline.domain.plan import Plan
from throughline.domain.source import Format, Source

ENDED = (
    JobStatus.DONE,
    JobStatus.ESCALATED,
    JobStatus.REJECTED,
    JobStatus.FAILED,
    JobStatus.BUDGET,
    JobStatus.CANCELLED,
)


_BUDGET = select(jobs.c.spec["budget_usd"].as_string()).where(jobs.c.id == bindparam("job"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A registered job."""

    id: JobId
    spec: JobSpec
    title: str
    left_out: tuple[tuple[str, str], ...]
    status: JobStatus
    reason: str | None
    simulated: bool
    published_attempt_id: AttemptId | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to this job by itself."""
        return self.status in ENDED


def register(
    tx: Tx,
    *,
    key: str,
    spec: JobSpec,
    title: str,
    documents: Sequence[Source],
    left_out: Sequence[tuple[str, str]],
    simulated: bool,
    now: datetime,
    rerun_of: JobId | None = None,
) -> Job:
    """The job of that idempotency key with its sources: a new one, or the one made first elsewhere."""
    job_id = ids.new_id()
    row = {
        "id": job_id,
        "idempotency_key": key,
        "kind": spec.kind,
        "title": title,
        "spec": spec.model_dump(mode="json"),
        "left_out": [list(pair) for pair in left_out],
        "status": JobStatus.REGISTERED,
        "simulated": simulated,
        "rerun_of": rerun_of,
        "created_at": now,
    }
    insert_new(tx, jobs, [row], key=["idempotency_key"])
    job = by_key(tx, key)
    if job is None:
        raise LookupError(key)
    if job.id == job_id:
        _save_sources(tx, job_id, documents, now)
    return job


def _save_sources(tx: Tx, job_id: str, documents: Sequence[Source], now: datetime) -> None:
    hashes = [document.sha256 for document in documents]
    # In the order of their hashes: two transactions that store the same sources cannot wait for each other.
    by_hash = sorted(dict(zip(hashes, documents, strict=True)).items())
    known = set(tx.execute(select(sources.c.sha256).where(sources.c.sha256.in_(hashes))).scalars())
    fresh = [
        {"sha256": sha, "characters": len(document.text), "text": document.text, "created_at": now}
        for sha, document in by_hash
        if sha not in known
    ]
    if fresh:
        insert_new(tx, sources, fresh, key=["sha256"])
    tx.execute(
        insert(job_sources),
        [
            {
                "job_id": job_id,
                "position": position,
                "sha256": sha,
                "name": document.name,
                "format": document.format,
            }
            for position, (sha, document) in enumerate(zip(hashes, documents, strict=True))
        ],
    )


def by_key(tx: Tx, key: str) -> Job | None:
    """The job of that idempotency key."""
    row = (tx.execute(select(jobs).where(jobs.c.idempotency_key == key))).one_or_none()
    return None if row is None else _job(row)


def get(tx: Tx, job_id: JobId, *, locked: bool = False) -> Job:
    """The job of that id; `LookupError` if there is none. `locked` keeps it as it is until the transaction ends."""
    query = select(jobs).where(jobs.c.id == job_id)
    row = tx.execute(query.with_for_update() if locked else query).one_or_none()
    if row is None:
        raise LookupError(job_id)
    return _job(row)


def matching(tx: Tx, prefix: str) -> list[JobId]:
    """Up to two ids that end with or begin with that text: two mean that it is ambiguous."""
    if not prefix:
        return []
    wanted = jobs.c.id.startswith(prefix, autoescape=True) | jobs.c.id.endswith(prefix, autoescape=True)
    rows = tx.execute(select(jobs.c.id).where(wanted).order_by(jobs.c.id).limit(2))
    return [JobId(job_id) for job_id in rows.scalars()]


def recent(tx: Tx, limit: int, *, simulated: bool | None = None, before: JobId | None = None) -> list[JobId]:
    """The newest jobs first: of one world or of both, from the newest on or from those before one of them."""
    query = select(jobs.c.id).order_by(jobs.c.id.desc()).limit(limit)
    if simulated is not None:
        query = query.where(jobs.c.simulated == simulated)
    if before is not None:
        query = query.where(jobs.c.id < before)
    return [JobId(job_id) for job_id in tx.execute(query).scalars()]


def titles(tx: Tx, job_ids: Collection[JobId]) -> dict[JobId, str]:
    """What those jobs are called."""
    rows = tx.execute(select(jobs.c.id, jobs.c.title).where(jobs.c.id.in_(job_ids)))
    return {JobId(row.id): row.title for row in rows}


def with_both_paths(tx: Tx, *, simulated: bool, kind: Kind | None, since: datetime | None, limit: int) -> list[JobId]:
    """The newest jobs that ran both paths, none of them still running."""
    whole = attempts.c.role.in_([Role.PRIMARY, Role.COMPARISON])
    query = (
        select(jobs.c.id)
        .join(attempts, attempts.c.job_id == jobs.c.id)
        .where(jobs.c.simulated == simulated, jobs.c.finished_at.is_not(None), whole)
        .group_by(jobs.c.id)
        .having(func.count(attempts.c.path.distinct()) > 1)
        .order_by(jobs.c.id.desc())
        .limit(limit)
    )
    if kind is not None:
        query = query.where(jobs.c.kind == kind)
    if since is not None:
        query = query.where(jobs.c.created_at >= since)
    return [JobId(found) for found in tx.execute(query).scalars()]


def documents(tx: Tx, job_id: JobId) -> tuple[Source, ...]:
    """The job's sources in their order."""
    rows = tx.execute(
        select(job_sources.c.name, job_sources.c.format, sources.c.text)
        .join(sources, sources.c.sha256 == job_sources.c.sha256)
        .where(job_sources.c.job_id == job_id)
        .order_by(job_sources.c.position)
    )
    return tuple(Source(name=row.name, format=Format(row.format), text=row.text) for row in rows)


def document(
    tx: Tx, job_id: JobId, *, position: int | None = None, name: str | None = None
) -> tuple[int, Source] | None:
    """One source with its position, by either: the others, which may be many megabytes, are not read."""
    wanted = job_sources.c.job_id == job_id
    if position is not None:
        wanted &= job_sources.c.position == position
    if name is not None:
        wanted &= job_sources.c.name == name
    query = (
        select(job_sources.c.position, job_sources.c.name, job_sources.c.format, sources.c.text)
        .join(sources, sources.c.sha256 == job_sources.c.sha256)
        .where(wanted)
        .order_by(job_sources.c.position)
        .limit(1)
    )
    row = tx.execute(query).one_or_none()
    return None if row is None else (row.position, Source(name=row.name, format=Format(row.format), text=row.text))


def document_names(tx: Tx, job_id: JobId) -> tuple[str, ...]:
    """The names of the job's sources, without their text."""
    query = select(job_sources.c.name).where(job_sources.c.job_id == job_id).order_by(job_sources.c.position)
    return tuple((tx.execute(query)).scalars())


def save_spec(tx: Tx, job_id: JobId, spec: JobSpec) -> None:
    """The job under changed limits."""
    tx.execute(update(jobs).where(jobs.c.id == job_id).values(spec=spec.model_dump(mode="json")))


def budget_usd(tx: Tx, job_id: JobId) -> Decimal | None:
    """The job's budget as it stands now: a person may change it while the job runs."""
    told = tx.execute(_BUDGET, {"job": job_id}).scalar_one()
    return None if told is None else Decimal(told)


def say(tx: Tx, job_id: JobId, more: str) -> None:
    """Add to why the job stands where it does."""
    reason = tx.execute(select(jobs.c.reason).where(jobs.c.id == job_id)).scalar_one()
    tx.execute(update(jobs).where(jobs.c.id == job_id).values(reason=f"{reason} {more}" if reason else more))


def set_status(tx: Tx, job_id: JobId, status: JobStatus, *, reason: str | None = None, now: datetime) -> None:
    """Move the job, and say why. To be there already is fine; any other way raises `IllegalMove`."""
    movable = (jobs.c.id == job_id) & jobs.c.status.in_((status, *sources_of(JOB_MOVES, status)))
    finished_at = now if status in ENDED else None
    moved = tx.execute(update(jobs).where(movable).values(status=status, reason=reason, finished_at=finished_at))
    if moved.rowcount == 0:
        raise IllegalMove(f"Job {job_id} cannot go from {get(tx, job_id).status} to {status}.")


def carrier(tx: Tx, job_id: JobId) -> str | None:
    """The flow run that carries this job out and waits for its batch, or for a person."""
    waiting = (jobs.c.id == job_id) & jobs.c.status.in_((JobStatus.WAITING, JobStatus.ESCALATED))
    return tx.execute(select(jobs.c.flow_run_id).where(waiting)).scalar_one_or_none()


def belongs_to(tx: Tx, job_id: JobId, flow_run_id: str | None) -> None:
    """Remember the flow run that carries this job out; None when no flow run does."""
    tx.execute(update(jobs).where(jobs.c.id == job_id).values(flow_run_id=flow_run_id))


def let_go(tx: Tx, job_id: JobId, flow_run_id: str) -> None:
    """That flow run carries the job no longer; another one that does keeps it."""
    carried = (jobs.c.id == job_id) & (jobs.c.flow_run_id == flow_run_id)
    tx.execute(update(jobs).where(carried).values(flow_run_id=None))


def flow_run_of(tx: Tx, job_id: JobId) -> str | None:
    """The flow run that carries this job out, whatever the job's status; `LookupError` if there is no such job."""
    row = tx.execute(select(jobs.c.flow_run_id).where(jobs.c.id == job_id)).one_or_none()
    if row is None:
        raise LookupError(job_id)
    return row.flow_run_id


def of_flow_run(tx: Tx, flow_run_id: str) -> JobId | None:
    """The job that this flow run carries out: a resumed run begins anew and must find it, not make another."""
    query = select(jobs.c.id).where(jobs.c.flow_run_id == flow_run_id).order_by(jobs.c.id.desc()).limit(1)
    found = tx.execute(query).scalar_one_or_none()
    return None if found is None else JobId(found)


def publish(tx: Tx, job_id: JobId, attempt_id: AttemptId) -> None:
    """That attempt's output is the job's output."""
    tx.execute(update(jobs).where(jobs.c.id == job_id).values(published_attempt_id=attempt_id))


def save_plan(tx: Tx, job_id: JobId, plan: Plan, outline: Outline | None, now: datetime) -> None:
    """The plan by which the job runs, with the outline that it sized; made once."""
    row = {
        "job_id": job_id,
        "plan": planning.to_json(plan),
        "outline": None if outline is None else outlines.to_json(outline),
        "created_at": now,
    }
    insert_new(tx, plans, [row], key=["job_id"])


def plan(tx: Tx, job_id: JobId) -> Plan | None:
    """The stored plan, if the job was planned."""
    data = (tx.execute(select(plans.c.plan).where(plans.c.job_id == job_id))).scalar_one_or_none()
    return None if data is None else planning.from_json(data)


def outline(tx: Tx, job_id: JobId) -> Outline | None:
    """The outline that the sources' structure gave; None where the model writes it."""
    data = tx.execute(select(plans.c.outline).where(plans.c.job_id == job_id)).scalar_one_or_none()
    return None if data is None else outlines.from_json(data)


def _job(row: Any) -> Job:  # Any: a row's columns are known to the table only
    return Job(
        id=JobId(row.id),
        spec=JobSpec.model_validate(row.spec),
        title=row.title,
        left_out=tuple((name, why) for name, why in row.left_out),
        status=JobStatus(row.status),
        reason=row.reason,
        simulated=row.simulated,
        published_attempt_id=row.published_attempt_id,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
