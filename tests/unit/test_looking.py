"""What it would be worth to buy the outline before the path is chosen, and how a plan says so."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.plans import POLICY, case
from throughline.domain import estimates, looking, sizing
from throughline.domain.job import Depth, Effort, Kind, Path, PathChoice
from throughline.domain.looking import Look
from throughline.domain.pricing import Usage, price
from throughline.domain.routing import make_plan

NEAR = case(kind=Kind.RESEARCH_REPORT, model="claude-sonnet-5-5", units=12)  # where the paths cost about alike
SIZE = sizing.size_output(
    kind=Kind.RESEARCH_REPORT, depth=Depth.STANDARD, model=NEAR.model, effort=Effort.MEDIUM, units=12
)


def looked(spread: float, of: estimates.Case = NEAR) -> Look:
    sizes = dict.fromkeys(Path, replace(SIZE, log_spread=spread))
    return looking.look(of, sizes, estimates.part_limits(of.spec, of.model))


def test_a_look_costs_at_least_the_reading_of_all_sources_at_full_price():
    sources = Usage(cache_write_5m_tokens=NEAR.corpus.tokens.expected)
    assert looked(0.3).price_usd > price(sources, NEAR.spec.model, batch=False, at=NEAR.at).usd


def test_a_size_that_is_sure_leaves_nothing_to_learn():
    assert looked(0.0).most_saved_usd == 0


def test_the_wider_sizes_are_the_more_a_look_is_worth():
    worth = [looked(spread).most_saved_usd for spread in (0.1, 0.5, 1.0, 1.5)]
    assert worth[0] == 0 < worth[1] < worth[2] < worth[3]


def test_where_one_path_wins_at_every_size_a_look_is_worth_nothing():
    dear_waiting = replace(NEAR, policy=replace(POLICY, waiting_usd_per_hour=Decimal(20)))
    assert looked(0.7, dear_waiting).most_saved_usd == 0


@pytest.mark.parametrize(
    ("saved", "says"),
    [
        ("0", "even if it told the exact size, its $0.0242 would not be earned back"),
        ("0.017", "if it told the exact size, it would save at most $0.0170 beyond its $0.0242"),
    ],
)
def test_a_look_says_in_one_line_why_it_is_not_bought(saved: str, says: str):
    found = Look(price_usd=Decimal("0.0242"), most_saved_usd=Decimal(saved))
    assert found.sentence == f"The outline is not bought before the choice: {says}"


def test_a_plan_says_so_where_the_model_writes_the_outline_and_there_is_a_choice():
    assert make_plan(NEAR).reasons[1].startswith("The outline is not bought before the choice: even if")


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(case(units=12), id="structure gives the outline"),
        pytest.param(
            replace(NEAR, spec=NEAR.spec.model_copy(update={"path": PathChoice.CHUNKED})), id="a path was asked for"
        ),
        pytest.param(case(kind=Kind.RESEARCH_REPORT, model="claude-haiku-4-5", units=12), id="one path is possible"),
    ],
)
def test_a_plan_without_that_question_says_nothing_of_it(of: estimates.Case):
    assert not any("outline" in reason for reason in make_plan(of).reasons)
