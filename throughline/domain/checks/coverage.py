"""From where in the sources do the verified quotes come? Long stretches without any were perhaps not read."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import log

from throughline.domain.checks.material import DECILES, Material
from throughline.domain.checks.result import Finding, Result, conclude, warning
from throughline.domain.source import Source, Span

_LEAST_QUOTES = 20  # of fewer, chance alone leaves gaps
_WIDEST_GAP = 4
_LEAST_CHARACTERS = 20_000


def check(material: Material) -> Result:
    """Large sources that are never quoted, or not over four tenths of their length, are warnings."""
    quoted = [quote.checked for quote in material.quotes if quote.verified]
    places: dict[str, list[int]] = {source.name: [] for source in material.corpus.sources}
    for quote in quoted:
        places[quote.source].append(quote.start or 0)
    by_source = {source.name: _tenths(source, places[source.name]) for source in material.corpus.sources}
    large = [source for source in material.corpus.sources if len(source.text) >= _LEAST_CHARACTERS]
    findings: list[Finding] = []
    if len(quoted) >= _LEAST_QUOTES:
        where = material.output.outline.unit_ids[0]
        findings += _unquoted([source for source in large if not any(by_source[source.name])], where)
        findings += (found for source in large if (found := _gap(source, by_source[source.name], where)) is not None)
    measures = {
        "sources": len(by_source),
        "sources_quoted": sum(any(tenths) for tenths in by_source.values()),
        "quotes_by_tenth_of_source": by_source,
        "evenness": {name: _evenness(tenths) for name, tenths in by_source.items()},
    }
    return conclude("coverage", findings, measures)


def _tenths(source: Source, places: list[int]) -> tuple[int, ...]:
    counts = Counter(place * DECILES // max(len(source.text), 1) for place in places)
    return tuple(counts[tenth] for tenth in range(DECILES))


def _evenness(tenths: tuple[int, ...]) -> float | None:
    """1 when every tenth is quoted alike, 0 when only one is (entropy over its highest value)."""
    total = sum(tenths)
    shares = [count / total for count in tenths if count]
    return round(-sum(share * log(share) for share in shares) / log(DECILES), 4) + 0.0 if total else None


_NAMED = 5


def _unquoted(sources: Sequence[Source], where: str) -> Iterator[Finding]:
    if sources:
        names = ", ".join(source.name for source in sources[:_NAMED])
        more = f" and {len(sources) - _NAMED} more" if len(sources) > _NAMED else ""
        yield warning(where, f"No verified quote comes from {names}{more}.")


def _gap(source: Source, tenths: tuple[int, ...], where: str) -> Finding | None:
    start, length = _longest_gap(tenths)
    if length < _WIDEST_GAP or sum(tenths) < _LEAST_QUOTES // 2:
        return None
    what = f"No verified quote comes from tenths {start + 1} to {start + length} of {source.name}."
    return warning(where, what, span=_stretch(source, start, start + length))


def _stretch(source: Source, first: int, behind: int) -> Span:
    tenth = len(source.text) / DECILES
    return Span(source=source.name, start=round(first * tenth), end=round(behind * tenth))


def _longest_gap(tenths: tuple[int, ...]) -> tuple[int, int]:
    """Where the longest run of tenths without a quote begins, and how long it is."""
    best = (0, 0)
    start = 0
    for position, count in enumerate((*tenths, 1)):
        if count:
            best = max(best, (start, position - start), key=lambda gap: gap[1])
            start = position + 1
    return best
