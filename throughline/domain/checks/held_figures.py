"""Figures, dates and units of measure that the sources do not bear out.

"Held" does not mean right: it means that a source says this number, with this unit, about the same words.
"""

import re
from collections.abc import Iterator
from itertools import islice

from throughline.domain.checks.corpus import Corpus, IndexedSource, Place, words
from throughline.domain.checks.figures import Figure
from throughline.domain.checks.folding import read
from throughline.domain.checks.material import Material
from throughline.domain.checks.prose import Block, Statement
from throughline.domain.checks.result import Finding, Result, conclude, warning

_AROUND_CHARACTERS = 300  # about as far as a long sentence reaches
_MOST_PLACES = 200  # a word that is more frequent says too little about the place
_MOST_LABEL_PLACES = 2_000  # what a table's row is called may be a usual word elsewhere
_CONTEXT_WORDS = 4
_LEAST_LETTERS = 3
_FOLLOWED = re.compile(r"(?P<word>\w+)[^\w\n]{1,12}\d")


def check(material: Material) -> Result:
    """Each figure that no source has, has with another unit only, or has only where other things are said."""
    corpus = material.corpus
    stated = material.figures
    contexts = {statement: _content(statement) for statement in stated}
    positions = corpus.positions({word for found in contexts.values() for word in found}, _MOST_LABEL_PLACES)
    findings: list[Finding] = []
    for statement, found in stated.items():
        copy = material.copies.get(statement)
        if copy is not None and copy.verbatim:
            continue
        near = _Surroundings(statement, [positions[word] for word in contexts[statement] if word in positions])
        findings += (
            warning(statement.where, what, part=statement.part)
            for figure in found
            if (what := _unheld(figure, near, corpus)) is not None
        )
    measures = {"figures": sum(map(len, stated.values())), "not_held": len(findings)}
    return conclude("figures", findings, measures)


def _content(statement: Statement) -> list[str]:
    """The words that a statement is about."""
    found = words(read(statement.text))
    return list(dict.fromkeys(word for word in found if len(word) >= _LEAST_LETTERS and not word[0].isdigit()))


class _Surroundings:
    """Where the sources use a statement's rarest words, one list of stretches a word."""

    def __init__(self, statement: Statement, places: list[list[tuple[IndexedSource, int]]]) -> None:
        self._row = statement.block is Block.ROW
        self._text = statement.text
        most = _MOST_LABEL_PLACES if self._row else _MOST_PLACES
        telling = sorted((found for found in places if len(found) <= most), key=len)
        rarest = telling[: 1 if self._row else _CONTEXT_WORDS]
        self.words = [[(source, *self._stretch(source, at)) for source, at in self._telling(found)] for found in rarest]

    def _telling(self, places: list[tuple[IndexedSource, int]]) -> list[tuple[IndexedSource, int]]:
        """For a table, the places where a number follows the same word at once ("FOUND = 302"), if there are any."""
        followed = [(source, at) for source, at in places if self._row and self._is_followed(source, at)]
        return followed or places

    def _is_followed(self, source: IndexedSource, at: int) -> bool:
        found = _FOLLOWED.match(source.text, at)
        return found is not None and found["word"] in self._text

    def _stretch(self, source: IndexedSource, at: int) -> tuple[int, int]:
        """In a table a number belongs to its line and to no other."""
        if self._row:
            return source.line(at)
        return max(0, at - _AROUND_CHARACTERS), at + _AROUND_CHARACTERS

    def places(self, value: str) -> list[Place]:
        """Where the number stands near enough of the words; empty when it does not, or near too few of them."""
        found = [list(islice(self._near(value, stretches), _MOST_PLACES)) for stretches in self.words]
        agreeing = [places for places in found if places]
        if 2 * len(agreeing) < len(self.words):
            return []
        return [place for places in agreeing for place in places]

    @staticmethod
    def _near(value: str, stretches: list[tuple[IndexedSource, int, int]]) -> Iterator[Place]:
        for source, start, end in stretches:
            yield from source.numbers_between(value, start, end)


def _unheld(figure: Figure, near: _Surroundings, corpus: Corpus) -> str | None:
    """What is wrong with a figure, if anything is."""
    if not corpus.holds_number(figure.value):
        return f'No source has the figure "{figure.text}".'
    places = near.places(figure.value)
    if near.words and not places:
        return f'The sources have "{figure.text}", but not where they speak of the same things.'
    units = {place.unit for place in places or _places(corpus, figure.value)}
    if figure.unit is None or figure.unit in units or None in units:
        return None
    others = ", ".join(sorted(unit for unit in units if unit is not None))
    return f'"{figure.text}" has the unit {figure.unit} here; the sources have it in {others}.'


def _places(corpus: Corpus, value: str) -> Iterator[Place]:
    """Every place of a number."""
    for source in corpus.indexed:
        yield from source.numbers.get(value, ())
