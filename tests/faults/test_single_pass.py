"""A single pass that comes back short, refused or not at all: what is usable is kept, the chain writes the rest."""

from pathlib import Path as FilePath
from typing import Any

import pytest

from tests.faults.support import (
    BATCH_ITEM,
    Service,
    asked,
    attempt,
    book,
    ids,
    modules,
    request,
    summary,
)
from throughline.domain.job import AttemptStatus, JobStatus, Kind, PathChoice, Role


@pytest.mark.parametrize(
    ("what", "args", "stop_reason"),
    [
        pytest.param("truncate", {"after_units": 5}, "max_tokens", id="cap reached"),
        pytest.param("window_exceeded", {"after_units": 5}, "model_context_window_exceeded", id="window full"),
        pytest.param("early_end", {"after_units": 5}, "end_turn", id="ended early"),
    ],
)
async def test_a_short_single_pass_keeps_its_units_and_the_chain_is_paid_only_for_the_rest(
    service: Service, tmp_path: FilePath, what: str, args: dict[str, Any], stop_reason: str
):
    service.simulator.faults("item", what, match=BATCH_ITEM, **args)
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 12)))
    primary, fallback = attempt(report, Role.PRIMARY), attempt(report, Role.FALLBACK)
    assert (primary.status, primary.units, primary.stop_reason) == (AttemptStatus.SHORT, 5, stop_reason)
    assert (fallback.status, fallback.units) == (AttemptStatus.COMPLETE, 7)
    assert fallback.continues_attempt_id == primary.id
    assert (report.status, report.published_attempt_id) == (JobStatus.DONE, fallback.id)
    # On the bill: one batch item, and calls for the missing units alone.
    assert service.billed_rows("batch_item") == 1
    assert service.billed("batch_item") == primary.cost_usd
    assert service.billed("message") == fallback.cost_usd
    assert service.billed_rows("message") == fallback.calls == len(service.calls())
    # On the wire: each missing unit once, no unit that was kept, and not a line of its chapter.
    assert asked(service.calls()) == dict.fromkeys(ids(6, 12), 1)
    for call in service.calls():
        assert not any(f"Keeper {number}-1 " in call.documents for number in range(1, 6))


async def test_the_cut_unit_is_waste_and_the_kept_ones_are_not(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "truncate", match=BATCH_ITEM, after_units=5)
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 12)))
    primary = attempt(report, Role.PRIMARY)
    a_unit = primary.usage.output_tokens / 5.5
    assert 0 < primary.wasted_tokens < a_unit
    assert attempt(report, Role.FALLBACK).wasted_tokens == 0


async def test_a_single_pass_that_is_cut_in_its_first_unit_leaves_everything_to_the_chain(
    service: Service, tmp_path: FilePath
):
    service.simulator.faults("item", "truncate", match=BATCH_ITEM, after_units=0)
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 10)))
    assert report.status is JobStatus.DONE
    assert attempt(report, Role.PRIMARY).units == 0
    assert asked(service.calls()) == dict.fromkeys(ids(1, 10), 1)


async def test_a_code_review_that_is_cut_is_completed_file_by_file(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "truncate", match=BATCH_ITEM, after_units=3)
    report = await service.run(request(Kind.CODE_REVIEW, PathChoice.SINGLE_PASS, modules(tmp_path, 8)))
    assert report.status is JobStatus.DONE
    assert asked(service.calls()) == dict.fromkeys(ids(4, 8), 1)


@pytest.mark.parametrize("kind", [Kind.RESEARCH_REPORT, Kind.SYNTHESIS])
async def test_the_chain_follows_the_outline_that_a_cut_single_pass_planned(
    service: Service, tmp_path: FilePath, kind: Kind
):
    service.simulator.faults("item", "truncate", match=BATCH_ITEM, after_units=4)
    sources = [book(tmp_path, 3), book(tmp_path, 3, "other.md", sea="southern")]
    report = await service.run(request(kind, PathChoice.SINGLE_PASS, sources))
    assert report.status is JobStatus.DONE
    assert attempt(report, Role.PRIMARY).units == 4
    assert attempt(report, Role.FALLBACK).units == 2
    assert asked(service.calls()) == dict.fromkeys(ids(5, 6), 1)
    assert not any("<plan_outline" in call.instruction for call in service.calls())


