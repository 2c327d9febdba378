"""A plan says which path is possible and what it costs in all, and is stored with every figure it used."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.chain import PartLimits
from throughline.domain.job import Path, PathChoice
from throughline.domain.plan import Corpus, Endpoint, PathEstimate, Plan, from_json, to_json
from throughline.domain.sizing import OutputSize
from throughline.domain.tokens import TokenCount

SINGLE = PathEstimate(
    path=Path.SINGLE_PASS,
    obstacles=("no batches",),
    calls=1,
    max_tokens_per_call=300_000,
    input_tokens=10,
    output_tokens=20,
    expected_usd=Decimal("0.1"),
    worst_usd=Decimal("3.0000001"),
    hours=0.5,
    truncation_chance=0.01,
    rework_usd=Decimal("0.02"),
    review_minutes=1.5,
    review_usd=Decimal("0.003"),
    waiting_usd=Decimal("0.0004"),
)
CHUNKED = replace(SINGLE, path=Path.CHUNKED, obstacles=())
PLAN = Plan(
    wanted=PathChoice.AUTO,
    chosen=Path.CHUNKED,
    run_both=False,
    reasons=("chunked is the only path",),
    model="claude-opus-5-5",
    corpus=Corpus(
        sources=1,
        characters=100,
        tokens=TokenCount(expected=25, upper=30),
        counted_by="o200k_base",
        left_out=(("logo.png", "looks like a PNG image"),),
    ),
    endpoint=Endpoint(host="localhost", batches=False, structured_outputs=True),
    size=OutputSize(
        units=1, expected_tokens=20, upper_tokens=40, thinking_tokens=3, log_spread=0.5, basis="structural prior"
    ),
    single_pass=SINGLE,
    chunked=CHUNKED,
    part_limits=PartLimits(units=16, source_characters=1_000),
    assumptions={"rework_share": "0.25"},
)


def test_a_path_without_obstacles_is_feasible():
    assert CHUNKED.feasible
    assert not SINGLE.feasible


def test_the_total_is_tokens_rework_review_and_waiting():
    assert SINGLE.expected_total_usd == Decimal("0.1234")


@pytest.mark.parametrize(("path", "estimate"), [(Path.SINGLE_PASS, SINGLE), (Path.CHUNKED, CHUNKED)])
def test_a_plan_finds_the_estimate_of_a_path(path: Path, estimate: PathEstimate):
    assert PLAN.estimate(path) is estimate


def test_a_plan_comes_back_from_json_as_it_was():
    assert from_json(json.loads(json.dumps(to_json(PLAN)))) == PLAN


def test_a_plan_of_before_anything_was_learned_still_loads():
    """Fields that came later have their defaults."""
    data = json.loads(json.dumps(to_json(PLAN)))
    for later in ("relative_gap", "exploration", "exploration_usd"):
        del data[later]
    for later in ("prior", "forecast"):
        del data["size"][later]
    for path in Path:
        del data[path]["upper_output_tokens"]
    old = from_json(data)
    assert old == PLAN
    assert old.learned_until is None


@settings(max_examples=30)
@given(st.decimals(min_value=0, max_value=10**6, places=12), st.floats(0, 1e6), st.floats(0, 1))
def test_figures_come_back_to_the_last_digit(usd: Decimal, hours: float, chance: float):
    single = replace(SINGLE, expected_usd=usd, worst_usd=usd / 3, hours=hours, truncation_chance=chance)
    plan = replace(PLAN, single_pass=single)
    assert from_json(json.loads(json.dumps(to_json(plan)))) == plan


def test_what_is_to_run_is_what_is_expected_to_cost():
    single = replace(PLAN, chosen=Path.SINGLE_PASS, single_pass=replace(SINGLE, expected_usd=Decimal("0.3")))
    assert PLAN.expected_usd == Decimal("0.1")
    assert single.expected_usd == Decimal("0.3")
    assert replace(single, run_both=True).expected_usd == Decimal("0.4")


def test_a_single_pass_that_runs_alone_may_reserve_the_whole_budget():
    assert PLAN.single_pass_usd(Decimal(2)) == Decimal(2)


amounts_usd = st.decimals(0, 10, places=4)


@settings(max_examples=50)
@given(single=amounts_usd, rework=amounts_usd, chain=amounts_usd, above=amounts_usd)
def test_of_a_budget_that_covers_both_paths_each_may_take_what_it_is_expected_to_cost(
    single: Decimal, rework: Decimal, chain: Decimal, above: Decimal
):
    both = replace(
        PLAN,
        run_both=True,
        single_pass=replace(SINGLE, expected_usd=single, rework_usd=rework),
        chunked=replace(CHUNKED, expected_usd=chain),
    )
    budget_usd = single + rework + chain + above
    share_usd = both.single_pass_usd(budget_usd)
    nearly = Decimal("1e-9")
    assert single - nearly <= share_usd
    assert share_usd <= budget_usd - rework - chain + nearly
