"""Does the source say what the output quotes?

Verified means verbatim, whitespace and typography aside (`checks.folding` says what that is), and nothing
weaker: a changed digit still scores 99 % on fuzzy matchers, so similarity only says where to look, never that
it is right.
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

from throughline.domain.checks.folding import DASHES, Folded, Ranks, same_hyphens
from throughline.domain.source import Format, Source


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
    shelf = _Shelf(sources)
    found: dict[tuple[str, str], _Match] = {}
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
    asked: dict[str, dict[str, None]], found: dict[tuple[str, str], _Match], sources: Sequence[Source]
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


def _holders(lost: Sequence[str], shelf: "_Shelf") -> dict[str, str]:
    """For each lost quote that some source does hold verbatim: the name of the first."""
    holders: dict[str, str] = {}
    for source in shelf.sources if lost else ():
        text = shelf.text(source)
        left = (quote for quote in lost if quote not in holders)
        likely = tuple(quote for quote in shelf.quotes(left, source) if text.may_hold(quote))
        holders.update((quote.original, source.name) for quote, _ in _verbatim(text, likely))
    return holders


# --- texts and quotes, normalised -------------------------------------------------------------------


class _Words:
    """Folded words joined by one space, and where each begins."""

    def __init__(self, original: str, *, code: bool) -> None:
        self.original = original
        self.folded = Folded(original, code=code)
        self.words = self.folded.text.split()
        self.text = " ".join(self.words)

    @cached_property
    def _letters_before(self) -> Sequence[int]:
        return array("q", itertools.accumulate(map(len, self.words), initial=0))

    def offset(self, word: int) -> int:
        """Where that word begins in the normalised text."""
        return self._letters_before[word] + word

    def word_at(self, offset: int) -> int:
        """The word that the character at that offset belongs to."""
        return bisect_right(range(len(self.words)), offset, key=self.offset) - 1


class _Text(_Words):
    """A source, normalised, with the way back to its own characters."""

    def __init__(self, original: str, *, code: bool) -> None:
        super().__init__(original, code=code)
        self.code = code
        self._positions: dict[str, list[int]] = {}
        self._spans: dict[tuple[int, int], tuple[int, int]] = {}

    @cached_property
    def _ranks(self) -> Ranks:
        return Ranks(self.folded.text)

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """A stretch of the normalised text, which neither begins nor ends with a space, in the original."""
        if (start, end) not in self._spans:
            self._spans[start, end] = self._original_span(start, end)
        return self._spans[start, end]

    def _original_span(self, start: int, end: int) -> tuple[int, int]:
        first = self._ranks.offset(start - self.word_at(start))
        last = self._ranks.offset(end - 1 - self.word_at(end - 1))
        return self.folded.original_start(first), self.folded.original_end(last + 1)

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(self.words)

    def count(self, word: str) -> int:
        """How often the text has that word."""
        return self._counts[word]

    def may_hold(self, quote: _Words) -> bool:
        """Whether the text has every word of the quote; its ends may be parts of longer ones."""
        return all(word in self._counts for word in quote.words[1:-1])

    def rarest(self, words: Sequence[str]) -> int:
        """The index of the word that the text has least often."""
        return min(range(len(words)), key=lambda index: self._counts[words[index]])

    def positions(self, wanted: Iterable[str]) -> dict[str, list[int]]:
        """At which words of the text each wanted word stands; all new ones are found in one reading."""
        new: dict[str, list[int]] = {w: [] for w in wanted if w in self._counts and w not in self._positions}
        if new:
            for position, word in [(position, word) for position, word in enumerate(self.words) if word in new]:
                new[word].append(position)
            self._positions |= new
        return self._positions

    def occurrences(self, wanted: Iterable["_Seed"]) -> dict["_Seed", list[int]]:
        """At which words each seed begins, looked for where its rarest word stands."""
        rarest = {seed: self.rarest(seed) for seed in wanted}
        rarest = {seed: at for seed, at in rarest.items() if self._counts[seed[at]] <= _MOST_PLACES}
        positions = self.positions({seed[at] for seed, at in rarest.items()})
        return {
            seed: [
                position - at
                for position in positions.get(seed[at], ())
                if tuple(self.words[max(position - at, 0) : position - at + len(seed)]) == seed
            ]
            for seed, at in rarest.items()
        }


class _Shelf:
    """The texts of the sources, each normalised once, and quotes normalised as a source of its kind is."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self._texts: dict[int, _Text] = {}
        self._quotes: dict[tuple[str, bool], _Words] = {}

    def text(self, source: Source) -> _Text:
        """That source's text."""
        if id(source) not in self._texts:
            self._texts[id(source)] = _Text(source.text, code=_is_code(source))
        return self._texts[id(source)]

    def quotes(self, quotes: Iterable[str], source: Source) -> tuple[_Words, ...]:
        """Those quotes as they would stand in that source."""
        code = _is_code(source)
        return tuple(self._quote(quote, code=code) for quote in quotes)

    def _quote(self, quote: str, *, code: bool) -> _Words:
        if (quote, code) not in self._quotes:
            self._quotes[quote, code] = _Words(quote, code=code)
        return self._quotes[quote, code]


