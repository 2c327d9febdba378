"""A job may run both paths to learn from them, and says why."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.plans import LARGE, case
from throughline.domain.estimates import Case, Recent
from throughline.domain.job import Path, PathChoice
from throughline.domain.learning.exploration import ExplorationRules
from throughline.domain.plan import from_json, to_json
from throughline.domain.routing import make_plan, without_exploration

ALWAYS = Recent(
    rules=ExplorationRules(share=1.0, daily_budget_usd=Decimal(100)), usual_interest=None, spent_today_usd=Decimal(0)
)


def test_a_drawn_job_runs_both_paths_and_says_why():
    plan = make_plan(replace(case(**LARGE), recent=ALWAYS, identity="this job"))
    assert (plan.chosen, plan.run_both) == (Path.SINGLE_PASS, True)
    assert plan.reasons[-1] == (
        f"chunked runs too, to learn from it, for at most ${plan.chunked.worst_usd:.4f} "
        "(drawn, with probability 100.0%)"
    )
    assert plan.exploration_usd == plan.chunked.worst_usd
    assert from_json(json.loads(json.dumps(to_json(plan)))) == plan


def test_a_second_path_that_the_day_cannot_pay_any_more_is_taken_off_the_plan():
    """Everything else stays as it was decided."""
    of = replace(case(**LARGE), identity="this job")
    drawn = make_plan(replace(of, recent=ALWAYS))
    alone = without_exploration(drawn, Decimal(3))
    assert (alone.run_both, alone.exploration_usd) == (False, 0)
    assert alone.exploration is not None
    assert alone.exploration.reason == f"${drawn.exploration_usd:.4f} more would exceed the day's $3 for exploration"
    assert replace(alone, exploration=None) == make_plan(of)


@pytest.mark.parametrize(
    ("of", "recent", "reason"),
    [
        pytest.param(case(**LARGE, sensitive=True), ALWAYS, "the job is marked sensitive", id="sensitive"),
        pytest.param(case(model="claude-haiku-4-5"), ALWAYS, "only one path is possible", id="one path"),
        pytest.param(
            case(**LARGE, budget_usd=Decimal(5)), ALWAYS, "only one path is possible", id="a budget for one path"
        ),
        pytest.param(
            case(**LARGE),
            replace(ALWAYS, usual_interest=0.5, rules=ExplorationRules(share=0.0, daily_budget_usd=Decimal(100))),
            "not drawn, with probability 0.0%",
            id="not drawn",
        ),
    ],
)
def test_a_job_that_is_not_drawn_runs_one_path_and_keeps_the_reason(of: Case, recent: Recent, reason: str):
    plan = make_plan(replace(of, recent=recent))
    assert plan.exploration is not None
    assert (plan.run_both, plan.exploration.reason, plan.exploration_usd) == (False, reason, 0)
    assert plan.reasons == make_plan(of).reasons


@pytest.mark.parametrize("choice", [PathChoice.SINGLE_PASS, PathChoice.CHUNKED, PathChoice.BOTH])
def test_nothing_is_explored_where_a_path_was_asked_for(choice: PathChoice):
    assert make_plan(replace(case(**LARGE, path=choice), recent=ALWAYS)).exploration is None
