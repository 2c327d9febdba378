"""Does every quote stand in its source, word for word; and if not, what became of it?"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from throughline.domain.checks.difference import Change, difference, is_negation
from throughline.domain.checks.material import DECILES, Material, Quote
from throughline.domain.checks.result import Finding, Result, conclude, error, warning
from throughline.domain.citations import CheckedCitation, CitationStatus, check_citations
from throughline.domain.output import Citation
from throughline.domain.source import Format, Span

_SHOWN_CHARACTERS = 80
_LOOKED_BACK = 40
_LAST_WORD = re.compile(r"([\w'’]+)[\s\"“‘(*_`]+$")


def check(material: Material) -> Result:
    """An altered quote is an error with its differences, a missing one with the place where it was found.

    A verified one that begins right behind a negation is a warning: its words stand there, and are denied.
    """
    wrong = [quote for quote in material.quotes if not quote.verified]
    joined = _joined(wrong, material)
    counts = Counter(quote.checked.status.value for quote in material.quotes)
    measures = {
        **{status.value: counts[status.value] for status in CitationStatus},
        "verified_share_by_decile": verified_by_decile(material),
    }
    findings = [_finding(quote, joined.get(quote, 0), material) for quote in wrong]
    return conclude("citations", [*findings, *_denied(material)], measures)


def verified_by_decile(material: Material) -> tuple[float | None, ...]:
    """The share of verified quotes in each tenth of the output; None where nothing is quoted."""
    all_quotes, verified = [0] * DECILES, [0] * DECILES
    for quote in material.quotes:
        all_quotes[material.decile(quote.where)] += 1
        verified[material.decile(quote.where)] += quote.verified
    return tuple(round(good / of, 4) if of else None for good, of in zip(verified, all_quotes, strict=True))


def _finding(quote: Quote, joined: int, material: Material) -> Finding:
    checked = quote.checked
    if checked.start is None:
        return error(quote.where, _missing(quote, joined, material), part=quote.part)
    span = _span(checked)
    stretch = material.corpus.by_name[checked.source].text[span.start : span.end]
    diff = difference(stretch, checked.quote)
    what = f"Joins {joined} passages that stand apart in {checked.source}." if joined else _altered(diff, quote)
    return error(quote.where, what, part=quote.part, span=span, diff=diff)


def _denied(material: Material) -> Iterator[Finding]:
    for quote in material.quotes:
        checked = quote.checked
        source = material.corpus.by_name.get(checked.source)
        if source is None or source.format is Format.CODE or not quote.verified or checked.start is None:
            continue  # in code `not` and `except` are no words of a sentence
        last = _LAST_WORD.search(source.text[max(0, checked.start - _LOOKED_BACK) : checked.start])
        if last and is_negation(last[1]):
            what = f'Leaves out the "{last[1]}" that {checked.source} has right before these words.'
            yield warning(quote.where, what, part=quote.part, span=_span(checked, before=len(last[0])))


def _span(checked: CheckedCitation, *, before: int = 0) -> Span:
    assert checked.start is not None, "only a quote that was found has a place"
    assert checked.end is not None, "as above"
    return Span(source=checked.source, start=checked.start - before, end=checked.end)


def _altered(diff: Sequence[Change], quote: Quote) -> str:
    marks = sorted({mark for change in diff for mark in change.marks})
    kinds = {"digits": "a number", "negation": "a negation", "name": "a name", "unit": "a unit"}
    changed = " and ".join(kinds[mark] for mark in marks) or "words"
    first = f": {_short(str(next((c for c in diff if c.marks), diff[0])))}" if diff else ""
    elsewhere = f"; {quote.checked.found_in} has it verbatim" if quote.checked.found_in else ""
    return f"Differs from {quote.checked.source} in {changed}{first}{elsewhere}."


def _missing(quote: Quote, joined: int, material: Material) -> str:
    checked = quote.checked
    if not any(map(str.isalnum, checked.quote)):
        return "The quote has no words."
    if joined:
        return f"Joins {joined} passages that stand apart in {checked.source}."
    if checked.found_in:
        return f"{checked.source} does not hold this quote; {checked.found_in} does."
    if checked.source not in material.corpus.by_name:
        return f"The job has no source {_short(checked.source)!r}, and no other source holds the quote."
    return f'No source holds "{_short(checked.quote)}".'


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _SHOWN_CHARACTERS else words[: _SHOWN_CHARACTERS - 1] + "…"


# --- quotes made of several -------------------------------------------------------------------------

# White space is looked at from its beginning only: a quote may hold pages of it.
_JOINT = re.compile(r"(?:(?<!\s)\s+)?(?:\[?(?:\.\s?\.\s?\.|…)\]?)\s*|(?<=[.!?;:])\s+")
_LEAST_WORDS = 3


def _joined(quotes: Sequence[Quote], material: Material) -> dict[Quote, int]:
    """For each quote made of pieces that its source does hold: how many there are."""
    pieces = {quote: [piece for piece in _JOINT.split(quote.checked.quote) if piece.strip()] for quote in quotes}
    pieces = {
        quote: found
        for quote, found in pieces.items()
        if len(found) > 1 and all(len(piece.split()) >= _LEAST_WORDS for piece in found)
    }
    asked = [Citation(source=quote.checked.source, quote=piece) for quote in pieces for piece in pieces[quote]]
    if not asked:
        return {}
    results = iter(check_citations(asked, material.corpus.sources))
    counts: dict[Quote, int] = {}
    for quote, found in pieces.items():
        held = [next(results).status is CitationStatus.VERIFIED for _ in found]
        if all(held):
            counts[quote] = len(found)
    return counts
