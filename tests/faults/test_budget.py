"""Budgets: never passed, whatever goes wrong; what they stopped goes on when they are raised."""

import asyncio
from decimal import Decimal
from pathlib import Path as FilePath

import pytest

from storage import reviews
from storage.engine import reading
from tasks import runtime
from tasks.deciding import decide
from tests.faults.collecting import happened
from tests.faults.rounds import collect, end_batches, finish, statuses, submit, sweep
from tests.faults.support import BATCH_ITEM, CALL, Service, asked, attempt, book, summary
from throughline.domain.job import AttemptStatus, JobId, JobStatus, PathChoice, Role
from throughline.domain.remaining import remaining_usd
from throughline.domain.report import JobReport
from throughline.domain.review import Choice, Decision, Origin
from throughline.errors import BadInput, BudgetExceeded


def waste(service: Service) -> None:
    """Two answers that are paid for and of no use, so that a budget that fits the plan does not fit the job."""
    service.simulator.faults("item", "refusal", times=2, after_units=7, match=CALL)


async def test_a_job_stops_within_its_budget_and_goes_on_with_a_larger_one(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    file = book(tmp_path, 24)
    budget = Decimal("0.59")
    waste(service)
    with pytest.raises(BudgetExceeded, match="raise the budget"):
        await service.run(summary(PathChoice.CHUNKED, file, budget_usd=budget))
    stopped = await service.job()
    assert stopped.status is JobStatus.BUDGET
    assert 0 < stopped.cost_usd <= budget
    assert 0 < stopped.attempts[0].units < 24
    paid = len(service.calls())
    report = await service.run(summary(PathChoice.CHUNKED, file, budget_usd=Decimal(5)))
    assert (report.id, report.status, report.reason) == (stopped.id, JobStatus.DONE, None)
    assert sum(asked(service.calls()[paid:]).values()) == 24 - stopped.attempts[0].units


async def test_running_again_under_the_same_budget_stops_again_and_spends_nothing(service: Service, tmp_path: FilePath):
    wanted = summary(PathChoice.CHUNKED, book(tmp_path, 24), budget_usd=Decimal("0.59"))
    waste(service)
    with pytest.raises(BudgetExceeded):
        await service.run(wanted)
    paid = service.billed()
    with pytest.raises(BudgetExceeded):
        await service.run(wanted)
    assert service.billed() == paid
    assert (await service.job()).status is JobStatus.BUDGET


async def test_a_budget_that_is_lowered_holds_for_the_next_link_of_a_chain_at_work(
    service: Service, tmp_path: FilePath
):
    file, lowered = book(tmp_path, 32), Decimal("0.30")
    job_id = await service.register(summary(PathChoice.CHUNKED, file, budget_usd=Decimal(5)))
    service.simulator.faults("messages", "hang", seconds=1.0)
    running = asyncio.create_task(service.carry_out(job_id, chain_concurrency=1))
    await happened(lambda: len(service.calls()) == 1)
    assert await service.register(summary(PathChoice.CHUNKED, file, budget_usd=lowered)) == job_id
    with pytest.raises(BudgetExceeded, match="of the budget is left"):
        await running
    assert 0 < service.billed() <= lowered


async def test_a_budget_below_the_plan_is_refused_before_a_job_exists(service: Service, tmp_path: FilePath):
    with pytest.raises(BudgetExceeded, match="Nothing was spent"):
        await service.run(summary(PathChoice.BOTH, book(tmp_path, 3), budget_usd=Decimal("0.01")))
    assert await service.jobs() == []
    assert service.simulator.requests("POST") == []


async def test_the_cap_of_a_single_pass_is_what_its_budget_still_buys(service: Service, tmp_path: FilePath):
    budget = Decimal("0.20")
    report = await service.run(summary(PathChoice.SINGLE_PASS, book(tmp_path, 3), budget_usd=budget))
    assert report.status is JobStatus.DONE
    (submission,) = service.submissions()
    max_tokens = submission["requests"][0]["params"]["max_tokens"]
    at_most = attempt(report, Role.PRIMARY).usage.input_tokens * Decimal("0.000001")  # batch prices a token
    assert 20_000 < max_tokens < 300_000
    assert at_most + max_tokens * Decimal("0.000005") <= budget


async def test_a_short_single_pass_and_its_chain_share_one_budget(service: Service, tmp_path: FilePath):
    file = book(tmp_path, 12)
    budget = Decimal("0.15")
    service.simulator.faults("item", "truncate", match=BATCH_ITEM, after_units=2)
    with pytest.raises(BudgetExceeded):
        await service.run(summary(PathChoice.SINGLE_PASS, file, budget_usd=budget))
    stopped = await service.job()
    assert stopped.status is JobStatus.BUDGET
    assert stopped.cost_usd <= budget
    assert attempt(stopped, Role.PRIMARY).units == 2
    paid = len(service.calls())
    report = await service.run(summary(PathChoice.SINGLE_PASS, file, budget_usd=Decimal(2)))
    assert (report.status, report.reason) == (JobStatus.DONE, None)
    assert sum(asked(service.calls()[paid:]).values()) == 10 - attempt(stopped, Role.FALLBACK).units
    assert len(service.submissions()) == 1


async def test_both_paths_are_refused_when_the_budget_covers_only_one(service: Service, tmp_path: FilePath):
    with pytest.raises(BudgetExceeded, match="Both paths together"):
        await service.run(summary(PathChoice.BOTH, book(tmp_path, 20), budget_usd=Decimal("0.50")))
    assert await service.jobs() == []


async def test_both_paths_side_by_side_stay_within_one_budget(service: Service, tmp_path: FilePath):
    file = book(tmp_path, 20)
    budget = Decimal("0.75")  # just above what both are expected to cost, so what was lost goes beyond it
    service.losable_answers = 2
    service.simulator.faults("messages", "cut_stream", times=2, after_chars=15_000)
    with pytest.raises(BudgetExceeded):
        await service.run(summary(PathChoice.BOTH, file, budget_usd=budget))
    stopped = await service.job()
    assert stopped.cost_usd <= service.billed() <= budget
    assert stopped.cost_usd + sum(each.lost_at_most_usd for each in stopped.attempts) <= budget
    report = await service.run(summary(PathChoice.BOTH, file, budget_usd=Decimal(5)))
    assert (report.status, report.reason) == (JobStatus.DONE, None)


async def test_a_single_pass_leaves_the_chain_beside_it_its_share_of_the_budget(service: Service, tmp_path: FilePath):
    service.simulator.faults("item", "slow", seconds=60, match=BATCH_ITEM)
    budget = Decimal("1.50")  # twice what both are expected to cost, and less than a single pass costs at worst
    (job_id,) = await submit(service, summary(PathChoice.BOTH, book(tmp_path, 20), budget_usd=budget))
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.WAITING]
    assert attempt(await service.job(), Role.COMPARISON).units == 20
    end_batches(service)
    await finish(service)
    report = await service.job()
    assert (report.status, report.reason) == (JobStatus.DONE, None)
    assert report.cost_usd <= budget