async def test_a_single_pass_that_was_cut_before_its_outline_was_whole_is_planned_anew(
    service: Service, tmp_path: FilePath
):
    service.simulator.faults("item", "empty", match=BATCH_ITEM)
    report = await service.run(request(Kind.RESEARCH_REPORT, PathChoice.SINGLE_PASS, [book(tmp_path, 3)]))
    assert report.status is JobStatus.DONE
    assert attempt(report, Role.PRIMARY).status is AttemptStatus.FAILED
    assert "<plan_outline" in service.calls()[0].instruction
    assert attempt(report, Role.FALLBACK).units == 6


@pytest.mark.parametrize("after_units", [pytest.param({}, id="at once"), pytest.param({"after_units": 4}, id="midway")])
async def test_nothing_of_a_refused_single_pass_is_used(
    service: Service, tmp_path: FilePath, after_units: dict[str, int]
):
    service.simulator.faults("item", "refusal", match=BATCH_ITEM, **after_units)
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 10)))
    primary, fallback = attempt(report, Role.PRIMARY), attempt(report, Role.FALLBACK)
    assert (primary.status, primary.units, primary.stop_reason) == (AttemptStatus.FAILED, 0, "refusal")
    assert primary.wasted_tokens == primary.usage.output_tokens
    assert fallback.units == 10
    assert asked(service.calls()) == dict.fromkeys(ids(1, 10), 1)
    assert (report.status, report.published_attempt_id) == (JobStatus.DONE, fallback.id)


async def test_a_job_that_is_refused_on_both_paths_goes_to_a_person(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "refusal", times=-1, category="cyber")
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    assert report.status is JobStatus.ESCALATED
    assert report.reason is not None
    assert "refused (cyber)" in report.reason
    assert report.published_attempt_id is None


async def test_malformed_json_at_the_end_costs_only_a_new_closing(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "malformed_json", match=BATCH_ITEM)
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 5)))
    assert report.status is JobStatus.DONE
    assert attempt(report, Role.PRIMARY).units == 5
    (call,) = service.calls()
    assert (call.units, call.asks_for_closing) == ((), True)


async def test_units_that_the_single_pass_left_out_are_written_by_the_chain(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "drop_units", match=BATCH_ITEM, count=3)
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 9)))
    assert report.status is JobStatus.DONE
    assert attempt(report, Role.PRIMARY).units == 6
    assert asked(service.calls()) == dict.fromkeys(ids(4, 6), 1)
    assert not any(call.asks_for_closing for call in service.calls())  # the single pass wrote it


async def test_empty_units_of_the_single_pass_are_written_by_the_chain(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "empty_units", match=BATCH_ITEM, count=2)
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 9)))
    assert report.status is JobStatus.DONE
    assert asked(service.calls()) == dict.fromkeys(ids(8, 9), 1)


@pytest.mark.parametrize(
    ("what", "args"),
    [
        pytest.param("errored", {"type": "overloaded_error"}, id="overloaded"),
        pytest.param("errored", {"type": "api_error"}, id="server error"),
        pytest.param("expired", {}, id="expired"),
        pytest.param("canceled", {}, id="canceled"),
    ],
)
async def test_an_item_that_brought_nothing_is_sent_once_more(
    service: Service, tmp_path: FilePath, what: str, args: dict[str, Any]
):
    service.simulator.faults("item", what, **args)
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    (only,) = report.attempts
    assert (only.status, only.calls) == (AttemptStatus.COMPLETE, 2)
    assert (len(service.submissions()), service.billed_rows("batch_item")) == (2, 1)


async def test_the_second_submission_of_an_item_has_an_id_of_its_own(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "expired")
    await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    first, second = (body["requests"][0] for body in service.submissions())
    assert first["custom_id"] != second["custom_id"]
    assert first["params"] == second["params"]


@pytest.mark.parametrize("what", ["errored", "expired", "canceled"])
async def test_an_item_that_twice_brought_nothing_is_left_to_the_chain(service: Service, tmp_path: FilePath, what: str):
    service.simulator.faults("item", what, times=-1, match=BATCH_ITEM)
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    assert len(service.submissions()) == 2
    primary = attempt(report, Role.PRIMARY)
    assert (primary.status, primary.cost_usd) == (AttemptStatus.FAILED, 0)
    assert primary.reason is not None
    assert what in primary.reason
    assert attempt(report, Role.FALLBACK).units == 3


async def test_an_item_that_the_api_finds_wrong_is_not_sent_again(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "errored", match=BATCH_ITEM, type="invalid_request_error", message="bad schema")
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    assert report.status is JobStatus.DONE
    assert len(service.submissions()) == 1
    primary = attempt(report, Role.PRIMARY)
    assert primary.status is AttemptStatus.FAILED
    assert primary.reason == "errored: invalid_request_error: bad schema"
    assert attempt(report, Role.FALLBACK).units == 3
