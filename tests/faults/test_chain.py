"""The chunked chain when its answers are cut, unusable, refused or lost."""

import asyncio
import contextlib
from datetime import datetime
from pathlib import Path as FilePath
from typing import Any

import pytest

from storage import calls
from storage.engine import reading
from tasks import context
from tasks.sending import sweep_queue
from tests.faults.collecting import happened
from tests.faults.rounds import statuses, submit, sweep
from tests.faults.support import Service, asked, attempt, book, ids, request, summary
from tests.faults.test_unconfirmed_commits import Unconfirmed
from throughline.domain.job import AttemptStatus, JobStatus, Kind, PathChoice, Role
from throughline.errors import Ambiguous, Retryable, SpendLimitReached


@pytest.mark.parametrize("what", ["truncate", "window_exceeded"])
async def test_a_part_that_is_cut_keeps_what_is_whole_and_asks_for_the_rest_in_halves(
    service: Service, tmp_path: FilePath, what: str
):
    service.simulator.faults("item", what, after_units=1)
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 8)))
    assert report.status is JobStatus.DONE
    first, *later = service.calls()
    assert len(first.units) == 8
    continuations = [call for call in later if call.units]
    assert sorted(len(call.units) for call in continuations) == [3, 4]
    assert asked(continuations) == dict.fromkeys(ids(2, 8), 1)
    assert attempt(report, Role.PRIMARY).wasted_tokens > 0


async def test_a_unit_that_is_cut_even_alone_gets_a_larger_cap_and_then_a_person(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "truncate", times=-1, after_units=0)
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 2)))
    assert report.status is JobStatus.ESCALATED
    assert report.reason is not None
    assert "u001" in report.reason
    caps = [call.body["max_tokens"] for call in service.calls() if call.units == ("u001",)]
    assert caps
    assert caps == sorted(caps)
    assert max(asked(service.calls()).values()) <= 4


async def test_a_part_that_ends_early_is_asked_for_the_rest(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "early_end", after_units=6)
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 8)))
    assert report.status is JobStatus.DONE
    assert asked(service.calls()[1:]) == dict.fromkeys(ids(7, 8), 1)


async def test_units_that_a_part_left_out_are_asked_for_again(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "drop_units", count=2)
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 8)))
    assert report.status is JobStatus.DONE
    assert asked(service.calls()[1:]) == dict.fromkeys(ids(4, 5), 1)


async def test_an_empty_unit_is_repaired_with_the_error_in_sight(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "empty_units", count=1)
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 8)))
    assert report.status is JobStatus.DONE
    _, repair = service.calls()
    assert repair.units == ("u008",)
    assert "u008: body" in repair.errors_shown
    assert "must not be empty" in repair.errors_shown


async def test_a_unit_that_stays_empty_after_its_repair_goes_to_a_person(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "empty_units", times=2, count=1)
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 8)))
    assert report.status is JobStatus.ESCALATED
    assert len(service.calls()) == 2
    assert attempt(report, Role.PRIMARY).status is AttemptStatus.SHORT
    assert attempt(report, Role.PRIMARY).units == 7  # paid for, so kept


async def test_malformed_json_costs_only_the_part_that_was_not_whole(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "malformed_json")
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 4)))
    assert report.status is JobStatus.DONE
    _, again = service.calls()
    assert (again.units, again.asks_for_closing) == ((), True)  # the units were whole


async def test_malformed_json_gets_one_repair_that_shows_the_error(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "malformed_json", match="<write_closing")
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 10)))
    assert report.status is JobStatus.DONE
    first, repair = (call for call in service.calls() if call.asks_for_closing)
    assert first.errors_shown == ""
    assert repair.errors_shown == "- the JSON ends before it is complete"