@pytest.mark.parametrize("choice", [Choice.REJECT, Choice.APPROVE])
async def test_the_batch_of_a_job_that_its_budget_stopped_is_stopped_too_once_a_person_has_ended_the_job(
    service: Service, tmp_path: FilePath, choice: Choice
):
    service.simulator.faults("item", "slow", seconds=60, match=BATCH_ITEM)
    waste(service)
    (job_id,) = await submit(service, summary(PathChoice.BOTH, book(tmp_path, 20), budget_usd=Decimal("0.75")))
    await sweep(service)
    assert await statuses(service, [job_id]) == [JobStatus.BUDGET]
    assert (await collect(service)).cancelled == 0  # a larger budget may still want it
    async with service.opened():
        await decide(job_id, Decision(choice=choice, reviewer="Ada", came_from=Origin.COMMAND))
    assert (await collect(service)).cancelled == 1
    assert service.billed("batch_item") == 0


async def test_the_daily_budget_holds_over_two_jobs(service_on_each: Service, tmp_path: FilePath):
    service = service_on_each
    daily = Decimal("0.35")
    first = await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 8, "first.md")), daily_budget_usd=daily)
    assert first.status is JobStatus.DONE
    second = summary(PathChoice.CHUNKED, book(tmp_path, 16, "second.md"))
    with pytest.raises(BudgetExceeded):
        await service.run(second, daily_budget_usd=daily)
    stopped, _ = await service.jobs()
    assert stopped.status is JobStatus.BUDGET
    assert first.cost_usd + stopped.cost_usd <= daily
    report = await service.run(second)
    assert (report.id, report.status) == (stopped.id, JobStatus.DONE)


