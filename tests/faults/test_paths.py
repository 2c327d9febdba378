"""Without faults: every kind on every path is done, verified, and costs what the simulator billed."""

from pathlib import Path as FilePath

import pytest

from tasks import batches
from tasks.single_pass import begin_single_pass, intent_of
from tests.faults.support import BATCHES, Service, attempt, book, modules, request, summary
from throughline.domain.job import AttemptStatus, JobStatus, Kind, Path, PathChoice, Role
from throughline.domain.report import JobReport

ALLOWED_PARAMS = {"model", "max_tokens", "system", "messages", "output_config"}


def sources(kind: Kind, folder: FilePath) -> list[str]:
    match kind:
        case Kind.CODE_REVIEW:
            return modules(folder, 8)
        case Kind.SYNTHESIS:
            return [book(folder, 3), book(folder, 3, "other.md", sea="southern")]
        case _:
            return [book(folder, 10)]


@pytest.mark.parametrize("path", [PathChoice.SINGLE_PASS, PathChoice.CHUNKED])
@pytest.mark.parametrize("kind", list(Kind))
async def test_every_kind_is_done_on_one_path(service: Service, tmp_path: FilePath, kind: Kind, path: PathChoice):
    report = await service.run(request(kind, path, sources(kind, tmp_path)))
    assert_done(report)
    (only,) = report.attempts
    assert (only.path, only.role) == (Path(path), Role.PRIMARY)
    assert service.billed_rows("batch_item") == (path is PathChoice.SINGLE_PASS)


@pytest.mark.parametrize("kind", list(Kind))
async def test_every_kind_is_done_on_both_paths(service_on_each: Service, tmp_path: FilePath, kind: Kind):
    service = service_on_each
    report = await service.run(request(kind, PathChoice.BOTH, sources(kind, tmp_path)))
    assert_done(report)
    assert {attempt.path for attempt in report.attempts} == set(Path)
    assert service.billed_rows("batch_item") == 1


def assert_done(report: JobReport) -> None:
    """Everything is written, nothing wasted, and every quote stands in its source."""
    assert (report.status, report.reason) == (JobStatus.DONE, None)
    assert report.simulated
    for found in report.attempts:
        assert found.status is AttemptStatus.COMPLETE
        assert found.units == found.units_wanted
        assert found.wasted_tokens == 0
        assert found.citations.verified > 0
        assert (found.citations.altered, found.citations.missing) == (0, 0)


async def test_the_chosen_path_of_both_is_primary_and_published(service: Service, tmp_path: FilePath):
    report = await service.run(summary(PathChoice.BOTH, book(tmp_path, 3)))
    assert report.plan is not None
    primary = attempt(report, Role.PRIMARY)
    assert primary.path is report.plan.chosen
    assert report.published_attempt_id == primary.id
    assert attempt(report, Role.COMPARISON).path is not report.plan.chosen


async def test_a_finished_job_that_is_carried_out_again_spends_nothing(service: Service, tmp_path: FilePath):
    report = await service.run(summary(PathChoice.BOTH, book(tmp_path, 10)))
    posted = len(service.simulator.requests("POST"))
    again = await service.carry_out(report.id)
    assert (again.status, again.attempts) == (JobStatus.DONE, report.attempts)
    assert len(service.simulator.requests("POST")) == posted


async def test_the_same_request_over_the_same_bytes_is_the_same_job(service: Service, tmp_path: FilePath):
    first = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
    second = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
    assert second.id == first.id
    assert len(service.calls()) == 1


async def test_the_300k_request_has_the_beta_the_cap_and_only_allowed_fields(service: Service, tmp_path: FilePath):
    await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3)))
    (received,) = service.simulator.requests("POST", BATCHES)
    assert "output-300k-2026-03-24" in received["headers"]["anthropic-beta"].split(",")
    assert received["body"].keys() == {"requests"}
    (item,) = received["body"]["requests"]
    assert item.keys() == {"custom_id", "params"}
    assert item["params"].keys() <= ALLOWED_PARAMS
    assert item["params"]["max_tokens"] == 300_000
    assert item["params"]["output_config"].keys() <= {"format", "effort"}


async def test_a_call_of_the_chain_has_only_allowed_fields_and_an_ordinary_cap(service: Service, tmp_path: FilePath):
    await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 10)))
    for call in service.calls():
        assert call.body.keys() <= ALLOWED_PARAMS | {"stream"}
        assert call.body["max_tokens"] <= 128_000
    for received in service.simulator.requests("POST", "/v1/messages"):
        assert "output-300k" not in received["headers"].get("anthropic-beta", "")


async def test_parts_of_a_chain_bring_only_the_chapters_that_they_treat(service: Service, tmp_path: FilePath):
    await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 10)))
    for call in service.calls():
        for number in range(1, 11):
            assert (f"Keeper {number}-1 " in call.documents) == (f"u{number:03d}" in call.units)


async def test_the_links_of_a_corpus_kind_share_one_cached_prefix(service: Service, tmp_path: FilePath):
    report = await service.run(request(Kind.RESEARCH_REPORT, PathChoice.CHUNKED, [book(tmp_path, 3)]))
    usage = report.attempts[0].usage
    assert usage.cache_read_tokens > 0
    assert usage.cache_write_tokens > 0


async def test_results_of_a_shared_batch_reach_their_jobs_in_whatever_order_they_come(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    files = [book(tmp_path, chapters, f"{chapters}.md") for chapters in (2, 3, 4, 5)]
    job_ids = [await service.register(summary(PathChoice.SINGLE_PASS, file)) for file in files]
    async with service.opened():
        begun = [await begin_single_pass(job_id, Role.PRIMARY) for job_id in job_ids]
        await batches.submit([intent_of(attempt) for attempt in begun])
    reports = [await service.carry_out(job_id) for job_id in job_ids]
    assert [report.status for report in reports] == [JobStatus.DONE] * 4
    assert [report.attempts[0].units for report in reports] == [2, 3, 4, 5]
    assert (len(service.submissions()), service.billed_rows("batch_item")) == (1, 4)


@pytest.mark.parametrize("what", ["alter_quotes", "invent_quotes"])
async def test_a_changed_quote_is_never_called_verified(service: Service, tmp_path: FilePath, what: str):
    service.simulator.faults("item", what, times=-1, share=1.0)
    report = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
    citations = report.attempts[0].citations
    assert citations.verified == 0
    assert citations.altered + citations.missing > 0
    assert (citations.missing == 0) == (what == "alter_quotes")
