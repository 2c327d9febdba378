"""What finished jobs teach: plans say how many attempts stand behind them, can be repeated, and run both when drawn."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from storage import calibration, jobs
from storage.engine import reading, transaction
from tasks import planning, registration
from tasks.registration import Request, register
from tests.faults.support import Service, book, summary
from throughline.domain.estimates import Case
from throughline.domain.job import PathChoice
from throughline.domain.learning.observations import Observation
from throughline.domain.learning.sizes import SizeLearner
from throughline.domain.plan import Plan
from throughline.domain.routing import make_plan

FINISHED = 12


async def planned(service: Service, request: Request, **settings: Any) -> Plan:
    """What `throughline plan` would print."""
    async with service.opened(**settings) as rt:
        found = registration.read(request, rt.settings)
        return (await planning.plan_sources(request.spec, found.sources, left_out=[])).plan


async def planned_from(service: Service, request: Request) -> Case:
    """All that such a plan is made from."""
    async with service.opened() as rt:
        found = registration.read(request, rt.settings)
        outline = planning.structural_outline(request.spec, found.sources)
        return await planning.case_of(request.spec, found.sources, outline, left_out=[])


async def finish_some(service: Service, folder: Path) -> None:
    for number in range(FINISHED):
        file = book(folder, 1 + number % 3, f"book{number}.md", sea=f"sea {number}")
        await service.run(summary(PathChoice.CHUNKED, file))


def over(case: Case, observations: Sequence[Observation], stored: Plan) -> Case:
    """The same case over these observations, and over the rates and the count that the stored plan kept."""
    return replace(case, learner=SizeLearner(observations), rates=stored.rates, corpus=stored.corpus)


async def test_after_twelve_jobs_a_plan_says_what_it_has_learned_from(service: Service, tmp_path: Path):
    """Planned again over the attempts of then, whatever came since, it has the same numbers."""
    new = summary(PathChoice.CHUNKED, book(tmp_path, 2, "new.md", sea="new"))
    before = await planned(service, new)
    await finish_some(service, tmp_path)
    after = await planned(service, new)

    assert before.size.basis == "structural prior (no finished attempts used)"
    assert (before.size.forecast, before.learned_until) == (None, None)
    assert after.size.basis == f"learned from {FINISHED} finished attempts"
    assert after.size.forecast is not None
    assert (after.size.forecast.bounded, after.size.forecast.jobs) == (True, FINISHED)
    assert after.size.structural == before.size.structural
    assert after.size.expected_tokens != before.size.expected_tokens

    case = await planned_from(service, new)
    await service.run(new)
    async with service.opened() as rt:
        with reading(rt.engine) as tx:
            then = calibration.recent_observations(tx, simulated=True, until=after.learned_until)
            now = calibration.recent_observations(tx, simulated=True)
            stored = jobs.plan(tx, jobs.recent(tx, 1)[0])
    assert (len(then), len(now)) == (FINISHED, FINISHED + 1)
    assert stored is not None
    assert make_plan(over(case, then, stored)) == stored == after
    assert make_plan(over(case, now, stored)) != stored


async def test_a_plan_says_from_how_many_jobs_its_rates_come(service: Service, tmp_path: Path):
    """The stand-in answers at once, so its times are not learned; that nobody had to read is."""
    await finish_some(service, tmp_path)
    rates = (await planned(service, summary(PathChoice.AUTO, book(tmp_path, 2)))).rates
    assert (rates.reviewed.jobs, rates.chunked_repairs.jobs) == (FINISHED, FINISHED)
    assert rates.reviewed.value < 0.1
    assert rates.chunked_hours.basis == rates.single_hours.basis == rates.reading.basis == "assumed"
    assert rates.chunked_repairs.value == 0


async def test_a_billed_prompt_teaches_what_a_local_token_is_worth(service: Service, tmp_path: Path):
    """The stand-in counts in its own way; the next plan of as much text is nearer to it than the published factor."""
    first, second = (book(tmp_path, 120, f"{name}.md", sea=f"{name} sea") for name in ("north", "south"))
    before = await planned(service, summary(PathChoice.SINGLE_PASS, second))
    ran = await service.run(summary(PathChoice.SINGLE_PASS, first))
    after = await planned(service, summary(PathChoice.SINGLE_PASS, second))
    assert before.corpus.counted_by == "o200k_base x factor"
    assert after.corpus.counted_by == "o200k_base x factor learned from 1 billed prompt"
    billed = ran.attempts[0].usage.prompt_tokens
    misses = [abs(plan.single_pass.input_tokens - billed) for plan in (after, before)]
    assert misses[0] < misses[1]


async def test_learning_takes_nothing_from_the_other_world(service: Service, tmp_path: Path):
    """Simulated lengths say nothing about real ones."""
    await finish_some(service, tmp_path)
    async with service.opened() as rt:
        with reading(rt.engine) as tx:
            assert len(calibration.recent_observations(tx, simulated=True)) == FINISHED
            assert calibration.recent_observations(tx, simulated=False) == []


async def test_a_drawn_job_runs_both_paths_and_the_plan_says_why(service: Service, tmp_path: Path):
    rules = {"explore_share": 1.0, "explore_daily_usd": Decimal(5)}
    report = await service.run(summary(PathChoice.AUTO, book(tmp_path, 2)), **rules)
    assert report.plan is not None
    assert report.plan.run_both
    assert "runs too, to learn from it, for at most $" in report.plan.reasons[-1]
    assert {attempt.path for attempt in report.attempts} == {"single_pass", "chunked"}


async def test_exploration_stays_below_its_daily_budget(service: Service, tmp_path: Path):
    """What a drawn job may cost at most is taken off the day's budget when it is planned."""
    first, second = (book(tmp_path, 2, f"book{number}.md", sea=f"sea {number}") for number in range(2))
    asked = summary(PathChoice.AUTO, first)
    drawn = await planned(service, asked, explore_share=1.0, explore_daily_usd=Decimal(5))
    rules = {"explore_share": 1.0, "explore_daily_usd": drawn.exploration_usd * Decimal("1.5")}
    ran = await service.run(asked, **rules)
    after = await planned(service, summary(PathChoice.AUTO, second), **rules)
    assert ran.plan is not None
    assert (ran.plan.run_both, after.run_both) == (True, False)
    assert after.exploration is not None
    assert "would exceed the day's" in after.exploration.reason