async def test_a_closing_that_is_malformed_twice_goes_to_a_person(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "malformed_json", times=-1, match="<write_closing")
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 10)))
    assert report.status is JobStatus.ESCALATED
    closings = [call for call in service.calls() if call.asks_for_closing]
    assert [bool(call.errors_shown) for call in closings] == [False, True]
    assert attempt(report, Role.PRIMARY).units == 10


async def test_an_outline_that_does_not_come_is_asked_for_once_more(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "empty", match="<plan_outline")
    report = await service.run(request(Kind.RESEARCH_REPORT, PathChoice.CHUNKED, [book(tmp_path, 3)]))
    assert report.status is JobStatus.DONE
    assert ["<plan_outline" in call.instruction for call in service.calls()] == [True, True, False]
    assert "`outline` is missing" in service.calls()[1].errors_shown


async def test_an_outline_that_twice_does_not_come_goes_to_a_person(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "empty", times=-1)
    report = await service.run(request(Kind.SYNTHESIS, PathChoice.CHUNKED, [book(tmp_path, 3)]))
    assert report.status is JobStatus.ESCALATED
    assert len(service.calls()) == 2


async def test_a_refused_chain_goes_to_a_person_and_nothing_of_it_is_used(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "refusal", times=-1, after_units=2, category="cyber")
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 4)))
    assert report.status is JobStatus.ESCALATED
    (only,) = report.attempts
    assert only.units == 0
    assert only.wasted_tokens == only.usage.output_tokens
    assert report.reason is not None
    assert "refused (cyber)" in report.reason


# A busy API costs time, not money.


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"status": 429, "retry_after": 0}, id="429 with retry-after 0"),
        pytest.param({"status": 429}, id="429 without retry-after"),
        pytest.param({"status": 529}, id="529"),
        pytest.param({"status": 503}, id="503"),
    ],
)
async def test_a_busy_api_is_waited_for(service: Service, tmp_path: FilePath, said: dict[str, Any]):
    service.simulator.faults("messages", "status", times=2, **said)
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    assert (len(service.calls()), report.attempts[0].calls) == (3, 1)


async def test_a_wait_longer_than_we_would_make_stops_the_job_which_later_goes_on(service: Service, tmp_path: FilePath):
    wanted = summary(PathChoice.CHUNKED, book(tmp_path, 3))
    service.simulator.faults("messages", "status", status=429, retry_after=3600)
    with pytest.raises(Retryable):
        await service.run(wanted)
    assert (await service.job()).status is JobStatus.FAILED
    assert (await service.run(wanted)).status is JobStatus.DONE


async def test_a_spend_limit_is_not_waited_for(service: Service, tmp_path: FilePath):
    wanted = summary(PathChoice.CHUNKED, book(tmp_path, 3))
    service.simulator.faults("messages", "status", status=429, error_code="enforced_spend_limit_reached")
    with pytest.raises(SpendLimitReached):
        await service.run(wanted)
    assert len(service.calls()) == 1
    assert (await service.run(wanted)).status is JobStatus.DONE


# An answer that breaks off was paid for, and its cost was not told.


@pytest.mark.parametrize(
    ("what", "args"),
    [
        pytest.param("cut_stream", {"after_chars": 0}, id="before the first word"),
        pytest.param("cut_stream", {"after_chars": 3_000}, id="in the middle"),
        pytest.param("drop_after_accept", {}, id="without a byte"),
    ],
)
async def test_an_answer_that_breaks_off_is_asked_for_again_and_shown_as_lost(
    service: Service, tmp_path: FilePath, what: str, args: dict[str, Any]
):
    service.losable_answers = 1
    service.simulator.faults("messages", what, **args)
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    (only,) = report.attempts
    assert (only.calls, only.lost_calls) == (2, 1)
    assert only.lost_at_most_usd > 0
    first, again = service.calls()
    assert first == again
    lost_row, known_row = service.simulator.bill()["rows"]
    assert (lost_row["delivered"], known_row["delivered"]) == (False, True)


