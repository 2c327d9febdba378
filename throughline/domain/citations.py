"""Does the source say what the output quotes?

Verified means verbatim, whitespace and the shape of quotation marks aside, and nothing weaker: a changed
digit still scores 99 % on fuzzy matchers, so similarity only says where to look, never that it is right.
"""

import itertools
import re
from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Protocol

from rapidfuzz import fuzz

from throughline.domain.source import Source


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
    quotes = {citation.quote: _Words(citation.quote) for citation in citations}
    asked: dict[str, dict[str, _Words]] = defaultdict(dict)
    for citation in citations:
        asked[citation.source][citation.quote] = quotes[citation.quote]
    found: dict[tuple[str, str], _Match] = {}
    for source in sources:
        if source.name in asked:
            matches = _matches(_Text(source.text), tuple(asked[source.name].values()))
            found.update(((source.name, quote), match) for quote, match in matches)
    holders = _holders(_lost(asked, found, sources), sources)
    return tuple(
        _checked(citation, found.get((citation.source, citation.quote)), holders.get(citation.quote))
        for citation in citations
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """Where a quote stands, or something like it, in the original text of a source."""

    start: int
    end: int
    similarity: float
    verbatim: bool


def _checked(citation: Citation, match: _Match | None, holder: str | None) -> CheckedCitation:
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
    asked: dict[str, dict[str, "_Words"]], found: dict[tuple[str, str], _Match], sources: Sequence[Source]
) -> tuple["_Words", ...]:
    """The quotes that a source was named for and does not hold verbatim, if another source may."""
    lost: dict[str, _Words] = {}
    for name, quotes in asked.items():
        if all(source.name == name for source in sources):
            continue
        for original, quote in quotes.items():
            match = found.get((name, original))
            if match is None or not match.verbatim:
                lost[original] = quote
    return tuple(lost.values())


_BETWEEN_SOURCES = "\n\0\n"  # no quote reaches across it


def _holders(lost: Sequence["_Words"], sources: Sequence[Source]) -> dict[str, str]:
    """For each lost quote that some source does hold verbatim: the name of the first."""
    if not lost:
        return {}
    everything = _Text(_BETWEEN_SOURCES.join(source.text for source in sources))
    lengths = (len(source.text) + len(_BETWEEN_SOURCES) for source in sources)
    starts = tuple(itertools.accumulate(lengths, initial=0))
    holders: dict[str, str] = {}
    for quote, at in _verbatim(everything, lost):
        start, _ = everything.original_span(at, at + len(quote.text))
        holders[quote.original] = sources[bisect_right(starts, start) - 1].name
    return holders


# --- texts and quotes, normalised -------------------------------------------------------------------

_SINGLE_QUOTES, _DOUBLE_QUOTES = "‘’‚‛", "“”„‟"
_GAP = re.compile(r"^\s+|\s{2,}")


def _words(text: str) -> list[str]:
    """The words between whitespace, typographic quotation marks made plain; one character stays one."""
    if not text.isascii():
        for mark in _SINGLE_QUOTES:
            text = text.replace(mark, "'")
        for mark in _DOUBLE_QUOTES:
            text = text.replace(mark, '"')
    return text.split()


class _Words:
    """Words joined by one space, and where each begins."""

    def __init__(self, original: str) -> None:
        self.original = original
        self.words = _words(original)
        self.text = " ".join(self.words)

    @cached_property
    def _letters_before(self) -> Sequence[int]:
        return array("q", itertools.accumulate(map(len, self.words), initial=0))

    def offset(self, word: int) -> int:
        """Where that word begins in the normalised text."""
        return self._letters_before[word] + word


