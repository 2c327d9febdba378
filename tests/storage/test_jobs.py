"""Jobs and their sources."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert

from storage import jobs
from storage.engine import Engine, reading, transaction
from storage.tables import jobs as job_table
from storage.tables import sources
from tests.storage.support import NOW, OUTLINE, PLAN, SPEC, begin, count, register, registered, row_of, source
from throughline.domain.job import JobId, JobStatus
from throughline.domain.source import Format, Source


def test_a_job_is_registered_as_it_was_asked_for(ledger: Engine):
    job = registered(ledger)
    with reading(ledger) as tx:
        assert jobs.get(tx, job.id) == job == jobs.by_key(tx, "key")
    assert (job.spec, job.title, job.simulated) == (SPEC, "Rivers", False)
    assert job.left_out == (("c.bin", "is a binary file"),)
    assert (job.status, job.ended, job.created_at, job.finished_at) == (JobStatus.REGISTERED, False, NOW, None)


def test_a_job_that_is_not_there_is_said_so(ledger: Engine):
    with reading(ledger) as tx:
        with pytest.raises(LookupError):
            jobs.get(tx, JobId("nobody"))
        assert jobs.by_key(tx, "nothing") is None


def test_of_two_jobs_with_one_key_the_first_stays(ledger: Engine):
    with transaction(ledger) as tx:
        first = register(tx, "key", documents=[source("a.md")])
    with transaction(ledger) as tx:
        second = register(tx, "key", documents=[source("b.md")])
        assert second.id == first.id
        assert jobs.document_names(tx, first.id) == ("a.md",)


def test_documents_come_back_in_their_order_with_every_character(ledger: Engine):
    documents = (
        source("z.md", "# Last name first\n"),
        Source(name="folder/Grüße.py", format=Format.CODE, text="x = '你好 🚢'\r\n\x0c"),
        source("a.md", "Ends without a line end"),
    )
    with transaction(ledger) as tx:
        job = register(tx, documents=documents)
    with reading(ledger) as tx:
        assert jobs.documents(tx, job.id) == documents
        assert jobs.document_names(tx, job.id) == ("z.md", "folder/Grüße.py", "a.md")


def test_jobs_over_the_same_bytes_share_them(ledger: Engine):
    """Each keeps the names that it knows them by, even twice within a job."""
    with transaction(ledger) as tx:
        first = register(tx, "first", documents=[source("a.md"), source("copy.md")])
        second = register(tx, "second", documents=[source("b.md"), source("new.md", "New.")])
    with reading(ledger) as tx:
        assert count(tx, sources) == 2
        assert [document.name for document in jobs.documents(tx, first.id)] == ["a.md", "copy.md"]
        assert jobs.documents(tx, second.id) == (source("b.md"), source("new.md", "New."))


def test_a_job_is_found_by_either_end_of_its_id(ledger: Engine):
    job = registered(ledger)
    with reading(ledger) as tx:
        assert jobs.matching(tx, job.id) == jobs.matching(tx, job.id[:10]) == jobs.matching(tx, job.id[-6:]) == [job.id]
        assert jobs.matching(tx, job.id[5:15]) == []


def test_two_found_ids_mean_that_more_may_match(ledger: Engine):
    with transaction(ledger) as tx:
        found = sorted(register(tx, f"key-{number}").id for number in range(3))
    with reading(ledger) as tx:
        assert jobs.matching(tx, found[0][:4]) == found[:2]


@pytest.mark.parametrize("wildcard", ["%", "_", "0%", "%0", "\\", "________-____-____-____-____________"])
def test_wildcards_match_only_themselves(ledger: Engine, wildcard: str):
    job = registered(ledger)
    with transaction(ledger) as tx:
        assert jobs.matching(tx, wildcard) == []
        odd = {**row_of(tx, job_table, job.id)._mapping, "id": wildcard, "idempotency_key": "odd"}
        tx.execute(insert(job_table).values(odd))
        assert jobs.matching(tx, wildcard) == [wildcard]


def test_the_newest_jobs_stand_first(ledger: Engine):
    with transaction(ledger) as tx:
        made = [register(tx, f"key-{number}").id for number in range(4)]
    with reading(ledger) as tx:
        assert jobs.recent(tx, 3) == made[:0:-1]


@pytest.mark.parametrize("status", JobStatus)
def test_only_an_end_has_a_time(sqlite_ledger: Engine, status: JobStatus):
    job = registered(sqlite_ledger)
    later = NOW + timedelta(hours=1)
    with transaction(sqlite_ledger) as tx:
        if status is not JobStatus.REGISTERED:
            jobs.set_status(tx, job.id, JobStatus.RUNNING, now=NOW)
        if status is JobStatus.REJECTED:
            jobs.set_status(tx, job.id, JobStatus.ESCALATED, now=NOW)
        jobs.set_status(tx, job.id, status, reason="because", now=later)
        found = jobs.get(tx, job.id)
    open_ones = {JobStatus.REGISTERED, JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.WAITING}
    assert (found.status, found.reason) == (status, "because")
    assert found.ended is (status not in open_ones)
    assert found.finished_at == (None if status in open_ones else later)


def test_a_job_that_goes_on_has_no_end_and_no_reason(ledger: Engine):
    job = registered(ledger)
    with transaction(ledger) as tx:
        jobs.set_status(tx, job.id, JobStatus.BUDGET, reason="$2.50 are not enough", now=NOW)
        jobs.save_spec(tx, job.id, SPEC.model_copy(update={"budget_usd": Decimal(5)}))
        jobs.set_status(tx, job.id, JobStatus.RUNNING, now=NOW)
    with reading(ledger) as tx:
        found = jobs.get(tx, job.id)
    assert (found.reason, found.finished_at, found.spec.budget_usd) == (None, None, Decimal(5))


def test_a_job_names_the_attempt_that_it_publishes(ledger: Engine):
    with transaction(ledger) as tx:
        job = register(tx)
        attempt = begin(tx, job.id)
        jobs.publish(tx, job.id, attempt.id)
        assert jobs.get(tx, job.id).published_attempt_id == attempt.id


def test_a_plan_is_kept_with_every_number(ledger: Engine):
    job = registered(ledger)
    with transaction(ledger) as tx:
        assert jobs.plan(tx, job.id) is None
        jobs.save_plan(tx, job.id, PLAN, OUTLINE, NOW)
    with reading(ledger) as tx:
        assert jobs.plan(tx, job.id) == PLAN
        assert jobs.outline(tx, job.id) == OUTLINE


def test_a_plan_is_made_once(ledger: Engine):
    job = registered(ledger)
    with transaction(ledger) as tx:
        jobs.save_plan(tx, job.id, PLAN, None, NOW)
        assert jobs.outline(tx, job.id) is None
    with transaction(ledger) as tx:
        jobs.save_plan(tx, job.id, PLAN, OUTLINE, NOW)
        assert jobs.outline(tx, job.id) is None
