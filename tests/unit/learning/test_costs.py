"""The expected total: every component shown, near ties said, and a look bought only when it pays."""

from dataclasses import replace
from decimal import Decimal

import pytest

from throughline.domain.job import Path
from throughline.domain.learning.costs import Knobs, PathInputs, compare, probe, total_cost

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


def dear_when_long(tokens: float) -> Decimal:
    return Decimal(20) if tokens > 300_000 else Decimal(1)


def even(_: float) -> Decimal:
    return Decimal(3)


def size_at(probability: float) -> float:
    return 1_000_000 * probability


def test_a_probe_is_bought_when_what_it_may_change_is_worth_more_than_it_costs():
    bought = probe(size_at, dear_when_long, even, revealed=0.9, price_usd=Decimal("0.1"))
    assert bought.worth_buying
    assert Decimal("0.2") < bought.saving_usd < Decimal("0.6")  # a full answer saves two dollars in three of ten jobs
    assert bought.sentence.endswith("costs $0.1000: it is bought")


def test_a_probe_that_tells_nothing_saves_nothing():
    assert probe(size_at, dear_when_long, even, revealed=0.0, price_usd=Decimal("0.1")).saving_usd == 0


def test_a_probe_that_cannot_change_the_choice_is_not_bought():
    refused = probe(size_at, lambda _: Decimal(1), even, revealed=1.0, price_usd=Decimal("0.01"))
    assert (refused.worth_buying, refused.saving_usd) == (False, 0)
    assert refused.sentence.endswith("costs $0.0100: not bought")


def test_the_more_a_probe_tells_the_more_it_saves():
    told = [probe(size_at, dear_when_long, even, revealed=r, price_usd=Decimal(1)).saving_usd for r in (0.2, 0.6, 1.0)]
    assert told == sorted(told)
