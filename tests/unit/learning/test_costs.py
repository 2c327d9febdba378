"""The expected total: every component shown, near ties said."""

from dataclasses import replace
from decimal import Decimal

import pytest

from throughline.domain.job import Path
from throughline.domain.learning.costs import Knobs, PathInputs, compare, total_cost

KNOBS = Knobs(review_usd_per_hour=Decimal(60), waiting_usd_per_hour=Decimal(2))
SINGLE = PathInputs(
    path=Path.SINGLE_PASS,
    tokens_usd=Decimal(1),
    truncation_chance=0.25,
    rework_usd=Decimal(2),
    repairs=0.5,
    repair_usd=Decimal("0.2"),
    review_minutes=10.0,
    hours=1.5,
    learned_from={"tokens": 40},
)
CHUNKED = replace(SINGLE, path=Path.CHUNKED, tokens_usd=Decimal(2), truncation_chance=0.0, hours=0.25)


def test_each_component_is_named_explained_and_counted():
    cost = total_cost(SINGLE, KNOBS)
    assert {c.name: c.usd for c in cost.components} == {
        "tokens": Decimal(1),
        "rework": Decimal("0.5"),
        "repairs": Decimal("0.1"),
        "review": Decimal(10),
        "waiting": Decimal(3),
    }
    assert cost.total_usd == Decimal("14.6")
    assert [c.learned_from for c in cost.components] == [40, 0, 0, 0, 0]
    assert cost.components[1].how == "chance of a cut 25.0% x $2.0000"


def test_the_cheaper_total_wins_and_its_reasons_are_the_largest_differences():
    verdict = compare(total_cost(SINGLE, KNOBS), total_cost(CHUNKED, KNOBS))
    assert verdict.cheaper.path is Path.CHUNKED
    assert verdict.gap_usd == Decimal(2)
    assert verdict.relative_gap == pytest.approx(2 / 4.5)  # review and repairs are equal and not in dispute
    assert verdict.sentence == (
        "chunked is expected to cost $12.6000 in all, single_pass $14.6000: "
        "waiting $0.5000 against $3.0000, tokens $2.0000 against $1.0000"
    )


def test_a_near_tie_says_so():
    nearly = replace(CHUNKED, tokens_usd=Decimal("3.95"))
    verdict = compare(total_cost(SINGLE, KNOBS), total_cost(nearly, KNOBS))
    assert verdict.near_tie
    assert "(a near tie)" in verdict.sentence


def test_equal_paths_are_a_tie_for_the_first():
    verdict = compare(total_cost(SINGLE, KNOBS), total_cost(replace(SINGLE, path=Path.CHUNKED), KNOBS))
    assert (verdict.cheaper.path, verdict.relative_gap, verdict.near_tie) == (Path.SINGLE_PASS, 0.0, True)
