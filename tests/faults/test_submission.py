"""Submitting a batch, whatever the network does: never lost, never twice."""

from pathlib import Path as FilePath
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.faults.support import BATCHES, FOREIGN, Service, attempt, book, summary
from throughline.domain.job import AttemptStatus, JobStatus, PathChoice, Role
from throughline.errors import AccessRefused, Rejected, Retryable, SpendLimitReached


def foreign_batch(service: Service, name: str, *, items: int = 1) -> None:
    """A batch that another program submitted with the same key."""
    question = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 1_000,
        "messages": [{"role": "user", "content": "Please say what matters."}],
    }
    entries = [{"custom_id": f"{FOREIGN}{name}-{number}", "params": question} for number in range(items)]
    answer = httpx.post(
        service.simulator.url + BATCHES,
        json={"requests": entries},
        headers={"x-api-key": "sim-key"},
        verify=False,
        trust_env=False,
    )
    answer.raise_for_status()


def ours(service: Service) -> list[dict[str, Any]]:
    """The batches that we posted."""
    return [body for body in service.submissions() if not body["requests"][0]["custom_id"].startswith(FOREIGN)]


async def test_a_batch_whose_answer_was_lost_is_adopted_and_paid_once(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    service.simulator.faults("batches.create", "drop_after_accept")
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    assert len(service.submissions()) == 1
    assert service.simulator.bill()["batches_created"] == 1
    assert service.billed_rows("batch_item") == 1
    assert report.attempts[0].calls == 1


async def test_a_batch_that_was_never_accepted_is_submitted_once_more(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    service.simulator.faults("batches.create", "drop_before_accept")
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    assert len(service.submissions()) == 2
    assert service.simulator.bill()["batches_created"] == 1
    assert service.billed_rows("batch_item") == 1
    assert report.attempts[0].calls == 1  # what provably never arrived is no call


async def test_a_server_error_leaves_the_batch_in_doubt_until_it_is_looked_for(service: Service, tmp_path: FilePath):
    service.simulator.faults("batches.create", "status", status=500)
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    looked = service.simulator.requests("GET", BATCHES)
    first, second = service.simulator.requests("POST", BATCHES)
    assert any(first["seq"] < look["seq"] < second["seq"] for look in looked)


async def test_among_foreign_batches_of_the_same_size_only_our_own_is_adopted(service: Service, tmp_path: FilePath):
    for name in ("before-1", "before-2", "before-3"):
        foreign_batch(service, name)
    foreign_batch(service, "other-size", items=2)
    service.simulator.faults("batches.create", "drop_after_accept")
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    assert len(ours(service)) == 1


async def test_foreign_batches_of_the_same_size_are_never_adopted(service: Service, tmp_path: FilePath):
    for name in ("before-1", "before-2", "before-3"):
        foreign_batch(service, name)
    service.simulator.faults("batches.create", "drop_before_accept")
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    assert len(ours(service)) == 2
    assert service.simulator.bill()["batches_created"] == 4


@pytest.mark.parametrize(
    ("what", "arguments"),
    [
        pytest.param("foreign_custom_id", {}, id="the first line is another's"),
        pytest.param("cut_stream", {"clean": True, "after_bytes": 0}, id="no line comes"),
        pytest.param("cut_stream", {"after_bytes": 100}, id="the first line breaks off"),
    ],
)
async def test_results_that_say_little_are_no_proof_that_a_batch_in_doubt_is_not_ours(
    service: Service, tmp_path: FilePath, what: str, arguments: dict[str, Any]
):
    service.simulator.faults("batches.create", "drop_after_accept")
    service.simulator.faults("batches.results", what, **arguments)
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    assert len(service.submissions()) == 1
    assert service.billed_rows("batch_item") == 1


async def test_a_batch_that_three_times_never_arrives_leaves_the_job_to_the_chain(service: Service, tmp_path: FilePath):
    service.simulator.faults("batches.create", "drop_before_accept", times=-1)
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    assert len(service.submissions()) == 3
    assert attempt(report, Role.PRIMARY).status is AttemptStatus.FAILED
    assert attempt(report, Role.FALLBACK).units == 3


async def test_a_batch_that_is_not_found_right_after_its_creation_is_asked_for_again(
    service: Service, tmp_path: FilePath
):
    service.simulator.faults("batches.retrieve", "not_found", times=2)
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    assert len(service.submissions()) == 1


async def test_results_that_come_twice_or_belong_to_others_change_nothing(service: Service, tmp_path: FilePath):
    for what in ("duplicate_results", "foreign_custom_id"):
        service.simulator.faults("batches.results", what)
    first = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    second = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 4)))
    assert (first.status, second.status) == (JobStatus.DONE, JobStatus.DONE)
    assert (first.attempts[0].calls, second.attempts[0].calls) == (1, 1)


