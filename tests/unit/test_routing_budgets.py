"""A budget: which paths it leaves, and what is refused before anything is spent."""

import re
from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import pytest

from tests.unit.plans import LARGE, case
from throughline.domain.job import Path, PathChoice
from throughline.domain.routing import make_plan
from throughline.errors import BadInput, BudgetExceeded


def test_a_budget_must_cover_what_a_cut_is_expected_to_cost():
    of = case(units=340, tokens=300_000)
    plan = make_plan(of).single_pass
    budget = (plan.expected_usd + plan.rework_usd / 2).quantize(Decimal("0.01"))
    with pytest.raises(BudgetExceeded, match=r"^single_pass is not possible: about \$"):
        make_plan(replace(of, spec=of.spec.model_copy(update={"path": PathChoice.SINGLE_PASS, "budget_usd": budget})))


def test_a_budget_that_only_the_batch_price_meets_leaves_the_single_pass():
    plan = make_plan(case(**LARGE, budget_usd=Decimal(3)))
    assert plan.chosen is Path.SINGLE_PASS
    assert plan.chunked.obstacles == (f"about ${plan.chunked.expected_usd:.4f} expected, budget $3",)


@pytest.mark.parametrize("choice", list(PathChoice))
def test_a_budget_below_every_wanted_path_is_exceeded_before_anything_is_spent(choice: PathChoice):
    with pytest.raises(BudgetExceeded, match=r"budget \$0\.01.*Nothing was spent\.$"):
        make_plan(case(path=choice, budget_usd=Decimal("0.01")))


def test_a_budget_that_covers_one_of_both_paths_is_exceeded():
    with pytest.raises(BudgetExceeded, match=r"^chunked is not possible: about \$4\.\d{4} expected, budget \$3\. "):
        make_plan(case(**LARGE, path=PathChoice.BOTH, budget_usd=Decimal(3)))


@pytest.mark.parametrize("budget", ["3", "3.00", "0.0015", "0.001500"])
def test_a_budget_is_named_as_it_was_given(budget: str):
    with pytest.raises(BudgetExceeded, match=rf"about \$\d+\.\d{{4}} expected, budget \${re.escape(budget)}[;.] "):
        make_plan(case(**LARGE, path=PathChoice.CHUNKED, budget_usd=Decimal(budget)))


@pytest.mark.parametrize("choice", [PathChoice.CHUNKED, PathChoice.BOTH])
def test_a_tiny_budget_is_written_out(choice: PathChoice):
    with pytest.raises(BudgetExceeded, match=rf"budget \$0\.{'0' * 29}1[;.] "):
        make_plan(case(path=choice, budget_usd=Decimal("1e-30")))


def test_an_expected_cost_a_little_above_the_budget_does_not_read_as_equal_to_it():
    cost = make_plan(case()).chunked.expected_usd
    budget = cost.quantize(Decimal("0.01"), rounding=ROUND_FLOOR) + Decimal("0.0001")
    assert budget < cost
    with pytest.raises(BudgetExceeded) as refused:
        make_plan(case(path=PathChoice.CHUNKED, budget_usd=budget))
    assert f"about ${cost:.4f} expected, budget ${budget}" in str(refused.value)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param({"deadline_s": 1}, id="both too late"),
        pytest.param({"deadline_s": 1, "budget_usd": Decimal("0.01")}, id="both too late and too dear"),
        pytest.param({"model": "claude-haiku-4-5", "budget_usd": Decimal("0.001")}, id="one too dear, one unable"),
    ],
)
def test_no_possible_path_is_bad_input_when_money_alone_would_not_help(of: dict[str, Any]):
    with pytest.raises(BadInput, match=r"single_pass is not possible: .*chunked is not possible: "):
        make_plan(case(**of))


def test_both_paths_need_a_budget_for_both():
    with pytest.raises(
        BudgetExceeded, match=r"^Both paths together are expected to cost \$\d+\.\d{4}, the budget is \$5"
    ):
        make_plan(case(**LARGE, path=PathChoice.BOTH, budget_usd=Decimal(5)))


def test_a_budget_for_both_covers_what_a_cut_is_expected_to_cost():
    of = case(units=340, tokens=300_000, path=PathChoice.BOTH)
    plan = make_plan(of)
    tokens_usd = plan.single_pass.expected_usd + plan.chunked.expected_usd
    budget = (tokens_usd + plan.single_pass.rework_usd / 2).quantize(Decimal("0.01"))
    with pytest.raises(BudgetExceeded, match=r"^Both paths together"):
        make_plan(replace(of, spec=of.spec.model_copy(update={"budget_usd": budget})))
