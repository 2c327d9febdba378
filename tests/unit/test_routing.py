"""Which path a job takes: what stands against each, which costs less in all, and why one was chosen."""

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.plans import ENDPOINT, LARGE, POLICY, case, cases, estimates, own_model
from throughline.domain.estimates import Case, Policy
from throughline.domain.job import Path, PathChoice, ReviewMode
from throughline.domain.routing import make_plan
from throughline.errors import BadInput


def waiting_at(usd_per_hour: Decimal) -> Policy:
    return replace(POLICY, waiting_usd_per_hour=usd_per_hour)


def test_a_tiny_job_is_a_chain_of_one_link():
    plan = make_plan(case())
    assert (plan.chosen, plan.chunked.calls) == (Path.CHUNKED, 1)


def test_a_large_job_is_a_single_pass():
    plan = make_plan(case(**LARGE))
    assert (plan.chosen, plan.single_pass.calls) == (Path.SINGLE_PASS, 1)
    assert plan.single_pass.max_tokens_per_call == 300_000


def test_a_single_pass_that_is_hardly_ever_whole_is_not_sent():
    plan = make_plan(case(units=560, tokens=300_000))
    bound = plan.size.bound(0.95)
    assert bound > 300_000
    assert plan.chosen is Path.CHUNKED
    assert plan.single_pass.obstacles == (
        f"the output needs more than {bound:,} tokens with a chance of 95%, and one answer ends at 300,000",
    )


def test_a_single_pass_that_is_likelier_cut_than_not_is_sent_when_half_price_for_what_fits_outweighs_the_rest():
    """Its cut is part of its price; a team that wants whole answers says so."""
    plan = make_plan(case(units=340, tokens=300_000))
    assert plan.single_pass.truncation_chance > 0.5
    assert plan.chosen is Path.SINGLE_PASS
    assert plan.single_pass.expected_total_usd < plan.chunked.expected_total_usd
    whole_answers = replace(POLICY, risk_of_cut=0.5)
    assert make_plan(case(units=340, tokens=300_000, policy=whole_answers)).chosen is Path.CHUNKED


def test_a_job_that_may_but_hardly_will_need_more_than_300k_is_decided_by_its_cost():
    """A cut keeps what is complete, so it costs only what is missing."""
    plan = make_plan(case(units=250, tokens=300_000))
    assert plan.size.expected_tokens < 300_000 < plan.size.upper_tokens
    assert plan.chosen is Path.SINGLE_PASS
    assert 0 < plan.single_pass.rework_usd < plan.chunked.expected_usd / 10


@pytest.mark.parametrize(
    ("of", "obstacle"),
    [
        pytest.param(
            case(model="claude-haiku-4-5"),
            "claude-haiku-4-5 has no 300K output: one answer ends at 64,000 tokens",
            id="a model without long output",
        ),
        pytest.param(
            case(endpoint=replace(ENDPOINT, host="localhost", batches=False)),
            "localhost offers no Message Batches",
            id="an endpoint without batches",
        ),
        pytest.param(
            case(deadline_s=600), "about 31 min needed, deadline in 10 min", id="a deadline sooner than any batch"
        ),
    ],
)
def test_what_stands_against_the_single_pass_is_why_the_chain_is_taken(of: Case, obstacle: str):
    plan = make_plan(of)
    assert plan.single_pass.obstacles == (obstacle,)
    assert plan.chosen is Path.CHUNKED
    assert plan.reasons == ("chunked is the only path", f"single_pass is not possible: {obstacle}")


@pytest.mark.parametrize(
    ("deadline_s", "told"),
    [
        pytest.param(45, "45 s", id="seconds"),
        pytest.param(5_399, "1.5 h", id="hours"),
    ],
)
def test_a_deadline_is_told_in_the_unit_that_fits_it(deadline_s: int, told: str):
    with pytest.raises(BadInput, match=rf"about 1\.6 h needed, deadline in {told}\."):
        make_plan(case(**LARGE, deadline_s=deadline_s, path=PathChoice.SINGLE_PASS))


def test_a_corpus_above_the_window_is_for_the_chain():
    plan = make_plan(case(units=10, tokens=900_000))
    (obstacle,) = plan.single_pass.obstacles
    assert plan.chosen is Path.CHUNKED
    assert re.fullmatch(
        r"sources and output together \(1,08\d,\d{3} \+ 10,143 tokens\) exceed the window of 1,000,000", obstacle
    )


def test_one_link_must_fit_into_the_window():
    plan = own_model(30_000)
    with pytest.raises(BadInput, match=r"one link needs about [\d,]+ tokens and the window of llama is 10,000"):
        make_plan(replace(plan, model=replace(plan.model, context_tokens=10_000)))


@pytest.mark.parametrize("choice", [PathChoice.SINGLE_PASS, PathChoice.CHUNKED])
@pytest.mark.parametrize("of", [{}, LARGE], ids=["tiny", "large"])
def test_the_path_that_was_asked_for_is_taken_whatever_the_other_costs(choice: PathChoice, of: dict[str, Any]):
    plan = make_plan(case(**of, path=choice))
    assert plan.chosen == choice
    assert plan.reasons == (f"{choice} was asked for",)


