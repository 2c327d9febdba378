"""Results that are saved in several groups, while the next one is read: none is left out, whatever dies between."""

from pathlib import Path as FilePath

import pytest

from tasks import ingesting
from tests.faults.collecting import let_leases_run_out, states, swept_to_death
from tests.faults.rounds import SINGLE, books, collect, finish, statuses, submit, sweep
from tests.faults.support import LONG_ON_EACH, Service, summary
from tests.faults.test_api_outages import line_ends
from throughline.domain.job import JobStatus
from throughline.domain.ledger import BatchState

MORE_THAN_A_GROUP = ingesting.GROUP_ITEMS + 3


@LONG_ON_EACH
async def test_results_that_take_more_than_one_group_are_all_saved(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    ids = await submit(service, *(summary(SINGLE, each) for each in books(tmp_path, MORE_THAN_A_GROUP, chapters=1)))
    await sweep(service)
    assert (await collect(service)).ingested == 1
    attempts = [report.attempts[0] for report in await service.jobs()]
    assert {(each.calls, each.open_calls, each.lost_calls, each.units) for each in attempts} == {(1, 0, 0, 1)}
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * MORE_THAN_A_GROUP


@pytest.mark.chaos
@pytest.mark.parametrize("place", ["ingest-after-record", "ingest-before-record:2"])
async def test_a_collect_that_is_killed_between_two_groups_of_results_loses_nothing(
    service_on_each: Service, tmp_path: FilePath, place: str
):
    service = service_on_each
    ids = await submit(service, *(summary(SINGLE, each) for each in books(tmp_path, MORE_THAN_A_GROUP, chapters=1)))
    await sweep(service)
    await let_leases_run_out(service)
    swept_to_death(service, place, tmp_path, "collect")
    assert await states(service) == [BatchState.ENDED]
    open_calls = [report.attempts[0].open_calls for report in await service.jobs()]
    assert 0 < sum(open_calls) < MORE_THAN_A_GROUP  # it died in the middle, not before or behind everything
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * MORE_THAN_A_GROUP
    assert len(service.submissions()) == 1
    assert service.billed_rows("batch_item") == MORE_THAN_A_GROUP


async def test_groups_of_results_are_saved_beside_the_reading_and_none_is_left_out(
    service: Service, tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ingesting, "GROUP_ITEMS", 2)
    ids = await submit(service, *(summary(SINGLE, each) for each in books(tmp_path, 7)))
    await sweep(service)
    assert (await collect(service)).ingested == 1
    assert {report.attempts[0].units for report in await service.jobs()} == {2}
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 7


async def test_the_lines_before_a_break_in_a_results_file_are_kept_though_it_breaks_each_time(
    service: Service, tmp_path: FilePath
):
    ids = await submit(service, *(summary(SINGLE, each) for each in books(tmp_path, 4)))
    await sweep(service)
    service.simulator.faults("batches.results", "cut_stream", times=-1, after_bytes=line_ends(service)[1] + 40)
    assert (await collect(service)).troubled == 1
    attempts = [report.attempts[0] for report in await service.jobs()]
    assert sorted(each.open_calls for each in attempts) == [0, 0, 1, 1]
    service.heal()
    await finish(service)
    assert await statuses(service, ids) == [JobStatus.DONE] * 4
