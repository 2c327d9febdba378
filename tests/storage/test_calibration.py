"""What finished attempts showed: kept with what structure said, read back in the order of time."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from storage import calibration, jobs
from storage.attempts import Attempt
from storage.engine import Engine, Tx, reading, transaction
from storage.tables import calibration as rows
from storage.tables import plans
from tests.storage.support import NOW, PLAN, SPEC, begun, count, register
from throughline.domain.job import JobStatus, Path
from throughline.domain.learning.exploration import Exploration
from throughline.domain.learning.observations import Observation, Profile
from throughline.domain.learning.sizes import SizeLearner
from throughline.domain.plan import Plan
from throughline.domain.sizing import learned

STRUCTURAL = PLAN.size.structural
PROFILE = Profile(
    kind=SPEC.kind,
    model=SPEC.model,
    depth=SPEC.depth,
    path=Path.CHUNKED,
    prompt_version="3",
    prior_tokens=STRUCTURAL.tokens,
    worst_tokens=STRUCTURAL.worst_tokens,
    log_spread=STRUCTURAL.log_spread,
    source_tokens=7,
)
VERSIONED = replace(PLAN, assumptions={"prompt_version": "3"})


def save(tx: Tx, attempt: Attempt, tokens: int = 900, *, now: datetime = NOW, **given: Any) -> None:
    figures: dict[str, Any] = {"plan": VERSIONED, "units": 3, "censored": False, "simulated": False, **given}
    calibration.save(tx, attempt, SPEC, actual_tokens=tokens, now=now, **figures)


def learned_plan() -> Plan:
    """A plan whose size was corrected by twenty attempts, each twice as long as structure says."""
    learner = SizeLearner(
        Observation(at=NOW, profile=PROFILE, actual_tokens=2 * STRUCTURAL.tokens + place) for place in range(20)
    )
    size = learned(PLAN.size, learner.forecast(PROFILE))
    chunked = replace(PLAN.chunked, output_tokens=size.expected_tokens, upper_output_tokens=size.upper_tokens)
    return replace(VERSIONED, size=size, chunked=chunked)


def actuals(tx: Tx, *, simulated: bool = False, **given: Any) -> list[int]:
    found = calibration.recent_observations(tx, simulated=simulated, **given)
    return [observation.actual_tokens for observation in found]


def test_an_observation_comes_back_with_what_structure_said(ledger: Engine):
    with transaction(ledger) as tx:
        save(tx, begun(tx), 900, censored=True)
        assert calibration.recent_observations(tx, simulated=False) == [
            Observation(at=NOW, profile=PROFILE, actual_tokens=900, censored=True)
        ]


def test_what_was_learned_never_becomes_a_prior(ledger: Engine):
    """The plan's own forecast is kept beside it: that is what was said."""
    plan = learned_plan()
    assert plan.size.expected_tokens > 1.5 * STRUCTURAL.tokens
    with transaction(ledger) as tx:
        save(tx, begun(tx), plan=plan)
        (observation,) = calibration.recent_observations(tx, simulated=False)
        (said,) = calibration.recent_plans(tx, simulated=False)
    assert observation.profile == PROFILE
    assert (said.likely_tokens, said.upper_tokens) == (plan.size.expected_tokens, plan.size.upper_tokens)
    assert said.worst_tokens == STRUCTURAL.worst_tokens


def test_a_row_of_before_structure_was_kept_has_the_plans_figures(ledger: Engine):
    later = dict.fromkeys(("prior_tokens", "worst_tokens", "log_spread", "source_tokens", "prompt_version"))
    with transaction(ledger) as tx:
        save(tx, begun(tx))
        tx.execute(update(rows).values(expected_tokens=1_000, upper_tokens=1_500, **later))
        (found,) = calibration.recent_observations(tx, simulated=False)
        (said,) = calibration.recent_plans(tx, simulated=False)
    assert (found.profile.prior_tokens, found.profile.worst_tokens) == (1_000, 1_500)
    assert found.profile.log_spread == pytest.approx(0.3164, abs=0.001)
    assert (found.profile.prompt_version, found.profile.source_tokens) == ("", 0)
    assert said.worst_tokens == 1_500


def test_what_an_output_needed_is_measured_once(ledger: Engine):
    """With another result the row is replaced; with the same it keeps its time, and plans can be repeated."""
    with transaction(ledger) as tx:
        attempt = begun(tx)
        save(tx, attempt, 900, censored=True)
        save(tx, attempt, 1_200, now=NOW + timedelta(hours=1))
        save(tx, attempt, 1_200, now=NOW + timedelta(hours=2))
        assert count(tx, rows) == 1
        row = tx.execute(select(rows)).one()
    assert (row.actual_tokens, row.censored, row.simulated) == (1_200, False, False)
    assert row.created_at == NOW + timedelta(hours=1)


def test_the_newest_observations_come_in_the_order_of_time(ledger: Engine):
    with transaction(ledger) as tx:
        for place in (3, 1, 4, 2):
            save(tx, begun(tx, f"job {place}"), place, now=NOW + timedelta(hours=place))
        assert actuals(tx) == [1, 2, 3, 4]
        assert actuals(tx, limit=2) == [3, 4]
        assert actuals(tx, until=NOW + timedelta(hours=3)) == [1, 2, 3]
        assert actuals(tx, until=NOW + timedelta(hours=3), limit=1) == [3]