class _Text(_Words):
    """A source, normalised, with the way back to its own characters."""

    @cached_property
    def _gaps(self) -> tuple[Sequence[int], Sequence[int]]:
        """Behind each run of whitespace that was shortened: the normalised offset, and what to add to it."""
        after, shift = array("q"), array("q")
        removed = 0
        for gap in _GAP.finditer(self.original):
            removed += len(gap[0]) - (gap.start() > 0)
            after.append(gap.end() - removed)
            shift.append(removed)
        return after, shift

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """A stretch of the normalised text, which neither begins nor ends with a space, in the original."""
        return self._original_offset(start), self._original_offset(end - 1) + 1

    def _original_offset(self, offset: int) -> int:
        after, shift = self._gaps
        gap = bisect_right(after, offset)
        return offset + (shift[gap - 1] if gap else 0)

    def occurrences(self, wanted: Iterable["_Seed"]) -> dict["_Seed", list[int]]:
        """At which words each seed begins; all seeds are found in one reading of the text."""
        found: dict[_Seed, list[int]] = {seed: [] for seed in wanted}
        for size in {len(seed) for seed in found}:
            shifted = (itertools.islice(self.words, skip, None) for skip in range(size))
            seeds = enumerate(zip(*shifted, strict=False))
            for position, seed in [(position, seed) for position, seed in seeds if seed in found]:
                found[seed].append(position)
        return found


# --- finding quotes ---------------------------------------------------------------------------------

# Some consecutive words that a quote shares with a text: cheap to look up, and rarely shared by chance.
_Seed = tuple[str, ...]
_SEED_WORDS = 3


def _matches(text: _Text, quotes: Sequence[_Words]) -> Iterator[tuple[str, _Match]]:
    """The quotes that the text holds, verbatim or nearly."""
    rest = dict.fromkeys(quotes)
    for quote, at in _verbatim(text, quotes):
        del rest[quote]
        start, end = text.original_span(at, at + len(quote.text))
        yield quote.original, _Match(start=start, end=end, similarity=100.0, verbatim=True)
    # Few changes leave three words together somewhere; many, or a short quote, leave pairs or single ones.
    for seed_words in range(_SEED_WORDS, 0, -1):
        for quote, match in _near(text, tuple(rest), seed_words):
            del rest[quote]
            yield quote.original, match


def _verbatim(text: _Text, quotes: Sequence[_Words]) -> Iterator[tuple[_Words, int]]:
    """Each quote that stands in the text word for word, with its offset in the normalised text."""
    seeds = {quote: _inner_seeds(quote) for quote in quotes if quote.text}
    occurrences = text.occurrences(seed for inner in seeds.values() for _, seed in inner)
    for quote, inner in seeds.items():
        starts = _find_all(text.text, quote.text)
        if inner:
            index, seed = min(inner, key=lambda item: len(occurrences[item[1]]))
            if len(occurrences[seed]) <= _MOST_PLACES:
                starts = [text.offset(position) - quote.offset(index) for position in occurrences[seed]]
        at = _first_whole(text.text, quote.text, starts)
        if at is not None:
            yield quote, at


def _inner_seeds(quote: _Words) -> list[tuple[int, _Seed]]:
    """Seeds without the quote's first and last word, which may lack punctuation that the text has."""
    inner = quote.words[1:-1]
    return _seeds(inner, min(_SEED_WORDS, max(len(inner), 1)), first=1)


def _seeds(words: Sequence[str], size: int, first: int = 0) -> list[tuple[int, _Seed]]:
    """Every run of that many words, with the index of its first one counted from `first`."""
    return [(first + index, tuple(words[index : index + size])) for index in range(len(words) - size + 1)]


# Only a made-up text repeats a quote, or half a word of it, more often than this.
_MOST_PLACES = 1_000


def _first_whole(text: str, quote: str, starts: Iterable[int]) -> int | None:
    for start in itertools.islice(starts, _MOST_PLACES):
        if start >= 0 and text.startswith(quote, start) and not _cuts_a_word(text, start, start + len(quote)):
            return start
    return None


def _find_all(text: str, quote: str) -> Iterator[int]:
    start = text.find(quote)
    while start >= 0:
        yield start
        start = text.find(quote, start + 1)


_SIGN_OR_DIGITS_BEFORE = re.compile(r"\d[.,]$|(?:^|[\s(])[-−+]$")
_DIGITS_AFTER = re.compile(r"[.,]\d")


