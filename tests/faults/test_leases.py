"""One process at a time works on a job, and who lost it cannot spend for it."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path as FilePath

import pytest

from storage import leases
from storage.engine import transaction
from tasks import leasing, registration, runtime
from tasks.job_life import finished
from tasks.sending import enqueue
from tests.faults.support import Service, book, summary
from throughline.domain.job import JobStatus, PathChoice
from throughline.errors import JobBusy


async def test_a_second_run_of_a_held_job_is_refused_and_spends_nothing(service: Service, tmp_path: FilePath):
    async with service.opened() as rt:
        job = await registration.register(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
        now = runtime.now()
        with transaction(rt.engine) as tx:
            assert leases.acquire(tx, job.id, owner="elsewhere:1:x", until=now + timedelta(hours=1), now=now)
        with pytest.raises(JobBusy, match="is being worked on by process 1 on elsewhere"):
            await finished(job.id)
    assert service.simulator.bill()["messages"] == 0


async def test_a_job_that_was_taken_over_cannot_be_spent_for(service: Service, tmp_path: FilePath):
    async with service.opened() as rt:
        job = await registration.register(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
        async with leasing.held(job.id):
            later = runtime.now() + timedelta(days=1)
            with transaction(rt.engine) as tx:
                assert leases.acquire(tx, job.id, owner="other:1:x", until=later, now=later)
            with pytest.raises(JobBusy, match="was taken over by process 1 on other"), transaction(rt.engine) as tx:
                leasing.require(tx, job.id)


async def test_a_lease_that_ran_out_is_taken_over(service: Service, tmp_path: FilePath):
    async with service.opened() as rt:
        job = await registration.register(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
        past = runtime.now() - timedelta(seconds=1)
        with transaction(rt.engine) as tx:
            assert leases.acquire(tx, job.id, owner="gone:1:x", until=past, now=past)
        assert (await finished(job.id)).status is JobStatus.DONE
        with transaction(rt.engine) as tx:
            assert leases.holder(tx, job.id) is None


def of_one_that_ended(owner: str) -> str:
    """This worker's name as a process had it that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return owner.replace(f":{os.getpid()}:", f":{process.pid}:")


async def test_the_job_of_a_process_that_is_gone_is_taken_over_at_once_where_it_was(
    service: Service, tmp_path: FilePath
):
    async with service.opened() as rt:
        job = await registration.register(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
        async with leasing.working() as owner:
            now = runtime.now()
            with transaction(rt.engine) as tx:
                until = now + timedelta(hours=1)
                assert leases.acquire(tx, job.id, owner=of_one_that_ended(owner), until=until, now=now)
            assert (await finished(job.id)).status is JobStatus.DONE


def of_another_boot(owner: str) -> str:
    return owner.replace("/", "/another", 1)


def of_another_namespace(owner: str) -> str:
    return "/1".join(owner.rsplit("/", 1))


def told_by_its_host_only(owner: str) -> str:
    """As an earlier version wrote it."""
    return f"{socket.gethostname()}:{owner.split(':', 1)[1]}"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has namespaces of process ids")
@pytest.mark.parametrize("elsewhere", [of_another_boot, of_another_namespace, told_by_its_host_only])
async def test_a_process_of_the_same_hosts_name_that_cannot_be_seen_from_here_is_not_taken_for_dead(
    service: Service, tmp_path: FilePath, elsewhere: Callable[[str], str]
):
    """Containers on their host's network share its name, and each counts its processes anew."""
    async with service.opened() as rt:
        job = await registration.register(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
        async with leasing.working() as owner:
            held_by, now = elsewhere(of_one_that_ended(owner)), runtime.now()
            with transaction(rt.engine) as tx:
                assert leases.acquire(tx, job.id, owner=held_by, until=now + timedelta(hours=1), now=now)
            with pytest.raises(JobBusy, match=rf"process \d+ on {socket.gethostname()} \(until"):
                await finished(job.id)
    assert service.calls() == []


async def test_a_worker_never_claims_again_what_it_holds_though_its_lease_ran_out(
    service_on_each: Service, tmp_path: FilePath
):
    async with service_on_each.opened(lease_s=0.001):
        job = await registration.register(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
        await enqueue(job.id)
        async with leasing.working():
            assert await leasing.claim(10) == [job.id]
            await asyncio.sleep(0.01)
            assert await leasing.claim(10) == []
