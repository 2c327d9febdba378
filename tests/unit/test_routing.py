"""The plan of a job: what stands against each path, what each costs in all, and why one was chosen."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.estimates import (
    Case,
    Policy,
    Recent,
    outline_max_tokens,
    part_limits,
    part_max_tokens,
    planned_units,
)
from throughline.domain.job import Depth, Effort, JobSpec, Kind, Path, PathChoice, ReviewMode
from throughline.domain.learning.exploration import ExplorationRules
from throughline.domain.learning.observations import Observation, Profile
from throughline.domain.learning.sizes import SizeLearner
from throughline.domain.models import MODELS, find, unlisted
from throughline.domain.plan import Corpus, Endpoint, PathEstimate, Plan, from_json, to_json
from throughline.domain.pricing import UnlistedPrice
from throughline.domain.prompts import PROMPT_VERSION
from throughline.domain.routing import make_plan, without_exploration
from throughline.domain.sizing import thinking_share
from throughline.domain.tokens import TokenCount
from throughline.errors import BadInput, BudgetExceeded

POLICY = Policy(review_usd_per_hour=Decimal(60), waiting_usd_per_hour=Decimal("0.25"))
ENDPOINT = Endpoint(host="api.anthropic.com", batches=True, structured_outputs=True)
LARGE: dict[str, Any] = {"units": 150, "tokens": 300_000}


def case(
    *,
    units: int = 1,
    tokens: int = 5_000,
    kind: Kind = Kind.SUMMARY,
    model: str = "claude-opus-5-5",
    endpoint: Endpoint = ENDPOINT,
    policy: Policy = POLICY,
    **given: Any,
) -> Case:
    return Case(
        spec=JobSpec(kind=kind, model=model, **given),
        model=find(model),
        corpus=Corpus(
            sources=3,
            characters=tokens * 4,
            tokens=TokenCount(expected=tokens, upper=tokens * 6 // 5),
            counted_by="o200k_base",
        ),
        units=units,
        endpoint=endpoint,
        policy=policy,
        at=datetime(2026, 11, 22, tzinfo=UTC),
    )


def own_model(context_tokens: int, **given: Any) -> Case:
    """A case on a model of an own endpoint with that window."""
    prices = UnlistedPrice(model="llama", input_usd_per_mtok=Decimal(0), output_usd_per_mtok=Decimal(0))
    model = unlisted("llama", context_tokens=context_tokens, output_tokens=8_000)
    of_listed = case(model="claude-haiku-4-5", **given)
    spec = of_listed.spec.model_copy(update={"model": "llama"})
    return replace(of_listed, spec=spec, model=model, unlisted_price=prices)


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


def test_a_budget_must_cover_what_a_cut_is_expected_to_cost():
    of = case(units=340, tokens=300_000)
    plan = make_plan(of).single_pass
    budget = (plan.expected_usd + plan.rework_usd / 2).quantize(Decimal("0.01"))
    with pytest.raises(BudgetExceeded, match=r"^single_pass is not possible: about \$"):
        make_plan(replace(of, spec=of.spec.model_copy(update={"path": PathChoice.SINGLE_PASS, "budget_usd": budget})))


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


def test_a_budget_that_only_the_batch_price_meets_leaves_the_single_pass():
    plan = make_plan(case(**LARGE, budget_usd=Decimal(3)))
    assert plan.chosen is Path.SINGLE_PASS
    assert plan.chunked.obstacles == (f"about ${plan.chunked.expected_usd:.4f} expected, budget $3",)


def test_one_link_must_fit_into_the_window():
    plan = own_model(30_000)
    with pytest.raises(BadInput, match=r"one link needs about [\d,]+ tokens and the window of llama is 10,000"):
        make_plan(replace(plan, model=replace(plan.model, context_tokens=10_000)))


def test_a_model_of_an_own_endpoint_costs_what_its_owner_states():
    plan = make_plan(own_model(30_000))
    assert plan.chosen is Path.CHUNKED
    assert (plan.chunked.expected_usd, plan.chunked.worst_usd) == (0, 0)


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


def test_a_part_asks_for_what_fills_half_of_its_cap():
    limits = part_limits(case().spec, find("claude-opus-5-5"))
    assert limits.units == 16_000 // 952
    assert part_max_tokens(case().spec, find("claude-opus-5-5"), limits.units) == 2 * (16 * 952 + 540)


def test_a_part_of_long_units_still_asks_for_one():
    spec = case(kind=Kind.RESEARCH_REPORT, depth=Depth.EXHAUSTIVE).spec
    small = unlisted("llama", context_tokens=32_000, output_tokens=4_096)
    assert part_limits(spec, small).units == 1


def test_a_part_carries_source_text_even_in_a_tiny_window():
    small = unlisted("llama", context_tokens=8_000, output_tokens=4_096)
    assert part_limits(case().spec, small).source_characters == 1_000


@pytest.mark.parametrize(
    ("units", "generous", "expected"),
    [
        pytest.param(1, False, 4_096, id="never tiny"),
        pytest.param(3, False, 2 * (3 * 952 + 540), id="twice what is expected"),
        pytest.param(3, True, 4 * (3 * 952 + 540), id="generous: four times"),
        pytest.param(1_000, False, 128_000, id="never above the model's cap"),
    ],
)
def test_the_cap_of_a_link(units: int, generous: bool, expected: int):
    assert part_max_tokens(case().spec, find("claude-opus-5-5"), units, generous=generous) == expected


@pytest.mark.parametrize("units", [0, 1], ids=["a closing", "a unit"])
def test_a_generous_cap_is_twice_the_cap(units: int):
    spec, model = case().spec, find("claude-opus-5-5")
    assert part_max_tokens(spec, model, units, generous=True) == 2 * part_max_tokens(spec, model, units)


@pytest.mark.parametrize(
    ("model_id", "units", "expected"),
    [
        pytest.param("claude-haiku-4-5", 12, 4_096, id="never tiny"),
        pytest.param("claude-haiku-4-5", 40, 2 * 40 * 60, id="twice what is expected"),
        pytest.param("claude-haiku-4-5", 1_000, 64_000, id="never above the model's cap"),
    ],
)
def test_the_cap_of_a_link_that_plans(model_id: str, units: int, expected: int):
    spec = case(kind=Kind.SYNTHESIS, model=model_id).spec
    assert outline_max_tokens(spec, find(model_id), units) == expected


def test_a_model_that_thinks_gets_room_for_it_where_it_plans():
    of = case(kind=Kind.SYNTHESIS)
    share = thinking_share(of.model, of.spec.effort)
    assert share > 0
    assert outline_max_tokens(of.spec, of.model, 200) == 2 * round(200 * 60 * (1 + share))


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        pytest.param(1, 12, id="few sources: the norm"),
        pytest.param(20, 20, id="more sources than the norm"),
        pytest.param(500, 40, id="never more than forty"),
    ],
)
def test_the_model_plans_at_least_a_unit_a_source(sources: int, expected: int):
    assert planned_units(case(kind=Kind.SYNTHESIS).spec, sources) == expected


cases = st.builds(
    case,
    units=st.integers(1, 400),
    tokens=st.integers(1, 900_000),
    kind=st.sampled_from(Kind),
    model=st.sampled_from(sorted(MODELS)),
    path=st.sampled_from([PathChoice.AUTO, PathChoice.CHUNKED]),
    depth=st.sampled_from(Depth),
    effort=st.sampled_from(Effort),
    review=st.sampled_from(ReviewMode),
)


def estimates(plan: Plan) -> tuple[PathEstimate, PathEstimate]:
    return plan.single_pass, plan.chunked


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


def observed(of: Case, factor: float, count: int = 40) -> SizeLearner:
    """A learner of so many outputs like this one, that many times as long as structure says."""
    size = make_plan(of).size
    at = datetime(2026, 11, 1, tzinfo=UTC)
    learner = SizeLearner()
    for number in range(count):
        profile = Profile(
            kind=of.spec.kind,
            model=of.spec.model,
            depth=of.spec.depth,
            path=Path.SINGLE_PASS if number % 2 else Path.CHUNKED,
            prompt_version=PROMPT_VERSION,
            prior_tokens=size.expected_tokens,
            worst_tokens=size.upper_tokens,
            log_spread=size.log_spread,
            source_tokens=of.corpus.tokens.expected,
        )
        tokens = round(size.expected_tokens * factor * (1 + (number % 9 - 4) / 100))
        learner.add(Observation(at=at + timedelta(days=number), profile=profile, actual_tokens=tokens))
    return learner


def test_a_plan_sizes_by_what_finished_attempts_showed():
    of = case(**LARGE)
    plan = make_plan(replace(of, learner=observed(of, 0.5)))
    assert plan.size.basis == "learned from 40 finished attempts"
    assert plan.size.expected_tokens == pytest.approx(make_plan(of).size.expected_tokens / 2, rel=0.05)
    assert plan.single_pass.output_tokens == plan.size.expected_tokens
    assert plan.single_pass.upper_output_tokens == plan.size.upper_tokens
    assert plan.learned_until == datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=39)
    assert from_json(json.loads(json.dumps(to_json(plan)))) == plan


def test_an_output_takes_as_long_to_read_whichever_path_wrote_it():
    """Else a small learned difference in length would put the whole time of reading in dispute."""
    of = case(**LARGE, review=ReviewMode.ALWAYS)
    plan = make_plan(replace(of, learner=observed(of, 0.5)))
    assert plan.single_pass.output_tokens != plan.chunked.output_tokens
    assert plan.single_pass.review_usd == plan.chunked.review_usd
    assert "(a near tie)" not in plan.reasons[0]


def test_a_learner_without_attempts_changes_no_number():
    of = case(**LARGE)
    assert make_plan(replace(of, learner=SizeLearner())) == make_plan(of)


def test_what_was_learned_lets_a_single_pass_fit_that_structure_would_not():
    of = case(units=560, tokens=300_000)
    assert not make_plan(of).single_pass.feasible
    assert make_plan(replace(of, learner=observed(of, 0.6))).single_pass.feasible


def test_a_team_that_bears_more_risk_sends_a_larger_single_pass():
    of = case(units=250, tokens=300_000)
    chance = make_plan(of).single_pass.truncation_chance
    bold, timid = (replace(POLICY, risk_of_cut=chance + step) for step in (0.01, -0.01))
    assert make_plan(replace(of, policy=bold)).single_pass.feasible
    assert not make_plan(replace(of, policy=timid)).single_pass.feasible
    assert make_plan(replace(of, policy=bold)).assumptions["risk_of_cut"] == str(bold.risk_of_cut)


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


def test_only_two_possible_paths_have_a_gap():
    assert make_plan(case(model="claude-haiku-4-5")).relative_gap is None
    assert 0 < (make_plan(case(**LARGE)).relative_gap or 0) < 1