async def test_a_link_beside_a_lost_one_is_not_sent_again(service: Service, tmp_path: FilePath):
    service.losable_answers = 1
    service.simulator.faults("messages", "cut_stream", match='id=\\"u012\\"', after_chars=100)
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 12)))
    assert report.status is JobStatus.DONE
    counted = asked(service.calls())
    twice = next(call for call in service.calls() if "u012" in call.units).units
    assert counted == {unit_id: 2 if unit_id in twice else 1 for unit_id in ids(1, 12)}


async def test_a_chain_stops_after_three_lost_answers(service: Service, tmp_path: FilePath):
    service.losable_answers = 3
    wanted = summary(PathChoice.CHUNKED, book(tmp_path, 3))
    service.simulator.faults("messages", "cut_stream", times=3, after_chars=500)
    with pytest.raises(Ambiguous):
        await service.run(wanted)
    assert len(service.calls()) == 3
    assert (await service.job()).status is JobStatus.FAILED
    report = await service.run(wanted)
    assert (report.status, report.attempts[0].lost_calls) == (JobStatus.DONE, 3)


@pytest.mark.parametrize("confirmed", [True, False], ids=["confirmed", "not confirmed"])
async def test_a_request_that_is_lost_in_each_run_waits_for_a_person_before_it_is_paid_a_sixth_time(
    service: Service, tmp_path: FilePath, confirmed: bool
):
    """It may be what ends each worker: within one run that cannot be seen."""
    service.losable_answers = 5
    (job_id,) = await submit(service, summary(PathChoice.CHUNKED, book(tmp_path, 3)))
    service.simulator.faults("messages", "hang", times=5, seconds=30.0)
    for life in range(1, 6):
        worker = asyncio.create_task(sweep(service))
        await happened(lambda life=life: len(service.calls()) == life)
        worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await worker
        assert await statuses(service, [job_id]) == [JobStatus.QUEUED]
    async with service.opened() as rt:
        if not confirmed:
            Unconfirmed("UPDATE calls").attach(rt.engine)
        await sweep_queue(1)
    stopped = await service.job()
    assert (stopped.status, len(service.calls())) == (JobStatus.FAILED, 5)
    assert stopped.reason is not None
    assert "(for units u001 to u003) was lost 5 times in a row" in stopped.reason
    assert f"can have cost ${stopped.attempts[0].lost_at_most_usd:.4f}" in stopped.reason
    report = await service.carry_out(job_id)
    assert (report.status, len(service.calls())) == (JobStatus.DONE, 6)


async def test_losses_of_one_request_count_over_runs_that_a_busy_api_ended(service: Service, tmp_path: FilePath):
    service.losable_answers = 5
    wanted = summary(PathChoice.CHUNKED, book(tmp_path, 3))
    for lost in (2, 2, 1):
        service.simulator.faults("messages", "cut_stream", times=lost, after_chars=100)
        service.simulator.faults("messages", "status", status=429, retry_after=3600)
    for _ in range(2):
        with pytest.raises(Retryable):
            await service.run(wanted)
    with pytest.raises(Ambiguous, match="lost 5 times in a row"):
        await service.run(wanted)
    service.heal()
    assert (await service.run(wanted)).status is JobStatus.DONE


async def test_an_answer_costs_what_the_prices_were_when_it_was_asked_for(
    service: Service, tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
):
    """As its reservation, and as the day that its budget knows: an answer may come after midnight."""
    priced: list[datetime] = []
    cost_of = context.cost_of

    def spied(*args: Any, at: datetime, **named: Any) -> Any:  # Any: passed on as it comes
        priced.append(at)
        return cost_of(*args, at=at, **named)

    monkeypatch.setattr(context, "cost_of", spied)
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
    async with service.opened() as rt:
        with reading(rt.engine) as tx:
            assert [call.intended_at for call in calls.of_attempt(tx, report.attempts[0].id)] == priced
