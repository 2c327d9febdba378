"""One process at a time works on a job, and who lost it cannot spend for it."""

import asyncio
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