async def test_jobs_planned_at_the_same_moment_cannot_overspend_the_day(service_on_each: Service, tmp_path: Path):
    """All are planned before the first plan is stored, each drawn as if it were alone; the budget is for two."""
    asked = [summary(PathChoice.AUTO, book(tmp_path, 2, f"{n}.md", sea=f"sea {n}")) for n in range(5)]
    drawn = await planned(service_on_each, asked[0], explore_share=1.0, explore_daily_usd=Decimal(9))
    budget_usd = drawn.exploration_usd * Decimal("2.5")
    async with service_on_each.opened():
        earlier = [await register(request) for request in asked]
    async with service_on_each.opened(explore_share=1.0, explore_daily_usd=budget_usd) as rt:
        prepared = [await registration.prepare_again(job.id, job.spec, nonce="again") for job in earlier]
        plans: list[Plan | None] = []
        for store in prepared:
            with transaction(rt.engine) as tx:
                plans.append(jobs.plan(tx, store(tx).id))
    stored = [plan for plan in plans if plan is not None and plan.exploration is not None]
    both = [plan for plan in stored if plan.run_both]
    assert (len(stored), len(both)) == (5, 2)
    assert sum(plan.exploration_usd for plan in stored) <= budget_usd
    for plan in stored:
        assert plan.run_both or "would exceed the day's" in (plan.exploration.reason if plan.exploration else "")


async def test_a_sensitive_job_is_never_sent_twice_to_learn_from_it(service: Service, tmp_path: Path):
    asked = summary(PathChoice.AUTO, book(tmp_path, 2), sensitive=True)
    report = await service.run(asked, explore_share=1.0, explore_daily_usd=Decimal(5))
    assert len(report.attempts) == 1
    assert report.plan is not None
    assert report.plan.exploration is not None
    assert report.plan.exploration.reason == "the job is marked sensitive"
    async with service.opened() as rt:
        with reading(rt.engine) as tx:
            assert jobs.get(tx, report.id).spec.sensitive
