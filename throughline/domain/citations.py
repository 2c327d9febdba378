"""Does the source say what the output quotes?

Verified means verbatim, whitespace and typography aside (`checks.folding` says what that is), and nothing
weaker: a changed digit still scores 99 % on fuzzy matchers, so similarity only says where to look, never that
it is right.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from throughline.domain.quoting.similar import near
from throughline.domain.quoting.texts import MOST_PLACES, Match, Shelf, Text, Words
from throughline.domain.quoting.verbatim import verbatim
from throughline.domain.source import Source

_MOST_SEED_WORDS = 3


class CitationStatus(StrEnum):
    """What the named source holds of a quote."""

    VERIFIED = "verified"
    ALTERED = "altered"
    MISSING = "missing"


class Citation(Protocol):
    """Anything that quotes a source by name."""

    @property
    def source(self) -> str: ...
    @property
    def quote(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedCitation:
    """A quote and what was found. `start` and `end` are characters of the named source's own text.

    `similarity` (0 to 100) compares the quote with that stretch. `found_in` names another source that
    holds the quote verbatim when the named one does not.
    """

    source: str
    quote: str
    status: CitationStatus
    start: int | None = None
    end: int | None = None
    similarity: float | None = None
    found_in: str | None = None


def check_citations(citations: Sequence[Citation], sources: Sequence[Source]) -> tuple[CheckedCitation, ...]:
    """Every citation checked, in the order given."""
    asked: dict[str, dict[str, None]] = defaultdict(dict)
    for citation in citations:
        if _says_something(citation.quote):
            asked[citation.source][citation.quote] = None
    shelf = Shelf(sources)
    found: dict[tuple[str, str], Match] = {}
    for source in sources:
        if source.name in asked:
            matches = _matches(shelf.text(source), shelf.quotes(asked[source.name], source))
            found.update(((source.name, quote), match) for quote, match in matches)
    holders = _holders(_lost(asked, found, sources), shelf)
    return tuple(
        _checked(citation, found.get((citation.source, citation.quote)), holders.get(citation.quote))
        for citation in citations
    )


def _says_something(quote: str) -> bool:
    """Whether it has a letter or a digit: punctuation alone stands in any text and supports nothing."""
    return any(map(str.isalnum, quote))


def _checked(citation: Citation, match: Match | None, holder: str | None) -> CheckedCitation:
    if match is None:
        return CheckedCitation(
            source=citation.source,
            quote=citation.quote,
            status=CitationStatus.MISSING,
            found_in=holder,
        )
    return CheckedCitation(
        source=citation.source,
        quote=citation.quote,
        status=CitationStatus.VERIFIED if match.verbatim else CitationStatus.ALTERED,
        start=match.start,
        end=match.end,
        similarity=match.similarity,
        found_in=None if match.verbatim else holder,
    )


def _lost(
    asked: dict[str, dict[str, None]], found: dict[tuple[str, str], Match], sources: Sequence[Source]
) -> tuple[str, ...]:
    """The quotes that a source was named for and does not hold verbatim, if another source may."""
    lost: dict[str, None] = {}
    for name, quotes in asked.items():
        if all(source.name == name for source in sources):
            continue
        for quote in quotes:
            match = found.get((name, quote))
            if match is None or not match.verbatim:
                lost[quote] = None
    return tuple(lost)


def _holders(lost: Sequence[str], shelf: Shelf) -> dict[str, str]:
    """For each lost quote that some source does hold verbatim: the name of the first."""
    holders: dict[str, str] = {}
    for source in shelf.sources if lost else ():
        text = shelf.text(source)
        left = (quote for quote in lost if quote not in holders)
        likely = tuple(quote for quote in shelf.quotes(left, source) if text.may_hold(quote))
        holders.update((quote.original, source.name) for quote, _ in verbatim(text, likely))
    return holders


def _matches(text: Text, quotes: Sequence[Words]) -> Iterator[tuple[str, Match]]:
    """The quotes that the text holds, verbatim or nearly."""
    rest = dict.fromkeys(quotes)
    for quote, at in verbatim(text, quotes):
        del rest[quote]
        start, end = text.original_span(at, at + len(quote.text))
        yield quote.original, Match(start=start, end=end, similarity=100.0, verbatim=True)
    text.positions(word for quote in rest for word in quote.words if text.count(word) <= MOST_PLACES)
    # Few changes leave three words together somewhere; many, or a short quote, leave pairs or single ones.
    for seed_words in range(_MOST_SEED_WORDS, 0, -1):
        for quote, match in near(text, tuple(rest), seed_words):
            del rest[quote]
            yield quote.original, match
