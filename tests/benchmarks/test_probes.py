"""Why no plan buys a look at the outline before the path is chosen: it is worth next to nothing."""

from decimal import Decimal

from benchmarks import probes
from throughline.domain.job import Depth, Kind


def test_with_the_spread_that_structure_states_no_look_is_ever_earned_back():
    found = probes.looks(None)
    assert len(found) > 800
    assert not any(each.saved_usd for each in found)


def test_with_sizes_that_vary_three_times_as_much_looks_save_less_than_a_thousandth_of_all_totals():
    found = probes.looks(1.0)
    assert sum(each.saved_usd for each in found) < Decimal("0.001") * sum(each.total_usd for each in found)
    assert sum(each.saved_usd > 0 for each in found) < 0.02 * len(found)


def test_a_look_is_seen_to_pay_where_paths_are_near_and_sizes_wide():
    """A report of about the size where the paths cross, over few sources: the measure can tell."""
    job = probes.Job(
        kind=Kind.RESEARCH_REPORT,
        depth=Depth.STANDARD,
        model="claude-sonnet-5-5",
        corpus_tokens=5_000,
        waiting_usd_per_hour=Decimal("0.25"),
        asked_units=12,
    )
    stated, wide = probes.look(job, None), probes.look(job, 0.7)
    assert stated is not None
    assert wide is not None
    assert stated.saved_usd == 0 < wide.saved_usd < wide.look.price_usd
