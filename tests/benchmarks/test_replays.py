"""Logs replayed: decided better than by any rule without learning, cut no more often than is borne."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from benchmarks.replays import POLICIES, longer, regret_share, replay_log, replays
from benchmarks.worlds import KNOBS, TERMS
from throughline.domain.job import Path
from throughline.domain.learning.logs import Row
from throughline.domain.learning.replay import Decision, Replay, replay
from throughline.domain.learning.report import RoutingReport

LOG = replay_log(400, seed=1)


@cache
def found(times: float = 1) -> list[Replay]:
    return replays(times)


def shares(times: float) -> dict[str, float]:
    """The regret of each policy over the four logs."""
    return {name: regret_share(by_default(times), policy) for name, policy in POLICIES.items()}


def by_default(times: float = 1) -> list[RoutingReport]:
    return [each.routing for each in found(times)]


def test_the_bound_holds_on_rows_not_yet_seen():
    for each in found():
        held = each.sizes.overall
        assert held.share == pytest.approx(0.9, abs=0.03 + 2 * (0.09 / held.known) ** 0.5)


TIMES = [pytest.param(1, id="hardly any beyond 300K"), 2, pytest.param(3.5, id="many beyond 300K")]


@pytest.mark.parametrize("times", [*TIMES, pytest.param(5, id="every sixth beyond 300K")])
@pytest.mark.parametrize("seed", range(4))
def test_regret_is_at_most_five_percent_and_below_always_the_same_path(seed: int, times: float):
    routing = by_default(times)[seed]
    assert routing.router.regret_share <= 0.05
    assert routing.router.total_usd < min(routing.always_single.total_usd, routing.always_chunked.total_usd)


@pytest.mark.parametrize("times", TIMES)
def test_regret_is_below_each_of_the_three_baselines(times: float):
    """Over four logs: on one of them a lucky threshold may be as good as any rule."""
    regret = shares(times)
    assert regret["router"] < min(regret[name] for name in ("always single", "always chain", "fixed 16,000"))


def test_the_router_beats_any_input_threshold_and_nearly_reaches_the_best_forecast_threshold_in_hindsight():
    """Hindsight knows the cold start too."""
    regret = shares(1)
    assert regret["router"] < regret_share(by_default(), lambda each: each.best_input_threshold)
    assert regret["router"] <= regret["best fixed, in hindsight"] + 0.002


def singles(log: Sequence[Row], **changed: Any) -> list[Decision]:
    decisions = replay(log, TERMS, replace(KNOBS, **changed)).decisions
    return [decision for decision in decisions if decision.path is Path.SINGLE_PASS]


def test_cuts_stay_below_the_nominal_rate():
    """One in ten is nominal, by the level of the bound."""
    for each in found():
        assert sum(decision.cut for decision in each.single_passes) < 0.1 * len(each.single_passes)


@pytest.mark.parametrize(
    "risk", [0.05, 0.1, 0.5, 0.95], ids=["careful", "the bound must fit", "likelier not", "hardly ever whole"]
)
def test_near_the_cap_cuts_stay_below_the_risk_that_is_borne(risk: float):
    """Each single chance is below it, so the rate is too: here as predicted, within its binomial error."""
    single = singles(longer(LOG, 3.5), risk_of_cut=risk)
    cuts = sum(decision.cut for decision in single)
    chances = [decision.forecast.probability_over(TERMS.single_cap_tokens) for decision in single]
    assert cuts < risk * len(single)
    assert cuts == pytest.approx(sum(chances), abs=2 * sum(p * (1 - p) for p in chances) ** 0.5 + 1)


def test_a_team_that_bears_no_cut_pays_for_it_in_needless_chains():
    long = longer(LOG, 3.5)
    careful, usual = (
        replay(long, TERMS, replace(KNOBS, risk_of_cut=risk)).routing.router.total_usd for risk in (0.1, 0.95)
    )
    assert usual < careful


def test_where_most_outputs_are_cut_the_refusal_of_likely_cuts_is_what_costs():
    """The rule buys whole answers. By cost alone, or with a higher risk borne, regret is small."""
    assert shares(8)["cost alone"] < 0.01
    bold = [replay(longer(replay_log(400, s), 8), TERMS, replace(KNOBS, risk_of_cut=0.99)).routing for s in range(4)]
    assert regret_share(bold, POLICIES["router"]) < 0.05
