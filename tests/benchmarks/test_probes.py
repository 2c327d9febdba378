"""Why no plan buys a look at the outline before the path is chosen: at today's prices it is worth next to nothing."""

from decimal import Decimal

from benchmarks import probes
from throughline.domain.job import Depth, Kind


def test_looking_first_saves_less_than_a_thousandth_even_if_outlines_differ_widely_from_what_was_asked():
    found = probes.looks(0.5)
    assert sum(look.saving_usd for look in found) < 0.001 * sum(look.blind_usd for look in found)


def test_looking_first_pays_on_few_jobs_and_saves_little_there():
    paying = [look for look in probes.looks(0.3) if look.saving_usd]
    assert len(paying) < 0.02 * sum(1 for _ in probes.jobs())
    assert all(look.saving_usd < 0.01 for look in paying)


def test_looking_first_is_seen_to_pay_where_paths_are_near_and_outlines_wide():
    """A report of about the size where the paths cross, over few sources: the measure can tell."""
    job = probes.Job(
        kind=Kind.RESEARCH_REPORT,
        depth=Depth.STANDARD,
        model="claude-sonnet-5-5",
        corpus_tokens=5_000,
        waiting_usd_per_hour=Decimal("0.25"),
        asked_units=12,
    )
    found = probes.look(job, 0.5)
    assert found is not None
    assert 0 < found.saving_usd < float(job.look_usd(12))
