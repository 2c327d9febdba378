"""Choosing which sentences of the documents go where.

A reader hands out passages in document order, each text once while fresh ones remain, so that different units
say different things. Where the documents hold somewhat less than is asked for, every unit is that much shorter;
where they hold far less, their texts are said again. Every choice is a function of names and positions: the same
request reads the same way.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from zlib import crc32

from simulator.directives import Unit
from simulator.documents import Document, Sentence, parse
from simulator.prompt import SourceDocument

_GOLDEN = 0.6180339887
_SENTENCES_PER_PARAGRAPH = 5
_LEAST_SHARE = 0.5  # of the words asked for: documents that hold fewer are read more than once
_SPARE_SHARE = 0.05  # a unit ends with a whole sentence, mostly a little above its words


def draw(size: int, *parts: object) -> int:
    """A number below `size` that depends on nothing but its arguments."""
    return crc32("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")) % size


@dataclass(frozen=True, slots=True)
class Passage:
    title: str
    sentence: Sentence


@dataclass(frozen=True, slots=True)
class Home:
    """Where a unit begins: a document and the index of a sentence in it."""

    document: int
    position: int


class _Shelf:
    """One document with the sentences that were not used yet; of equal ones only the first counts."""

    def __init__(self, title: str, document: Document) -> None:
        self.title = title
        self.document = document
        self._first = _first_ones(document.sentences)
        self.words = sum(document.sentences[index].words for index in self._first)
        self._refill()

    def _refill(self) -> None:
        self._next_free = list(range(1, len(self.document.sentences) + 1))
        self._next_free.append(len(self.document.sentences))
        for index in self._first:
            self._next_free[index] = index
        self._left = len(self._first)

    def take(self, position: int) -> tuple[int, Sentence]:
        """The first fresh sentence from a position on; wraps around, and starts anew when all are used."""
        if self._left == 0:
            self._refill()
        index = self.free_from(position)
        if index == len(self.document.sentences):
            index = self.free_from(0)
        self._next_free[index] = index + 1
        self._left -= 1
        return index, self.document.sentences[index]

    def free_from(self, position: int) -> int:
        free = self._next_free
        index = position
        while free[index] != index:
            free[index] = free[min(free[index], len(free) - 1)]
            index = free[index]
        return index


def _first_ones(sentences: tuple[Sentence, ...]) -> tuple[int, ...]:
    firsts: dict[str, int] = {}
    for index, sentence in enumerate(sentences):
        firsts.setdefault(sentence.text, index)
    return tuple(firsts.values())


class Reader:
    """All documents of a request, read from wherever a unit begins."""

    def __init__(self, documents: tuple[SourceDocument, ...]) -> None:
        self._shelves = [_Shelf(document.title, parse(document.text)) for document in documents]

    @property
    def titles(self) -> list[str]:
        return [shelf.title for shelf in self._shelves]

    def document(self, index: int) -> Document:
        return self._shelves[index].document

    def home_of(self, unit: Unit) -> Home:
        """The unit's heading in its document, or a place of its own where no heading matches."""
        candidates = self._candidates(unit)
        for index in candidates:
            position = self.document(index).position_of(unit.heading)
            if position is not None:
                return Home(index, position)
        for index in candidates:
            if self._shelves[index].title in unit.heading:
                return Home(index, 0)
        index = candidates[draw(len(candidates), unit.id)]
        return Home(index, self._scattered(index, unit.id))

    def share_told(self, document: int, words: int) -> float:
        """How much of so many words the document can fill without saying anything twice; 1 where it holds far less."""
        share = (1 - _SPARE_SHARE) * self._shelves[document].words / max(words, 1)
        return share if _LEAST_SHARE <= share < 1 else 1.0

    def _candidates(self, unit: Unit) -> list[int]:
        named = [index for index, shelf in enumerate(self._shelves) if shelf.title == unit.source]
        return named or list(range(len(self._shelves)))

    def _scattered(self, index: int, unit_id: str) -> int:
        """Neighbouring ids land far apart, so that calls which do not know of each other rarely collide."""
        digits = "".join(char for char in unit_id if char.isdigit())
        number = int(digits) if digits else draw(1000, unit_id)
        return int((number * _GOLDEN) % 1 * len(self.document(index).sentences))

    def passages(self, home: Home, end: int, words: int, unit_id: str) -> list[Passage]:
        """About so many words: first what follows the heading up to `end`, then from a place of its own."""
        shelf = self._shelves[home.document]
        position, overflow = home.position, self._scattered(home.document, unit_id)
        chosen: list[Passage] = []
        while words > 0:
            is_home = shelf.free_from(position) < end
            index, sentence = shelf.take(position if is_home else overflow)
            if chosen and sentence.words > 2 * words:
                break
            chosen.append(Passage(shelf.title, sentence))
            words -= sentence.words
            position, overflow = (index, overflow) if is_home else (position, index)
        return chosen

    def elsewhere(self, avoided: set[str], seed: str) -> Passage:
        """A quotable passage, of a document that was not quoted yet when there are several."""
        fresh = [index for index, shelf in enumerate(self._shelves) if shelf.title not in avoided]
        choices = fresh or list(range(len(self._shelves)))
        shelf = self._shelves[choices[draw(len(choices), seed, "elsewhere")]]
        quotable = [s for s in shelf.document.sentences if s.is_quotable] or list(shelf.document.sentences)
        return Passage(shelf.title, quotable[draw(len(quotable), seed, shelf.title)])


