"""The figures about forecasts and choices, with what can be said at their number."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from benchmarks import worlds
from throughline.domain.job import Path
from throughline.domain.learning.report import (
    BothKnown,
    Trial,
    coverage,
    pinball,
    plan_against_actual,
    routing_report,
    size_report,
    trial,
    wilson,
)
from throughline.domain.learning.tables import against_lines, routing_lines, size_lines

HELD = Trial(
    at=datetime(2026, 1, 1, tzinfo=UTC),
    kind="summary",
    size_class=1,
    likely_tokens=8_000,
    upper_tokens=12_000,
    worst_tokens=16_000,
    bounded=True,
    actual_tokens=9_000,
    censored=False,
)
MISSED = replace(HELD, actual_tokens=13_000)
CUT = replace(HELD, censored=True)


def test_wilson_gives_the_published_interval():
    assert wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=0.0005)  # Brown, Cai and DasGupta 2001
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_cut_below_the_bound_is_unknown_and_one_above_is_a_miss():
    found = coverage("all", [HELD, HELD, MISSED, CUT, replace(MISSED, censored=True)])
    assert (found.known, found.held, found.unknown, found.share) == (4, 2, 1, 0.5)


def test_without_known_outcomes_nothing_is_claimed():
    found = coverage("all", [CUT])
    assert math.isnan(found.share)
    assert (found.low, found.high) == (0.0, 1.0)


def test_the_pinball_loss_is_least_at_the_quantile():
    sizes = [float(size) for size in range(1, 100)]
    losses = {bound: sum(pinball(size, bound) for size in sizes) for bound in (80.0, 89.5, 95.0)}
    assert min(losses, key=lambda bound: losses[bound]) == 89.5


def test_the_report_tells_groups_and_time_apart_and_counts_jobs_without_a_bound():
    later = [replace(HELD, at=HELD.at + timedelta(days=9), kind="synthesis", size_class=3)] * 30
    report = size_report([replace(HELD, bounded=False)] * 9 + [HELD] * 40 + [MISSED] * 5 + [CUT] + later)
    assert report.no_bound_yet == 9
    assert {row.name: row.known for row in report.by_kind} == {"summary": 45, "synthesis": 30}
    assert {row.name: row.known for row in report.by_size_class} == {"4K to 16K": 45, "64K and more": 30}
    assert [row.name for row in report.by_size_class] == ["4K to 16K", "64K and more"]
    assert [row.name for row in report.over_time] == ["2026-01-01 00:00, 50 jobs", "2026-01-10 00:00, 26 jobs"]
    assert (report.width, report.worst_width) == (1.5, 2.0)
    assert report.pinball_loss < report.worst_pinball_loss


def test_a_long_history_is_told_in_twenty_stretches_at_most():
    report = size_report([HELD] * 2_001)
    assert [row.known for row in report.over_time] == [101] * 19 + [82]


def test_one_job_is_named_as_one():
    report = size_report([HELD, replace(HELD, bounded=False)])
    assert report.over_time[0].name == "2026-01-01 00:00, 1 job"
    assert "no bound yet: 1 job" in size_lines(report)


def test_a_report_on_nothing_says_so():
    report = size_report([])
    assert math.isnan(report.width)
    assert math.isnan(report.pinball_loss)
    assert size_lines(report) == ["no bound yet: 0 jobs"]


def test_where_all_outputs_were_cut_the_table_says_that_nothing_is_known():
    lines = size_lines(size_report([CUT]))
    assert lines[1].split() == ["overall", "0", "of", "0", "-", "0.0%", "to", "100.0%", "1"]
    assert "pinball loss (log): not known, all outputs were cut" in lines


def test_a_trial_keeps_what_was_forecast():
    outcome = worlds.outcomes("light tails", 12, 0)[-1]
    found = trial(outcome.forecast, outcome.observation)
    assert (found.upper_tokens, found.actual_tokens) == (outcome.forecast.upper_tokens, outcome.true_tokens)


def test_plans_are_held_against_what_became_of_them():
    found = plan_against_actual("cost", [(1.0, 2.0), (2.0, 2.0), (3.0, 3.0), (0.0, 9.0)])
    assert (found.jobs, found.ratio, found.total_ratio) == (3, 1.0, pytest.approx(7 / 6))
    nothing = plan_against_actual("minutes", [])
    assert math.isnan(nothing.total_ratio)
    assert against_lines([found, nothing]) == [
        "cost: actual / planned 1.00 (median of 3), 1.17 in all",
        "minutes: not known yet",
    ]


def known(tokens: int, single: int, chunked: int, chosen: Path, weight: int = 1) -> BothKnown:
    return BothKnown(
        chosen=chosen,
        by_cost=Path.SINGLE_PASS if single < chunked else Path.CHUNKED,
        source_tokens=100_000 - tokens,
        expected_tokens=tokens,
        single_usd=Decimal(single),
        chunked_usd=Decimal(chunked),
        weight=Decimal(weight),
    )


JOBS = [
    known(1_000, 5, 1, Path.CHUNKED),
    known(2_000, 5, 2, Path.SINGLE_PASS),
    known(2_000, 4, 3, Path.CHUNKED),
    known(9_000, 4, 8, Path.SINGLE_PASS, weight=2),
]


def test_regret_is_measured_against_the_better_path_of_each_job():
    report = routing_report(JOBS, threshold_tokens=1_500)
    assert report.better_path_usd == 14
    assert (report.router.total_usd, report.router.regret_usd, report.wrong_choices) == (17, 3, 1)
    assert report.router.regret_share == pytest.approx(3 / 14)
    assert report.router_by_cost.regret_usd == 0
    assert (report.always_single.total_usd, report.always_chunked.total_usd) == (22, 22)
    assert report.threshold.total_usd == 1 + 5 + 4 + 8


def test_the_best_threshold_in_hindsight_splits_no_tie():
    report = routing_report(JOBS, threshold_tokens=1_500)
    assert report.best_threshold.name == "best in hindsight from 2,001 tokens"
    assert report.best_threshold.regret_usd == 0
    assert report.best_input_threshold.total_usd == 22  # the inputs run the other way: no threshold helps


def test_without_jobs_there_is_no_regret():
    report = routing_report([], threshold_tokens=1)
    assert report.router.regret_share == 0
    assert routing_lines(report)[-1] == "the better path each time: $0.0000; wrong choices: 0"
