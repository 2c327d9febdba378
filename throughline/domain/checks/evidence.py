"""Does every unit show what it rests on, from the stretch of the sources that it is about?"""

from collections.abc import Iterator

from throughline.domain.checks.material import Material, Quote
from throughline.domain.checks.result import Finding, Result, conclude, warning
from throughline.domain.outline import OutlineUnit
from throughline.domain.output import CodeReviewUnit, ResearchUnit, Unit


def check(material: Material) -> Result:
    """Units and claims without a quote, and quotes from outside their unit's own stretch, are warnings."""
    units = material.output.ordered
    bare = [finding for unit in units for finding in _bare(unit)]
    entries = {entry.id: entry for entry in material.output.outline.units}
    displaced = [
        warning(quote.where, _DISPLACED, part=quote.part)
        for quote in material.quotes
        if quote.verified and _is_displaced(quote, entries[quote.where])
    ]
    measures = {
        "units": len(units),
        "units_without_quotes": sum(not any(True for _ in unit.all_citations()) for unit in units),
        "quotes_outside_their_unit": len(displaced),
    }
    return conclude("evidence", (*bare, *displaced), measures)


def _bare(unit: Unit) -> Iterator[Finding]:
    # A file without a finding needs no quote: there is nothing to show.
    if not isinstance(unit, CodeReviewUnit) and not any(True for _ in unit.all_citations()):
        yield warning(unit.unit_id, "No quote supports this unit.")
    if isinstance(unit, ResearchUnit):
        for index, claim in enumerate(unit.claims):
            if not claim.evidence:
                yield warning(unit.unit_id, "No quote supports this claim.", part=f"claims[{index}]")


_DISPLACED = "The quote stands in its source, but outside the stretch that this unit is about."


def _is_displaced(quote: Quote, entry: OutlineUnit) -> bool:
    return not (_within_spans(quote, entry) if entry.spans else _within_sources(quote, entry))


def _within_spans(quote: Quote, entry: OutlineUnit) -> bool:
    """Whether the quote touches one of the unit's stretches.

    A quote that stands in several places is known by its first, so text repeated in a source may seem displaced.
    """
    start, end = quote.checked.start or 0, quote.checked.end or 0
    return any(span.source == quote.checked.source and start < span.end and end > span.start for span in entry.spans)


def _within_sources(quote: Quote, entry: OutlineUnit) -> bool:
    return not entry.sources or quote.checked.source in entry.sources
