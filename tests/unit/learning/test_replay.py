"""A log replayed: never looked ahead in, and reported on as far as it can be known."""

from dataclasses import replace
from datetime import timedelta

import pytest

from benchmarks.replays import longer, replay_log
from benchmarks.worlds import BEGIN, KNOBS, TERMS
from throughline.domain.job import Path
from throughline.domain.learning.logs import Row
from throughline.domain.learning.replay import replay

LOG = replay_log(70, seed=1)
REPLAYED = replay(LOG, TERMS, KNOBS)


def test_nothing_later_changes_a_decision():
    later = longer(LOG[60:], 9)
    assert replay([*LOG[:60], *later], TERMS, KNOBS).decisions[:60] == REPLAYED.decisions[:60]


def test_the_order_of_the_rows_given_does_not_matter():
    assert replay(LOG[::-1], TERMS, KNOBS) == REPLAYED


def test_an_output_that_is_likelier_cut_than_borne_goes_to_the_chain():
    ruled = [d for d in replay(longer(LOG, 8), TERMS, KNOBS).decisions if d.path is not d.by_cost]
    assert ruled
    assert all(d.path is Path.CHUNKED and "one answer ends at 300,000" in d.reason for d in ruled)
    assert all(d.forecast.probability_over(300_000) > 0.94 for d in ruled)


def test_what_was_planned_for_the_chosen_path_is_held_against_what_it_would_have_taken():
    cost, time = REPLAYED.against_plan
    assert (cost.quantity, cost.jobs, time.quantity, time.jobs) == ("cost", 70, "time", 70)
    planned = sum(decision.planned.tokens_usd for decision in REPLAYED.decisions)
    actual = sum(TERMS.spent(d.path, d.row.input_tokens, d.row.output_tokens).tokens_usd for d in REPLAYED.decisions)
    assert cost.total_ratio == pytest.approx(float(actual / planned))
    assert any(line.startswith("time: actual / planned") for line in REPLAYED.lines)


CUT = [replace(row, truncated=place % 7 == 0) for place, row in enumerate(LOG)]


def test_a_row_that_was_cut_in_the_log_counts_for_the_bounds_alone():
    """What it would have cost is not known."""
    found = replay(CUT, TERMS, KNOBS)
    assert found.cut_in_log == 10
    assert (found.routing.jobs, found.against_plan[0].jobs) == (60, 60)
    assert not any(decision.row.truncated for decision in found.single_passes)
    sizes = found.sizes
    assert sizes.overall.known + sizes.overall.unknown + sizes.no_bound_yet == 70
    assert found.lines[-1] == "cut in the log, so known only as a least length: 10"


def test_a_log_of_whole_answers_says_nothing_of_cuts():
    assert REPLAYED.lines[-1] == f"single passes that would have been cut: 0 of {len(REPLAYED.single_passes)}"


def alike(*, truncated: bool) -> list[Row]:
    """Rows that end at 10,000 tokens, half of them cut there or whole."""
    return [
        Row(
            at=BEGIN + timedelta(hours=place),
            input_tokens=1_000,
            output_tokens=10_000 if place % 2 else 6_000,
            truncated=truncated and place % 2 == 1,
        )
        for place in range(40)
    ]


def test_a_cut_row_is_never_taken_at_its_cap():
    """Neither what is usual nor what is learned stops there: what comes next is expected longer, the bound beyond."""
    whole, cut = (replay(alike(truncated=each), TERMS, KNOBS).decisions[-1].forecast for each in (False, True))
    assert cut.likely_tokens > 1.2 * whole.likely_tokens
    assert cut.upper_tokens > 1.2 * whole.upper_tokens