def test_simulated_and_real_attempts_stay_apart(ledger: Engine):
    with transaction(ledger) as tx:
        save(tx, begun(tx, "real"), 1)
        save(tx, begun(tx, "simulated", simulated=True), 2, simulated=True)
        assert (actuals(tx), actuals(tx, simulated=True)) == ([1], [2])
        assert [said.actual_tokens for said in calibration.recent_plans(tx, simulated=True)] == [2]


def test_the_newest_attempt_says_whether_there_is_anything_new(ledger: Engine):
    with transaction(ledger) as tx:
        assert calibration.newest(tx, simulated=False) is None
        first, second = begun(tx, "first"), begun(tx, "second")
        save(tx, first)
        assert calibration.newest(tx, simulated=False) == (NOW, first.id)
        save(tx, second)
        assert calibration.newest(tx, simulated=False) == (NOW, max(first.id, second.id))
        assert calibration.newest(tx, simulated=True) is None


def planned(tx: Tx, key: str, **changed: Any) -> None:
    job = register(tx, key, simulated=changed.pop("simulated", False))
    jobs.save_plan(tx, job.id, replace(PLAN, **changed), None, NOW)


def test_the_gaps_of_the_newest_plans_are_those_where_both_paths_were_possible(ledger: Engine):
    with transaction(ledger) as tx:
        planned(tx, "first", relative_gap=0.1)
        planned(tx, "one path", relative_gap=None)
        planned(tx, "last", relative_gap=0.3)
        planned(tx, "simulated", relative_gap=0.9, simulated=True)
        assert calibration.recent_gaps(tx, simulated=False) == [0.3, 0.1]
        assert calibration.recent_gaps(tx, simulated=False, limit=1) == [0.3]


def test_what_exploration_may_cost_counts_from_a_moment_on(ledger: Engine):
    """Ids carry the time at which a job was registered."""
    with transaction(ledger) as tx:
        planned(tx, "first", exploration_usd=Decimal("0.1"))
        planned(tx, "second", exploration_usd=Decimal("0.25"))
        planned(tx, "simulated", exploration_usd=Decimal(9), simulated=True)
        now = datetime.now(NOW.tzinfo)
        assert calibration.explored_usd(tx, now - timedelta(hours=1), simulated=False) == Decimal("0.35")
        assert calibration.explored_usd(tx, now + timedelta(hours=1), simulated=False) == 0


def test_two_processes_at_once_cannot_reserve_more_than_the_day_has(ledger: Engine, elsewhere: Engine):
    """Each looks at the day and takes its time before it stores: whoever comes second must see the first."""
    drawn = replace(
        PLAN,
        run_both=True,
        reasons=("cheaper", "the other runs too"),
        exploration_usd=Decimal("0.4"),
        exploration=Exploration(run_both=True, probability=1.0, reason="drawn"),
    )
    start = datetime.now(NOW.tzinfo) - timedelta(hours=1)

    def store(place: int) -> Plan:
        with transaction((ledger, elsewhere)[place % 2]) as tx:
            job = register(tx, f"job {place}")
            found = calibration.within_exploration(tx, drawn, start=start, daily_usd=Decimal(1), simulated=False)
            time.sleep(0.05)
            jobs.save_plan(tx, job.id, found, None, NOW)
            return found

    with ThreadPoolExecutor(6) as pool:
        stored = list(pool.map(store, range(6)))
    with reading(ledger) as tx:
        assert calibration.explored_usd(tx, start, simulated=False) == Decimal("0.8")
    assert sum(plan.run_both for plan in stored) == 2
    refused = next(plan for plan in stored if not plan.run_both)
    assert refused.reasons == ("cheaper",)
    assert refused.exploration is not None
    assert refused.exploration.reason == "$0.4000 more would exceed the day's $1 for exploration"


def test_a_plan_that_explores_nothing_reserves_nothing(ledger: Engine):
    with transaction(ledger) as tx:
        assert calibration.within_exploration(tx, PLAN, start=NOW, daily_usd=Decimal(0), simulated=False) == PLAN


def test_plans_of_before_exploration_have_cost_nothing(ledger: Engine):
    with transaction(ledger) as tx:
        planned(tx, "old")
        old = {
            name: value for name, value in tx.execute(select(plans.c.plan)).scalar_one().items() if "expl" not in name
        }
        del old["relative_gap"]
        tx.execute(update(plans).values(plan=old))
        assert calibration.explored_usd(tx, NOW - timedelta(days=9_000), simulated=False) == 0
        assert calibration.recent_gaps(tx, simulated=False) == []


def test_only_jobs_with_an_end_are_concluded(ledger: Engine):
    with transaction(ledger) as tx:
        first, _running, last = (register(tx, key) for key in ("first", "running", "last"))
        for job in (last, first):
            jobs.set_status(tx, job.id, JobStatus.RUNNING, now=NOW)
            jobs.set_status(tx, job.id, JobStatus.DONE, now=NOW)
    with reading(ledger) as tx:
        assert calibration.concluded(tx, simulated=False, limit=9) == [first.id, last.id]
        assert calibration.concluded(tx, simulated=False, limit=1) == [last.id]
        assert calibration.concluded(tx, simulated=True, limit=9) == []
