"""Sources and quotes, normalised so that they can be compared, with the way back to a source's own characters."""

import itertools
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from throughline.domain.checks.folding import Folded, Ranks
from throughline.domain.source import Format, Source

# Some consecutive words that a quote shares with a text: cheap to look up, and rarely shared by chance.
Seed = tuple[str, ...]

# Only a made-up text repeats a quote, or half a word of it, more often than this.
MOST_PLACES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Where a quote stands, or something like it, in the original text of a source."""

    start: int
    end: int
    similarity: float
    verbatim: bool


class Words:
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


class Text(Words):
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

    def may_hold(self, quote: Words) -> bool:
        """Whether the text has every word of the quote; its ends may be parts of longer ones."""
        return all(word in self._counts for word in quote.words[1:-1])

    def rarest(self, words: Sequence[str]) -> int:
        """The index of the word that the text has least often."""
        return min(range(len(words)), key=lambda index: self._counts[words[index]])

    def positions(self, wanted: Iterable[str]) -> dict[str, list[int]]:
        """At which words of the text each wanted word stands; all new ones are found in one reading."""
        new: dict[str, list[int]] = {w: [] for w in wanted if w in self._counts and w not in self._positions}
        if new:
            # Every word of the text comes by here: what runs in C takes half the time.
            for position in itertools.compress(range(len(self.words)), map(new.__contains__, self.words)):
                new[self.words[position]].append(position)
            self._positions |= new
        return self._positions

    def occurrences(self, wanted: Iterable["Seed"]) -> dict["Seed", list[int]]:
        """At which words each seed begins, looked for where its rarest word stands."""
        rarest = {seed: self.rarest(seed) for seed in wanted}
        rarest = {seed: at for seed, at in rarest.items() if self._counts[seed[at]] <= MOST_PLACES}
        positions = self.positions({seed[at] for seed, at in rarest.items()})
        return {
            seed: [
                position - at
                for position in positions.get(seed[at], ())
                if tuple(self.words[max(position - at, 0) : position - at + len(seed)]) == seed
            ]
            for seed, at in rarest.items()
        }


class Shelf:
    """The texts of the sources, each normalised once, and quotes normalised as a source of its kind is."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self._texts: dict[int, Text] = {}
        self._quotes: dict[tuple[str, bool], Words] = {}

    def text(self, source: Source) -> Text:
        """That source's text."""
        if id(source) not in self._texts:
            self._texts[id(source)] = Text(source.text, code=_is_code(source))
        return self._texts[id(source)]

    def quotes(self, quotes: Iterable[str], source: Source) -> tuple[Words, ...]:
        """Those quotes as they would stand in that source."""
        code = _is_code(source)
        return tuple(self._quote(quote, code=code) for quote in quotes)

    def _quote(self, quote: str, *, code: bool) -> Words:
        if (quote, code) not in self._quotes:
            self._quotes[quote, code] = Words(quote, code=code)
        return self._quotes[quote, code]


def _is_code(source: Source) -> bool:
    """Whether hyphens and backslashes mean what they say."""
    return source.format in {Format.CODE, Format.DIFF}
