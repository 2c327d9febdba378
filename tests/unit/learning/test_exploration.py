"""Running both paths to learn: a share of jobs, most where the decision is open, within a budget, never sensitive."""

from decimal import Decimal
from typing import Any

import pytest

from throughline.domain.job import JobId
from throughline.domain.learning.exploration import Exploration, ExplorationRules, explore, interest

RULES = ExplorationRules(share=0.1, daily_budget_usd=Decimal(5))


def decided(job: str = "job", **given: Any) -> Exploration:
    usual: dict[str, Any] = {
        "relative_gap": 0.1,
        "usual_interest": interest(0.1),
        "extra_usd": Decimal(1),
        "spent_today_usd": Decimal(0),
        "sensitive": False,
        "both_possible": True,
        "rules": RULES,
    }
    return explore(JobId(job), **(usual | given))


def test_the_share_of_jobs_is_what_was_set():
    drawn = sum(decided(f"job {i}").run_both for i in range(4_000))
    assert drawn / 4_000 == pytest.approx(0.1, abs=3 * (0.09 / 4_000) ** 0.5)


def test_the_same_job_is_decided_alike():
    assert decided("a") == decided("a")


def test_open_decisions_are_drawn_more_often_and_clear_ones_still_sometimes():
    tie, clear = decided(relative_gap=0.0).probability, decided(relative_gap=1.0).probability
    assert tie > 0.1 > clear > 0.015


def test_a_probability_never_exceeds_one():
    rules = ExplorationRules(share=1.0, daily_budget_usd=Decimal(5))
    explored = decided(relative_gap=0.0, usual_interest=0.0, rules=rules)
    assert (explored.run_both, explored.probability) == (True, 1.0)
    assert explored.reason == "drawn, with probability 100.0%"


def test_a_share_of_nothing_draws_nothing():
    none = decided(rules=ExplorationRules(share=0.0, daily_budget_usd=Decimal(5)))
    assert (none.run_both, none.reason) == (False, "not drawn, with probability 0.0%")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"sensitive": True}, "the job is marked sensitive"),
        ({"both_possible": False}, "only one path is possible"),
        ({"spent_today_usd": Decimal("4.01")}, "$1.0000 more would exceed the day's $5 for exploration"),
    ],
)
def test_some_jobs_are_never_drawn(given: dict[str, Any], reason: str):
    always = ExplorationRules(share=1.0, daily_budget_usd=Decimal(5))
    assert decided(rules=always, **given) == Exploration(run_both=False, probability=0.0, reason=reason)


def test_the_last_dollar_of_the_budget_may_be_spent():
    rules = ExplorationRules(share=1.0, daily_budget_usd=Decimal(5))
    assert decided(spent_today_usd=Decimal(4), usual_interest=0.0, rules=rules).run_both
