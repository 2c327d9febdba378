"""The sources as the checks ask about them: their words, their numbers, and where both stand.

Everything is computed when first asked for and kept, so that many checks, or the checks of two outputs of
one job, read each source once.
"""

import re
from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import compress

from throughline.domain.checks.figures import figure_at
from throughline.domain.checks.folding import Folded
from throughline.domain.source import Source, Span

WORD = re.compile(r"\d+(?:[.,:]\d+)+|\w+(?:['’]\w+)?")
"""Numbers whole, contractions whole, identifiers whole."""
_DIVIDED = re.compile(r"\b([^\W\d_]+)-[ \t]*\n\s*([^\W\d_]+)")


def words(text: str) -> list[str]:
    """The words of a folded text as they are compared: case aside."""
    return [word.lower() for word in WORD.findall(text)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A number in a source: the character where it stands in the folded text, and its unit."""

    offset: int
    unit: str | None


class IndexedSource:
    """One source, folded, with its words and numbers."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.folded = Folded(source.text, hyphens=True)
        self.text = self.folded.text

    @cached_property
    def words(self) -> list[str]:
        """The words in order, in lower case."""
        return words(self.text)

    @cached_property
    def starts(self) -> Sequence[int]:
        """Where each word begins in the folded text."""
        return array("q", (word.start() for word in WORD.finditer(self.text)))

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each word occurs."""
        return Counter(self.words)

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every word once; one that a line's end divides also in one piece."""
        return frozenset(self.counts).union(found[1] + found[2] for found in _DIVIDED.finditer(self.text.lower()))

    @cached_property
    def numbers(self) -> dict[str, list[Place]]:
        """Where each number stands, in rising order."""
        found: dict[str, list[Place]] = defaultdict(list)
        behind = 0
        for word, start in zip(self.words, self.starts, strict=True):
            figure = figure_at(self.text, word, start) if start >= behind else None
            if figure is not None:
                found[figure.value].append(Place(offset=start, unit=figure.unit))
                behind = figure.end
        return dict(found)

    def span(self, first: int, behind: int) -> Span:
        """The stretch of words from `first` up to, not including, `behind`, in the original text."""
        start, last = self.starts[first], self.starts[behind - 1]
        end = last + len(self.words[behind - 1])
        return Span(
            source=self.source.name,
            start=self.folded.original_start(start),
            end=self.folded.original_end(end),
        )

    def line(self, offset: int) -> tuple[int, int]:
        """The line of the folded text that holds this character."""
        end = self.text.find("\n", offset)
        return self.text.rfind("\n", 0, offset) + 1, len(self.text) if end < 0 else end

    def numbers_between(self, value: str, start: int, end: int) -> Iterator[Place]:
        """Where that number stands within those characters."""
        places = self.numbers.get(value, [])
        for place in places[bisect_left(places, start, key=lambda place: place.offset) :]:
            if place.offset >= end:
                return
            yield place


class Corpus:
    """All sources of a job."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = tuple(sources)

    @cached_property
    def indexed(self) -> tuple[IndexedSource, ...]:
        """The sources with their indexes."""
        return tuple(IndexedSource(source) for source in self.sources)

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every word of every source, and of the sources' names."""
        names = (words(source.name.replace("_", " ")) for source in self.sources)
        none: frozenset[str] = frozenset()
        return none.union(*(source.vocabulary for source in self.indexed), *names)

    @cached_property
    def parts(self) -> frozenset[str]:
        """The words, and what they are made of: `snake_case` also has "snake" and "case"."""
        return self.vocabulary.union(*(word.split("_") for word in self.vocabulary if "_" in word))

    @cached_property
    def by_name(self) -> dict[str, Source]:
        """The sources by name."""
        return {source.name: source for source in self.sources}

    def holds_number(self, value: str) -> bool:
        """Whether any source has that number."""
        return any(value in source.numbers for source in self.indexed)

    def positions(self, wanted: Collection[str], most: int) -> dict[str, list[tuple[IndexedSource, int]]]:
        """Where each wanted word stands, as (source, character); words found more often than `most` are left out."""
        found: dict[str, list[tuple[IndexedSource, int]]] = {
            word: [] for word in wanted if 0 < sum(source.counts[word] for source in self.indexed) <= most
        }
        for source in self.indexed:
            for index in compress(range(len(source.words)), map(found.__contains__, source.words)):
                found[source.words[index]].append((source, source.starts[index]))
        return found

    def runs(self, wanted: Set[tuple[str, ...]], size: int) -> dict[tuple[str, ...], list[tuple[int, int]]]:
        """Where each wanted run of that many words begins, as (number of the source, index of the word)."""
        found: dict[tuple[str, ...], list[tuple[int, int]]] = {}
        for number, source in enumerate(self.indexed):
            runs = zip(*(source.words[skip:] for skip in range(size)), strict=False)
            for index in compress(range(len(source.words)), map(wanted.__contains__, runs)):
                found.setdefault(tuple(source.words[index : index + size]), []).append((number, index))
        return found