async def test_a_day_that_is_spent_is_told_as_the_days_budget_and_as_nothing_left(service: Service, tmp_path: FilePath):
    await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 8, "first.md")))
    spent = "\\$0.0000 of the day's budget \\(THROUGHLINE_DAILY_BUDGET_USD\\) is left"
    with pytest.raises(BudgetExceeded, match=spent):
        await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 8, "second.md")), daily_budget_usd=Decimal("0.01"))


@pytest.mark.parametrize("path", [PathChoice.CHUNKED, PathChoice.SINGLE_PASS])
async def test_of_two_budgets_the_days_is_named_where_it_leaves_less(
    service: Service, tmp_path: FilePath, path: PathChoice
):
    wanted = summary(path, book(tmp_path, 8), budget_usd=Decimal(5))
    with pytest.raises(BudgetExceeded, match=r"\$0\.0100 of the day's budget \(THROUGHLINE_DAILY_BUDGET_USD\) is left"):
        await service.run(wanted, daily_budget_usd=Decimal("0.01"))


async def test_jobs_that_run_at_once_cannot_pass_the_daily_budget_together(
    service_on_each: Service, tmp_path: FilePath
):
    service = service_on_each
    daily = Decimal("0.40")
    files = [book(tmp_path, 8, f"{number}.md") for number in range(4)]
    ran = await asyncio.gather(
        *(service.run(summary(PathChoice.CHUNKED, file), daily_budget_usd=daily) for file in files),
        return_exceptions=True,
    )
    assert any(isinstance(result, BudgetExceeded) for result in ran)
    assert 0 < service.billed() <= daily


async def test_a_lost_answer_counts_against_the_budget_with_the_most_it_can_have_cost(
    service: Service, tmp_path: FilePath
):
    service.losable_answers = 1
    budget = Decimal("0.30")
    service.simulator.faults("messages", "cut_stream", after_chars=500)
    with pytest.raises(BudgetExceeded):
        await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 8), budget_usd=budget))
    only = attempt(await service.job(), Role.PRIMARY)
    assert only.status is AttemptStatus.RUNNING
    assert only.cost_usd + only.lost_at_most_usd <= budget


async def stopped_half_way(service: Service, folder: FilePath) -> JobReport:
    waste(service)
    wanted = summary(PathChoice.CHUNKED, book(folder, 24), budget_usd=Decimal("0.59"))
    with pytest.raises(BudgetExceeded):
        await service.run(wanted, daily_budget_usd=Decimal(100))
    return await service.job()


def inbox(rt: runtime.Runtime) -> list[JobId]:
    with reading(rt.engine) as tx:
        return [review.job_id for review in reviews.waiting(tx)]


async def test_a_spent_budget_says_why_what_going_on_costs_and_the_choices_and_stands_in_the_inbox(
    service: Service, tmp_path: FilePath
):
    stopped = await stopped_half_way(service, tmp_path)
    more = remaining_usd(stopped)
    assert more is not None
    assert stopped.plan is not None
    assert 0 < more < stopped.plan.expected_usd
    assert stopped.reason is not None
    assert "of the budget is left" in stopped.reason
    assert f"Going on is expected to cost ${more:.4f} more. Approve it as it is, reject it, or run" in stopped.reason
    async with service.opened() as rt:
        assert inbox(rt) == [stopped.id]


@pytest.mark.parametrize(("choice", "status"), [(Choice.APPROVE, JobStatus.DONE), (Choice.REJECT, JobStatus.REJECTED)])
async def test_a_person_decides_on_what_a_budget_stopped(
    service: Service, tmp_path: FilePath, choice: Choice, status: JobStatus
):
    stopped = await stopped_half_way(service, tmp_path)
    async with service.opened() as rt:
        await decide(stopped.id, Decision(choice=choice, reviewer="Ada", came_from=Origin.COMMAND))
        assert inbox(rt) == []
    ended = await service.job()
    assert ended.status is status
    assert (ended.published_attempt_id is not None) == (choice is Choice.APPROVE)


async def test_a_job_that_goes_on_with_a_larger_budget_waits_for_nobody(service: Service, tmp_path: FilePath):
    stopped = await stopped_half_way(service, tmp_path)
    await service.run(summary(PathChoice.CHUNKED, book(tmp_path, 24), budget_usd=Decimal(5)))
    async with service.opened() as rt:
        assert inbox(rt) == []
        with pytest.raises(BadInput, match="is done and waits for no decision"):
            await decide(stopped.id, Decision(choice=Choice.REJECT, reviewer="Ada", came_from=Origin.COMMAND))