def _is_code(source: Source) -> bool:
    """Whether hyphens and backslashes mean what they say."""
    return source.format in {Format.CODE, Format.DIFF}


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
    text.positions(word for quote in rest for word in quote.words if text.count(word) <= _MOST_PLACES)
    # Few changes leave three words together somewhere; many, or a short quote, leave pairs or single ones.
    for seed_words in range(_SEED_WORDS, 0, -1):
        for quote, match in _near(text, tuple(rest), seed_words):
            del rest[quote]
            yield quote.original, match


def _verbatim(text: _Text, quotes: Sequence[_Words]) -> Iterator[tuple[_Words, int]]:
    """Each quote that stands in the text word for word, with its offset in the normalised text."""
    # A quote's first and last word may lack punctuation that the text has.
    rarest = {quote: 1 + text.rarest(quote.words[1:-1]) for quote in quotes if len(quote.words) > 2}
    positions = text.positions({quote.words[at] for quote, at in rarest.items()})
    for quote in quotes:
        starts = _find_all(text.text, quote.text) if quote.text else ()
        if quote in rarest:
            word = quote.words[rarest[quote]]
            if text.count(word) <= _MOST_PLACES:
                before = quote.offset(rarest[quote])
                starts = [text.offset(position) - before for position in positions.get(word, ())]
        at = _first_whole(text, quote, starts)
        if at is not None:
            yield quote, at


def _seeds(words: Sequence[str], size: int) -> list[tuple[int, _Seed]]:
    """Every run of that many words, with the index of its first one."""
    return [(index, tuple(words[index : index + size])) for index in range(len(words) - size + 1)]


# Only a made-up text repeats a quote, or half a word of it, more often than this.
_MOST_PLACES = 1_000


def _first_whole(text: _Text, quote: _Words, starts: Iterable[int]) -> int | None:
    for start in itertools.islice(starts, _MOST_PLACES):
        if start >= 0 and text.text.startswith(quote.text, start) and _says(text, quote, start):
            return start
    return None


def _says(text: _Text, quote: _Words, start: int) -> bool:
    """Whether the words found there are whole and hyphenated as in the quote."""
    end = start + len(quote.text)
    if _cuts_a_word(text.text, start, end) and (text.code or not _hyphens_part(text, start, end)):
        return False
    if text.code or ("-" not in text.original and "-" not in quote.original):
        return True
    original_start, original_end = text.original_span(start, end)
    return same_hyphens(quote.original, text.original[original_start:original_end])


def _hyphens_part(text: _Text, start: int, end: int) -> bool:
    """Whether it is a hyphen that parts the quote from its neighbours, as in "high-level" for "level".

    Folding drops such hyphens; those at a line's end only divide a word.
    """
    first, last = text.original_span(start, end)
    before, after = text.original[max(0, first - 2) : first], text.original[last : last + 2]
    joined_before = _joins(text.text[start - 1 : start], text.text[start]) and before[-1:] not in _HYPHENS
    joined_after = _joins(text.text[end - 1], text.text[end : end + 1]) and not (
        after[:1] in _HYPHENS and not after[1:].isspace()
    )
    numbers = _cuts_a_number(text.text, start, end)
    return not (joined_before or joined_after or numbers)


def _find_all(text: str, quote: str) -> Iterator[int]:
    start = text.find(quote)
    while start >= 0:
        yield start
        start = text.find(quote, start + 1)


_SIGN_OR_DIGITS_BEFORE = re.compile(r"\d[.,]$|(?:^|[\s(])[-−+]$")
_DIGITS_AFTER = re.compile(r"[.,]\d")
_HYPHENS = frozenset(DASHES)


def _cuts_a_word(text: str, start: int, end: int) -> bool:
    """Whether a quote begins or ends inside a word or a number: "5 %" is not what "15 %" says."""
    if _joins(text[start - 1 : start], text[start]) or _joins(text[end - 1], text[end : end + 1]):
        return True
    return _cuts_a_number(text, start, end)


def _cuts_a_number(text: str, start: int, end: int) -> bool:
    cuts_front = text[start].isdigit() and _SIGN_OR_DIGITS_BEFORE.search(text[max(0, start - 2) : start])
    cuts_back = text[end - 1].isdigit() and _DIGITS_AFTER.match(text, end)
    return bool(cuts_front or cuts_back)


def _joins(left: str, right: str) -> bool:
    """Whether two neighbours belong to one word. Scripts without case may write words without spaces."""
    return _is_word(left) and _is_word(right)


def _is_word(character: str) -> bool:
    return character.isdigit() or character == "_" or character.lower() != character.upper()


# --- near matches -----------------------------------------------------------------------------------

_LEAST_SIMILARITY = 80.0
_MOST_SIMILAR = 99.9  # the words agree and their hyphens do not
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
    useful = [(index, occurrences.get(seed, [])) for index, seed in seeds]
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
    return _Match(start=start, end=end, similarity=min(similarity, _MOST_SIMILAR), verbatim=False)


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
