"""What each path is expected to cost: tokens, cache, a cut, review and waiting."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from tests.unit.plans import LARGE, case, cases, estimates, own_model
from throughline.domain.estimates import Case
from throughline.domain.job import Depth, Kind, Path, PathChoice, ReviewMode
from throughline.domain.routing import make_plan


def test_a_model_of_an_own_endpoint_costs_what_its_owner_states():
    plan = make_plan(own_model(30_000))
    assert plan.chosen is Path.CHUNKED
    assert (plan.chunked.expected_usd, plan.chunked.worst_usd) == (0, 0)


def test_the_single_pass_costs_its_tokens_at_half_price():
    plan = make_plan(case(**LARGE))
    single, size = plan.single_pass, plan.size
    tokens = single.input_tokens * Decimal("0.000004") + size.expected_tokens * Decimal("0.000020")
    assert float(single.expected_usd) == pytest.approx(float(tokens / 2), rel=0.001)  # what lies beyond 300K is rework


def test_the_single_pass_costs_at_most_its_cap():
    plan = make_plan(case(**LARGE))
    prompt = plan.single_pass.input_tokens + 60_000  # the corpus at its upper count
    assert plan.single_pass.worst_usd == (prompt * Decimal("0.000004") + 300_000 * Decimal("0.000020")) / 2


def test_parts_of_structure_read_the_sources_once_between_them():
    chunked = make_plan(case(**LARGE)).chunked
    assert chunked.calls == 11
    assert 300_000 <= chunked.input_tokens < 2 * 300_000


def test_links_that_read_the_whole_corpus_pay_cache_prices():
    plan = make_plan(case(kind=Kind.SYNTHESIS, units=12, tokens=200_000))
    chunked = plan.chunked
    each = chunked.input_tokens // chunked.calls - 200_000
    output = plan.size.expected_tokens // chunked.calls
    assert chunked.calls == 4  # outline, two parts, closing
    written, read = Decimal(200_000) * 5 / 10**6, Decimal(200_000) * Decimal("0.2") / 10**6
    beside = (each * Decimal(4) + output * Decimal(20)) / 10**6
    assert chunked.expected_usd == written + 3 * read + 4 * beside


def test_links_that_read_the_whole_corpus_may_each_have_to_write_it_at_the_worst():
    chunked = make_plan(case(kind=Kind.SYNTHESIS, units=12, tokens=200_000)).chunked
    assert chunked.worst_usd > 4 * Decimal(240_000) * 5 / 10**6


@pytest.mark.parametrize("kind", [Kind.RESEARCH_REPORT, Kind.SYNTHESIS])
@pytest.mark.parametrize("units", [1, 40])
def test_a_chain_that_plans_its_own_outline_always_reads_from_the_cache(kind: Kind, units: int):
    """One link never does it: the first writes the corpus to the cache, each further one reads it."""
    dear, cheap = (
        make_plan(case(kind=kind, units=units, tokens=tokens, path=PathChoice.CHUNKED)).chunked
        for tokens in (400_000, 200_000)
    )
    assert cheap.calls >= 2
    each = Decimal(200_000) / 10**6
    assert dear.expected_usd - cheap.expected_usd == each * 5 + (cheap.calls - 1) * each * Decimal("0.2")


def test_a_small_job_that_plans_its_own_outline_is_two_links():
    assert make_plan(case(kind=Kind.RESEARCH_REPORT, units=2)).chunked.calls == 2


@pytest.mark.parametrize(
    ("review", "share"), [(ReviewMode.ALWAYS, 1.0), (ReviewMode.AUTO, 0.1), (ReviewMode.NEVER, 0.0)]
)
def test_review_costs_the_time_to_read_the_visible_words(review: ReviewMode, share: float):
    plan = make_plan(case(**LARGE, review=review))
    words = (plan.size.expected_tokens - plan.size.thinking_tokens) / 1.8
    assert plan.chunked.review_minutes == pytest.approx(words / 238 * share)
    assert float(plan.chunked.review_usd) == pytest.approx(plan.chunked.review_minutes)  # $60 an hour


def test_a_single_pass_that_is_cut_costs_what_is_missing():
    plan = make_plan(case(units=220, tokens=100_000, path=PathChoice.SINGLE_PASS))
    single, beyond = plan.single_pass, plan.size.overrun(300_000)
    assert 0.01 < single.truncation_chance == beyond.chance < 0.5
    assert 0.05 < beyond.share < 0.2
    expected = beyond.chance * beyond.share * float(plan.chunked.expected_usd)
    assert float(single.rework_usd) == pytest.approx(expected)


def test_waiting_for_what_a_cut_leaves_is_part_of_the_wait():
    plan = make_plan(case(units=250, tokens=100_000))
    beyond = plan.size.overrun(300_000)
    written = plan.size.expected_tokens - beyond.chance * beyond.tokens
    rest = beyond.chance * beyond.share * plan.chunked.hours
    assert plan.single_pass.hours == pytest.approx(0.5 + written / 128_000 + rest, rel=1e-4)


def test_a_chain_that_needs_all_sources_reads_them_again_after_a_cut():
    alike: dict[str, Any] = {"units": 60, "depth": Depth.EXHAUSTIVE, "kind": Kind.SYNTHESIS}
    little, much = (make_plan(case(tokens=tokens, **alike)).single_pass for tokens in (1_000, 500_000))
    assert little.truncation_chance == much.truncation_chance > 0.01
    reading = Decimal(499_000) * 5 / 10**6
    assert much.rework_usd - little.rework_usd >= Decimal(much.truncation_chance) * reading


@settings(max_examples=30)
@given(cases)
def test_a_total_is_the_sum_of_its_parts(of: Case):
    for estimate in estimates(make_plan(of)):
        parts = (estimate.expected_usd, estimate.rework_usd, estimate.review_usd, estimate.waiting_usd)
        assert estimate.expected_total_usd == sum(parts)
        assert all(part >= 0 for part in parts)


@settings(max_examples=30)
@given(cases)
def test_nothing_is_expected_to_cost_more_than_at_the_worst(of: Case):
    for estimate in estimates(make_plan(of)):
        assert 0 < estimate.expected_usd <= estimate.worst_usd
