"""A log replayed: read strictly, never looked ahead in, and decided better than by any rule without learning."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from benchmarks.worlds import KNOBS, TERMS, replay_log
from throughline.domain.job import Path
from throughline.domain.learning.replay import Decision, Row, read_rows, replay
from throughline.domain.learning.report import PolicyCost, RoutingReport
from throughline.errors import BadInput

LOG = replay_log(400, seed=1)
REPLAYED = replay(LOG, TERMS, KNOBS)
HEAD = "time,input_tokens,output_tokens,kind,truncated,user"


def test_rows_are_read_in_time_order_with_their_optional_columns():
    lines = [HEAD, "2026-01-02T10:00:00+00:00,10,20,chat,true,x", "2026-01-01,1,2,,,"]
    assert read_rows(lines) == [
        Row(at=datetime(2026, 1, 1, tzinfo=UTC), input_tokens=1, output_tokens=2),
        Row(at=datetime(2026, 1, 2, 10, tzinfo=UTC), input_tokens=10, output_tokens=20, kind="chat", truncated=True),
    ]


def test_the_three_columns_are_enough():
    assert read_rows(["time,input_tokens,output_tokens", "2026-01-01,1,2"])[0].kind == "any"


@pytest.mark.parametrize("line", ["yesterday,1,2", "2026-01-01,1,", "2026-01-01,1,-2", "2026-01-01,1"])
def test_a_line_that_cannot_be_read_is_named(line: str):
    with pytest.raises(BadInput, match=r"^Line 3 of the log cannot be read"):
        read_rows([HEAD, "2026-01-01,1,2", line])


@pytest.mark.parametrize("lines", [[], ["time,tokens", "2026-01-01,2"]])
def test_a_log_without_its_columns_is_refused(lines: list[str]):
    with pytest.raises(BadInput, match="has no column"):
        read_rows(lines)


def test_nothing_later_changes_a_decision():
    longer = [replace(row, output_tokens=row.output_tokens * 9) for row in LOG[60:70]]
    assert replay([*LOG[:60], *longer], TERMS, KNOBS).decisions[:60] == REPLAYED.decisions[:60]


def test_the_order_of_the_rows_given_does_not_matter():
    assert replay(LOG[:40][::-1], TERMS, KNOBS) == replay(LOG[:40], TERMS, KNOBS)


def test_the_bound_holds_on_rows_not_yet_seen():
    held = REPLAYED.sizes.overall
    assert held.share == pytest.approx(0.9, abs=0.03 + 2 * (0.09 / held.known) ** 0.5)


def longer(log: Sequence[Row], times: float) -> list[Row]:
    """The log with outputs so many times as long: at 3.5 every twelfth needs more than 300,000 tokens."""
    return [replace(row, output_tokens=round(row.output_tokens * times)) for row in log]


@cache
def by_default(times: float = 1) -> list[RoutingReport]:
    return [replay(longer(replay_log(400, seed), times), TERMS, KNOBS).routing for seed in range(4)]


def shares(found: Sequence[RoutingReport], policy: Callable[[RoutingReport], PolicyCost]) -> float:
    """The regret of one policy over several logs, against the better path each time."""
    return float(sum(policy(r).regret_usd for r in found) / sum(r.better_path_usd for r in found))


TIMES = [pytest.param(1, id="hardly any beyond 300K"), 2, pytest.param(3.5, id="many beyond 300K")]


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("seed", range(4))
def test_regret_is_at_most_five_percent_and_below_always_the_same_path(seed: int, times: float):
    routing = by_default(times)[seed]
    assert routing.router.regret_share <= 0.05
    assert routing.router.total_usd < min(routing.always_single.total_usd, routing.always_chunked.total_usd)


@pytest.mark.parametrize("times", TIMES)
def test_regret_is_below_each_of_the_three_baselines(times: float):
    """Over four logs: on one of them a lucky threshold may be as good as any rule."""
    router = shares(by_default(times), lambda r: r.router)
    assert router < shares(by_default(times), lambda r: r.always_single)
    assert router < shares(by_default(times), lambda r: r.always_chunked)
    assert router < shares(by_default(times), lambda r: r.threshold)


def test_the_router_beats_any_input_threshold_and_nearly_reaches_the_best_forecast_threshold_in_hindsight():
    """Hindsight knows the cold start too."""
    assert shares(by_default(), lambda r: r.router) < shares(by_default(), lambda r: r.best_input_threshold)
    best = shares(by_default(), lambda r: r.best_threshold)
    assert shares(by_default(), lambda r: r.router) <= best + 0.002


def singles(log: Sequence[Row], **changed: Any) -> list[Decision]:
    decisions = replay(log, TERMS, replace(KNOBS, **changed)).decisions
    return [decision for decision in decisions if decision.path is Path.SINGLE_PASS]


def test_cuts_stay_below_the_nominal_rate():
    """One in ten is nominal, by the level of the bound."""
    single = singles(LOG)
    assert sum(decision.cut for decision in single) < 0.1 * len(single)
    assert REPLAYED.lines[-1].endswith(f"of {len(single)}")


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


def test_an_output_that_is_likelier_cut_than_borne_goes_to_the_chain():
    ruled = [d for d in replay(longer(LOG[:100], 8), TERMS, KNOBS).decisions if d.path is not d.by_cost]
    assert ruled
    assert all(d.path is Path.CHUNKED and "one answer ends at 300,000" in d.reason for d in ruled)
    assert all(d.forecast.probability_over(300_000) > 0.94 for d in ruled)


def test_a_cut_single_pass_pays_for_the_rest_by_the_chain():
    terms = replace(TERMS, single_cap_tokens=10_000)
    whole = terms.total_usd(Path.SINGLE_PASS, 1_000, 10_000, KNOBS)
    cut = terms.total_usd(Path.SINGLE_PASS, 1_000, 14_000, KNOBS)
    rest = terms.total_usd(Path.CHUNKED, 1_000, 4_000, KNOBS)
    assert cut == pytest.approx(whole + rest)


def test_a_chain_over_the_whole_corpus_pays_for_reading_it_again():
    again = replace(TERMS, reread_share=Decimal("0.1"))
    extra = again.chunked_tokens_usd(100_000, 40_000) - TERMS.chunked_tokens_usd(100_000, 40_000)
    assert extra == Decimal("0.04")  # 100,000 tokens x 0.1 x 2 further links x $2 a million