@dataclass(slots=True)
class Scope:
    """What one unit (or the closing) has to say and to quote."""

    seed: str
    unit: Unit
    passages: list[Passage]
    reader: Reader
    _quoted: int = 0
    _told: int = 0
    _counts: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def title(self) -> str:
        return self.passages[0].title

    def body(self) -> str:
        """The unit's text: a sentence of our own, then paragraphs of real ones."""
        texts = [_opening(self.unit)] + [passage.sentence.text for passage in self.passages]
        step = _SENTENCES_PER_PARAGRAPH
        return "\n\n".join(" ".join(texts[start : start + step]) for start in range(0, len(texts), step))

    def quote(self, avoided: set[str]) -> Passage:
        """The next passage to quote, from the body's own sentences; every third from another document."""
        self._quoted += 1
        own = [passage for passage in self.passages if passage.sentence.is_quotable] or self.passages
        is_elsewhere = self._quoted % 3 == 0 and len(self.reader.titles) > 1
        if is_elsewhere or own[0].title in avoided or self._quoted > len(own):
            return self.reader.elsewhere(avoided, f"{self.seed}{self._quoted}")
        # Steps of seven quote from all over the body; where they would come round too soon, one by one.
        step = 7 if len(own) % 7 else 1
        return own[(self._quoted - 1) * step % len(own)]

    def sentence(self) -> str:
        """The next sentence to say something with."""
        self._told += 1
        return self.passages[(self._told * 3 - 3) % len(self.passages)].sentence.text

    def draw(self, size: int, name: str) -> int:
        """A choice that varies between the occurrences of a name within the unit."""
        count = self._counts.get(name, 0)
        self._counts[name] = count + 1
        return draw(size, self.seed, name, count)


_OPENINGS = (
    "This part covers {}.",
    "The subject here is {}.",
    "What the source says about {} comes first.",
    "This section is about {}.",
)


def _opening(unit: Unit) -> str:
    return _OPENINGS[draw(len(_OPENINGS), unit.id, unit.heading)].format(unit.heading.rstrip(".") or "the source")


def varied(words: int, unit: Unit) -> int:
    """Within fifteen percent of what was asked, always the same for the same unit."""
    return round(words * (0.85 + 0.30 * draw(1001, unit.id, unit.heading) / 1000))


def open_scopes(reader: Reader, units: tuple[Unit, ...], known: tuple[Unit, ...]) -> Iterator[Scope]:
    """One scope a unit; a unit's home ends where the next known unit begins."""
    homes = {unit: reader.home_of(unit) for unit in dict.fromkeys(units + known)}
    starts = sorted({(home.document, home.position) for home in homes.values()})
    asked = Counter[int]()
    for unit in units:
        asked[homes[unit].document] += varied(unit.words, unit)
    shares = {document: reader.share_told(document, words) for document, words in asked.items()}
    for unit in units:
        home = homes[unit]
        later = [p for document, p in starts if document == home.document and p > home.position]
        end = min(later, default=len(reader.document(home.document).sentences))
        opening_words = _opening(unit).count(" ") + 1
        wanted = max(1, round(varied(unit.words, unit) * shares[home.document]) - opening_words)
        yield Scope(f"{unit.id}{unit.heading}", unit, reader.passages(home, end, wanted, unit.id), reader)