async def test_a_results_file_that_breaks_off_is_read_again(service: Service, tmp_path: FilePath):
    service.simulator.faults("batches.results", "cut_stream")
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    assert len(service.submissions()) == 1


async def test_results_that_never_come_through_stop_the_job_which_later_goes_on(service: Service, tmp_path: FilePath):
    wanted = summary(PathChoice.SINGLE_PASS, book(tmp_path, 3))
    service.simulator.faults("batches.results", "cut_stream", times=-1, after_bytes=100)
    with pytest.raises(Retryable):
        await service.run(wanted)
    assert (await service.job()).status is JobStatus.FAILED
    service.heal()
    assert (await service.run(wanted)).status is JobStatus.DONE
    assert len(service.submissions()) == 1


async def test_the_key_is_not_sent_to_another_host_for_results(service: Service, tmp_path: FilePath):
    service.simulator.faults("batches.retrieve", "foreign_results_url", times=-1, url="http://127.0.0.2:9/results")
    wanted = summary(PathChoice.SINGLE_PASS, book(tmp_path, 3))
    with pytest.raises(Rejected, match="The key is not sent there"):
        await service.run(wanted)
    assert (await service.job()).status is JobStatus.FAILED
    service.heal()
    assert (await service.run(wanted)).status is JobStatus.DONE
    assert len(service.submissions()) == 1


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"status": 429, "retry_after": 0}, id="429 with retry-after 0"),
        pytest.param({"status": 429}, id="429 without retry-after"),
        pytest.param({"status": 529}, id="529"),
    ],
)
async def test_a_busy_api_is_waited_for_before_the_batch_is_posted_again(
    service: Service, tmp_path: FilePath, said: dict[str, Any]
):
    service.simulator.faults("batches.create", "status", **said)
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    assert service.simulator.bill()["batches_created"] == 1


async def test_an_api_that_stays_busy_stops_the_job_which_later_goes_on(service: Service, tmp_path: FilePath):
    wanted = summary(PathChoice.SINGLE_PASS, book(tmp_path, 3))
    service.simulator.faults("batches.create", "status", times=-1, status=529)
    with pytest.raises(Retryable):
        await service.run(wanted)
    assert (await service.job()).status is JobStatus.FAILED
    service.heal()
    assert (await service.run(wanted)).status is JobStatus.DONE


async def test_a_spend_limit_is_not_waited_for(service: Service, tmp_path: FilePath):
    service.simulator.faults("batches.create", "status", status=429, error_code="enforced_spend_limit_reached")
    wanted = summary(PathChoice.SINGLE_PASS, book(tmp_path, 3))
    with pytest.raises(SpendLimitReached):
        await service.run(wanted)
    assert len(service.submissions()) == 1
    assert (await service.job()).status is JobStatus.FAILED
    assert (await service.run(wanted)).status is JobStatus.DONE


async def test_a_wrong_key_is_refused_before_a_job_exists(service: Service, tmp_path: FilePath):
    with pytest.raises(AccessRefused, match="ANTHROPIC_API_KEY"):
        await service.run(summary(PathChoice.BOTH, book(tmp_path, 3)), api_key=SecretStr("bad"))
    assert await service.jobs() == []
    assert service.simulator.requests("POST") == []