def _cuts_a_word(text: str, start: int, end: int) -> bool:
    """Whether a quote begins or ends inside a word or a number: "5 %" is not what "15 %" says."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if _joins(before[-1:], text[start]) or _joins(text[end - 1], after[:1]):
        return True
    cuts_front = text[start].isdigit() and _SIGN_OR_DIGITS_BEFORE.search(before)
    cuts_back = text[end - 1].isdigit() and _DIGITS_AFTER.match(after)
    return bool(cuts_front or cuts_back)


def _joins(left: str, right: str) -> bool:
    """Whether two neighbours belong to one word. Scripts without case may write words without spaces."""
    return _is_word(left) and _is_word(right)


def _is_word(character: str) -> bool:
    return character.isdigit() or character == "_" or character.lower() != character.upper()


# --- near matches -----------------------------------------------------------------------------------

_LEAST_SIMILARITY = 80.0
# Aligning compares stretches of the quote's own length, so a word left out costs more there.
_LEAST_ALIGNED_SIMILARITY = 65.0
# Seeds found more often than this say too little about the place.
_MOST_SEED_PLACES = 200
_SEEDS_PER_QUOTE = 12
_PLACES_TRIED = 4
# Comparing is quadratic in the quote, and nobody quotes pages.
_LONGEST_COMPARED_CHARS = 1_500
_MOST_SLACK_WORDS = 12


def _near(text: _Text, quotes: Sequence[_Words], seed_words: int) -> Iterator[tuple[_Words, _Match]]:
    comparable = (quote for quote in quotes if len(quote.text) <= _LONGEST_COMPARED_CHARS)
    seeds = {quote: _seeds(quote.words, seed_words) for quote in comparable}
    occurrences = text.occurrences(seed for found in seeds.values() for _, seed in found)
    for quote, found in seeds.items():
        match = _most_similar(text, quote, _places(found, occurrences))
        if match is not None:
            yield quote, match


def _places(seeds: Iterable[tuple[int, _Seed]], occurrences: dict[_Seed, list[int]]) -> list[int]:
    """The words of the text where the quote most likely begins: where its rarest seeds agree."""
    useful = [(index, occurrences[seed]) for index, seed in seeds]
    useful = [(index, found) for index, found in useful if 0 < len(found) <= _MOST_SEED_PLACES]
    useful.sort(key=lambda item: len(item[1]))
    votes = Counter(position - index for index, found in useful[:_SEEDS_PER_QUOTE] for position in found)
    return [place for place, _ in votes.most_common(_PLACES_TRIED)]


def _most_similar(text: _Text, quote: _Words, places: Iterable[int]) -> _Match | None:
    """The stretch near one of those words which is most like the quote, when it is like it at all."""
    best_score, best_window, best_start = 0.0, (0, 0), 0
    for place in places:
        low, high = _window(text, quote, place)
        aligned = fuzz.partial_ratio_alignment(quote.text, text.text[low:high], score_cutoff=_LEAST_ALIGNED_SIMILARITY)
        if aligned is not None and aligned.score > best_score:
            best_score, best_window, best_start = aligned.score, (low, high), aligned.dest_start
    if not best_score:
        return None
    low, high = best_window
    start, end, similarity = _fitted(quote.text, text.text[low:high], best_start)
    if similarity < _LEAST_SIMILARITY:
        return None
    start, end = text.original_span(low + start, low + end)
    return _Match(start=start, end=end, similarity=similarity, verbatim=False)


def _window(text: _Text, quote: _Words, place: int) -> tuple[int, int]:
    """Where the quote would stand if it began at that word, with room for words put in or left out."""
    slack = min(2 + len(quote.words) // 4, _MOST_SLACK_WORDS)
    first = max(place - slack, 0)
    behind = min(place + len(quote.words) + slack, len(text.words))
    return text.offset(first), text.offset(behind) - 1


# Numbers are kept whole, with their sign: half a number would look like a match.
_TOKEN = re.compile(r"[-−+]?\w(?:[\w.,]*\w)?|[^\w\s]")


def _fitted(quote: str, window: str, near: int) -> tuple[int, int, float]:
    """The stretch of whole words that fits the quote best, looked for around the start of an alignment."""
    tokens = [token.span() for token in _TOKEN.finditer(window)]
    start = max(first for first, _ in tokens if first <= near)

    def ratio(span: tuple[int, int]) -> float:
        return fuzz.ratio(quote, window[slice(*span)])

    span = max(((start, end) for _, end in tokens if end > start), key=ratio)
    span = max(((first, span[1]) for first, _ in tokens if first < span[1]), key=ratio)
    span = max(((span[0], end) for _, end in tokens if end > span[0]), key=ratio)
    return *span, ratio(span)