def test_a_path_that_was_asked_for_still_says_what_stands_against_the_other():
    plan = make_plan(case(path=PathChoice.CHUNKED, model="claude-haiku-4-5"))
    assert plan.reasons == (
        "chunked was asked for",
        "single_pass is not possible: claude-haiku-4-5 has no 300K output: one answer ends at 64,000 tokens",
    )


def test_a_path_that_was_asked_for_and_is_not_possible_is_refused():
    sentence = r"^single_pass is not possible: claude-haiku-4-5 has no 300K output.*\. Nothing was spent\.$"
    with pytest.raises(BadInput, match=sentence):
        make_plan(case(path=PathChoice.SINGLE_PASS, model="claude-haiku-4-5"))


@pytest.mark.parametrize(
    ("of", "run_both"),
    [pytest.param(PathChoice.BOTH, True, id="both"), pytest.param(PathChoice.AUTO, False, id="auto")],
)
def test_both_paths_run_only_when_both_are_asked_for(of: PathChoice, run_both: bool):
    plan = make_plan(case(path=of))
    assert (plan.wanted, plan.run_both, plan.chosen) == (of, run_both, Path.CHUNKED)


def test_both_paths_with_one_impossible_are_refused():
    with pytest.raises(BadInput, match=r"^single_pass is not possible: claude-haiku-4-5 has no 300K output"):
        make_plan(case(path=PathChoice.BOTH, model="claude-haiku-4-5"))


def test_the_price_of_waiting_decides_between_close_paths():
    free = make_plan(case(**LARGE, policy=waiting_at(Decimal(0))))
    single, chunked = free.single_pass, free.chunked
    border = (chunked.expected_total_usd - single.expected_total_usd) / Decimal(single.hours - chunked.hours)
    below, above = (make_plan(case(**LARGE, policy=waiting_at(border * share))) for share in (Decimal("0.99"), 2))
    assert free.chosen is below.chosen is Path.SINGLE_PASS
    assert above.chosen is Path.CHUNKED
    assert "(a near tie)" in below.reasons[0]
    assert "(a near tie)" not in above.reasons[0]


def test_the_time_to_read_the_output_makes_no_near_tie():
    plan = make_plan(case(**LARGE, review=ReviewMode.ALWAYS))
    single, chunked = plan.single_pass, plan.chunked
    assert chunked.expected_total_usd < single.expected_total_usd * Decimal("1.05")
    assert "(a near tie)" not in plan.reasons[0]


def test_the_reason_names_both_totals():
    plan = make_plan(case(**LARGE))
    single, chunked = plan.single_pass, plan.chunked
    assert plan.reasons == (
        f"single_pass is expected to cost ${single.expected_total_usd:.4f} in all, chunked "
        f"${chunked.expected_total_usd:.4f}: tokens ${single.expected_usd:.4f} against ${chunked.expected_usd:.4f}, "
        f"waiting ${single.waiting_usd:.4f} against ${chunked.waiting_usd:.4f}",
    )


def test_the_plan_keeps_the_assumptions_that_it_rests_on():
    assumptions = make_plan(case()).assumptions
    assert assumptions["review_usd_per_hour"] == "60"
    assert assumptions["waiting_usd_per_hour"] == "0.25"
    assert assumptions["batch_tokens_per_hour"] == "128000"


@settings(max_examples=30)
@given(cases)
def test_the_chosen_path_is_possible_and_no_possible_one_costs_less_in_all(of: Case):
    plan = make_plan(of)
    chosen = plan.estimate(plan.chosen)
    assert chosen.feasible
    assert plan.wanted is not PathChoice.AUTO or all(
        chosen.expected_total_usd <= estimate.expected_total_usd for estimate in estimates(plan) if estimate.feasible
    )


@settings(max_examples=15)
@given(cases)
def test_the_same_case_has_the_same_plan(of: Case):
    assert make_plan(of) == make_plan(replace(of))


@settings(max_examples=30)
@given(cases, st.sampled_from([0.1, 0.5]))
def test_a_possible_single_pass_is_cut_no_likelier_than_the_team_bears(of: Case, risk: float):
    single = make_plan(replace(of, policy=replace(POLICY, risk_of_cut=risk))).single_pass
    assert not single.feasible or single.truncation_chance <= risk + 0.001


def test_a_team_that_bears_more_risk_sends_a_larger_single_pass():
    of = case(units=250, tokens=300_000)
    chance = make_plan(of).single_pass.truncation_chance
    bold, timid = (replace(POLICY, risk_of_cut=chance + step) for step in (0.01, -0.01))
    assert make_plan(replace(of, policy=bold)).single_pass.feasible
    assert not make_plan(replace(of, policy=timid)).single_pass.feasible
    assert make_plan(replace(of, policy=bold)).assumptions["risk_of_cut"] == str(bold.risk_of_cut)


def test_only_two_possible_paths_have_a_gap():
    assert make_plan(case(model="claude-haiku-4-5")).relative_gap is None
    assert 0 < (make_plan(case(**LARGE)).relative_gap or 0) < 1
