"""Holding a job: one process works on it, renews while it lives, and is fenced off once it lost it.

The fence is inside the transaction that commits to a request: whoever no longer holds the job cannot spend
for it, however late it wakes up.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from storage import jobs, leases, queue
from storage.engine import UNUSABLE, Tx, transaction
from storage.leases import Lease
from tasks import runtime
from tasks.saving import read, saved
from throughline.domain.job import BatchId, JobId, JobStatus
from throughline.errors import JobBusy

logger = logging.getLogger(__name__)
_owner: ContextVar[str | None] = ContextVar("owner", default=None)


@asynccontextmanager
async def working() -> AsyncGenerator[str]:
    """A worker's name, under which jobs are held; what it holds is renewed together. An outer one is used."""
    if (outer := _owner.get()) is not None:
        yield outer
        return
    owner = f"{_place()}:{os.getpid()}:{uuid.uuid4().hex}"
    token = _owner.set(owner)
    heartbeat = asyncio.create_task(_renew(owner))
    try:
        yield owner
    finally:
        heartbeat.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await heartbeat
        _owner.reset(token)
        with contextlib.suppress(*UNUSABLE), transaction(runtime.current().engine) as tx:
            leases.release_all(tx, owner=owner, now=runtime.now())


@asynccontextmanager
async def held(job_id: JobId, *, carrier: str | None = None, attended: bool = False) -> AsyncGenerator[None]:
    """Hold the job for the duration, for that flow run if one carries it; `JobBusy` when another process does.

    A job that is still running after it was interrupted is its person's to go on with where one stands beside
    (`attended`). Else it is left as one whose lease has run out, so that `collect` finds it and queues it.
    """
    async with working() as owner:
        await _take(job_id, owner, carrier)
        try:
            yield
        finally:
            await give_back(job_id, attended=attended)


async def claim(limit: int) -> list[JobId]:
    """Hold up to `limit` queued jobs, under the name of the worker that is around the caller."""
    rt = runtime.current()
    owner = _owner.get()
    assert owner is not None, "claim jobs inside `working()`"

    def take(tx: Tx) -> list[JobId]:
        return queue.claim(tx, owner=owner, until=_until(), now=runtime.now(), limit=limit, simulated=rt.simulated)

    return await saved(take)


async def give_back(job_id: JobId, *, attended: bool = False) -> None:
    """Hold the job no longer; what becomes of one that is still running, see `held`."""
    owner = _owner.get()
    if owner is None:
        return
    if attended:
        await saved(lambda tx: leases.release(tx, job_id, owner=owner))
    else:
        await saved(lambda tx: leases.leave(tx, job_id, owner=owner, now=runtime.now()))


async def give_back_all(job_ids: Sequence[JobId]) -> None:
    """Hold none of these any longer; they are not running."""
    owner = _owner.get()
    if owner is None or not job_ids:
        return

    def release(tx: Tx) -> None:
        for job_id in job_ids:
            leases.leave(tx, job_id, owner=owner, now=runtime.now())

    await saved(release)


def require(tx: Tx, job_id: JobId) -> None:
    """Raise `JobBusy` unless this process still holds the job. Called where money or an end is committed."""
    owner = _owner.get()
    if owner is None:
        return
    found = leases.holder(tx, job_id, locked=True)
    if found is None:
        raise JobBusy(f"Job {job_id} was cancelled or given to somebody else; this process stops.")
    if found.owner != owner:
        raise JobBusy(f"Job {job_id} was taken over by {_name(found)}; this process stops.")


class Hold(StrEnum):
    """Who holds a job."""

    OURS = "ours"
    ANOTHERS = "another's"
    NOBODYS = "nobody's"


def hold(tx: Tx, job_id: JobId) -> Hold:
    """Who holds the job, until the transaction ends. Outside `working()` nothing is held, and nothing contested."""
    owner = _owner.get()
    if owner is None:
        return Hold.OURS
    found = leases.holder(tx, job_id, locked=True)
    if found is None:
        return Hold.NOBODYS
    return Hold.OURS if found.owner == owner else Hold.ANOTHERS


def require_batch(tx: Tx, batch_id: BatchId) -> None:
    """Raise `JobBusy` unless this process still holds every job that the batch has a request of."""
    owner = _owner.get()
    if owner is not None and not leases.holds_batch(tx, batch_id, owner=owner):
        raise JobBusy(f"A job of batch {batch_id} was cancelled or taken over; this process does not send the batch.")


def renew(tx: Tx) -> None:
    """Hold everything longer that the worker around the caller holds."""
    owner = _owner.get()
    if owner is not None:
        leases.renew(tx, owner=owner, until=_until())


async def _take(job_id: JobId, owner: str, carrier: str | None) -> None:
    found = await read(lambda tx: leases.holder(tx, job_id))
    dead = found.owner if found is not None and _is_dead(found) else None

    def take(tx: Tx) -> None:
        if not leases.acquire(tx, job_id, owner=owner, until=_until(), now=runtime.now(), dead_owner=dead):
            holder = _name(leases.holder(tx, job_id))
            raise JobBusy(f"Job {job_id} is being worked on by {holder}. Follow it with: throughline show {job_id}")
        if carrier is not None:
            _carry(tx, job_id, carrier)

    await saved(take)


def _carry(tx: Tx, job_id: JobId, flow_run_id: str) -> None:
    """That flow run carries the job, which this process has just taken, from now on; not one that has its end.

    Only with the lease: the run of a worker that is at work must be found again when the job waits.
    """
    waiting = jobs.carrier(tx, job_id)
    if waiting not in (None, flow_run_id):
        raise JobBusy(f"Job {job_id} is carried out by flow run {waiting}, which waits for it. Follow that one.")
    if jobs.get(tx, job_id).status not in (JobStatus.DONE, JobStatus.REJECTED):
        jobs.belongs_to(tx, job_id, flow_run_id)


async def _renew(owner: str) -> None:
    rt = runtime.current()
    while True:
        await asyncio.sleep(rt.settings.lease_s / 4)
        try:
            with transaction(rt.engine, durable=False) as tx:
                leases.renew(tx, owner=owner, until=_until())
        except Exception as error:  # noqa: BLE001 - a database that is away for a moment must not end the renewing
            logger.warning("leases not renewed reason=%s", error)


def _until() -> datetime:
    return runtime.now() + timedelta(seconds=runtime.current().settings.lease_s)


def _place() -> str:
    """Where a process id means something: the host, and on Linux its boot and the namespace of its process ids.

    The host's name is not enough: containers that share its network share its name, and count processes anew each.
    """
    host = socket.gethostname()
    if sys.platform != "linux":
        return host
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:  # hidden: then it is like no other place, and nobody here is ever proven dead
        return f"{host}/{uuid.uuid4().hex}"
    return f"{host}/{boot}/{namespace}"


def _is_dead(lease: Lease) -> bool:
    """Whether the owner was a process of this very place that is gone. A pid that is in use proves nothing."""
    place, pid, _ = lease.owner.split(":")
    if place != _place() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _name(lease: Lease | None) -> str:
    if lease is None:
        return "nobody"
    place, pid, _ = lease.owner.split(":")
    host = place.partition("/")[0]
    return f"process {pid} on {host} (until {lease.until:%H:%M:%S} UTC if it does not renew)"
