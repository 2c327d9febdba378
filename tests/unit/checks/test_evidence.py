"""Claims have quotes, and quotes come from where the unit is about."""

from tests.unit.checks.support import check, output, quote, source, told, unit
from throughline.domain.outline import OutlineUnit
from throughline.domain.output import Claim, ResearchUnit
from throughline.domain.source import Span

FIRST, SECOND = "One two three four five.", "Six seven eight nine ten."
TEXT = source(f"{FIRST} {SECOND}")
OTHER = source(FIRST, "other.txt")


def about(*spans: Span, sources: tuple[str, ...] = ()):
    return [OutlineUnit(id="u001", heading="Heading 1", spans=spans, sources=sources)]


def test_a_claim_without_evidence_is_a_warning():
    claims = [
        Claim(claim="So.", strength="weak", evidence=[]),
        Claim(claim="So.", strength="weak", evidence=[quote("two three")]),
    ]
    research = ResearchUnit(unit_id="u001", heading="H", body="B.", citations=[], confidence=1, claims=claims)
    result = check("evidence", output(research), TEXT)
    assert [(finding.part, finding.what) for finding in result.findings] == [
        ("claims[0]", "No quote supports this claim.")
    ]


def test_a_quote_from_outside_the_units_stretch_is_a_warning():
    spans = about(Span(source=TEXT.name, start=0, end=len(FIRST)))
    out = output(unit("B.", 1, quote(FIRST), quote(SECOND), quote("invented")), outline=spans)
    result = check("evidence", out, TEXT)
    assert [finding.part for finding in result.findings] == ["citations[1]"]
    assert told(result)[0][1].startswith("The quote stands in its source, but outside the stretch")


def test_a_quote_from_a_source_that_the_outline_does_not_name_is_a_warning():
    out = output(unit("B.", 1, quote(SECOND), quote(FIRST, "other.txt")), outline=about(sources=(TEXT.name,)))
    assert [finding.part for finding in check("evidence", out, TEXT, OTHER).findings] == ["citations[1]"]
