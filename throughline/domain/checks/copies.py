"""Sentences of the output that a source has too, word for word or nearly: where a slip shows word by word.

A sentence and a source agree on a place when several runs of words lie there at the same distance from each
other; that place alone is compared.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import LCSseq

from throughline.domain.checks.corpus import Corpus, IndexedSource, words
from throughline.domain.checks.folding import read
from throughline.domain.checks.prose import Statement
from throughline.domain.source import Span

_RUN_WORDS = 3
_LEAST_WORDS = 5
_MOST_PLACES = 100  # a run that is more frequent says nothing about the place
_LEAST_AGREEMENT = 0.75
_SLACK_WORDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Where a source says it, and both wordings; they are equal when the sentence is verbatim."""

    span: Span
    source_words: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def verbatim(self) -> bool:
        """Whether not a word differs."""
        return self.source_words == self.words


def find(statements: Sequence[Statement], corpus: Corpus) -> dict[Statement, Copy]:
    """The statements that a source has in the same or nearly the same words."""
    wordings = {statement: words(read(statement.text)) for statement in statements}
    wordings = {statement: found for statement, found in wordings.items() if len(found) >= _LEAST_WORDS}
    runs = {statement: _runs(wording) for statement, wording in wordings.items()}
    places = corpus.runs({run for found in runs.values() for run in found}, _RUN_WORDS)
    copies: dict[Statement, Copy] = {}
    for statement, wording in wordings.items():
        best = [_compared(wording, corpus.indexed[number], start) for number, start in _votes(runs[statement], places)]
        closest = max(
            (copy for copy in best if copy is not None), key=lambda copy: _agreement(wording, copy), default=None
        )
        if closest is not None:
            copies[statement] = closest
    return copies


_Run = tuple[str, ...]


def _runs(wording: Sequence[str]) -> list[_Run]:
    return [tuple(wording[index : index + _RUN_WORDS]) for index in range(len(wording) - _RUN_WORDS + 1)]


_PLACES_COMPARED = 3


def _votes(runs: Sequence[_Run], places: dict[_Run, list[tuple[int, int]]]) -> list[tuple[int, int]]:
    """Where the sentence most likely begins, as (number of the source, word); inserted words shift it by a few."""
    exact: Counter[tuple[int, int]] = Counter()
    near: dict[tuple[int, int], int] = defaultdict(int)
    for index, run in enumerate(runs):
        found = places.get(run, ())
        if len(found) <= _MOST_PLACES:
            exact.update((number, position - index) for number, position in found)
    for (number, start), votes in exact.items():
        near[number, start // _SLACK_WORDS] += votes
    most = exact.most_common(_PLACES_COMPARED)
    return [place for place, _ in most if _around(near, place) >= max(2, len(runs) // 4)]


def _around(near: dict[tuple[int, int], int], place: tuple[int, int]) -> int:
    number, start = place
    block = start // _SLACK_WORDS
    return sum(near.get((number, neighbour), 0) for neighbour in (block - 1, block, block + 1))


def _compared(wording: list[str], source: IndexedSource, start: int) -> Copy | None:
    """The stretch of the source around that word that is most like the sentence, when most words agree."""
    if start >= 0 and source.words[start : start + len(wording)] == wording:
        span = source.span(start, start + len(wording))
        return Copy(span=span, source_words=tuple(wording), words=tuple(wording))
    low = max(start - _SLACK_WORDS, 0)
    window = source.words[low : max(start, 0) + len(wording) + _SLACK_WORDS]
    equal = [step for step in LCSseq.opcodes(wording, window) if step.tag == "equal"]
    agreeing = sum(step.src_end - step.src_start for step in equal)
    if agreeing < _LEAST_AGREEMENT * len(wording):
        return None
    # Words of the sentence before its first agreeing one stand for as many words of the same source sentence.
    agreed, end = equal[0].dest_start, equal[-1].dest_end
    first = _same_sentence(source, low + max(agreed - equal[0].src_start, 0), low + agreed) - low
    reach = min(end + len(wording) - equal[-1].src_end, len(window))
    behind = _sentence_end(source, low + end, low + reach) - low
    return Copy(
        span=source.span(low + first, low + behind),
        source_words=tuple(window[first:behind]),
        words=tuple(wording),
    )


_ENDS = re.compile(r"[.!?:;][^\w\s]*\s|\n\s*\n")


def _same_sentence(source: IndexedSource, first: int, agreed: int) -> int:
    """The first word from there on that no sentence's end parts from the word `agreed`."""
    while first < agreed and _ENDS.search(source.text, source.starts[first], source.starts[agreed]):
        first += 1
    return first


def _sentence_end(source: IndexedSource, end: int, reach: int) -> int:
    """How far the sentence that holds the word before `end` goes on, up to `reach`."""
    while reach > end and _ENDS.search(source.text, source.starts[end - 1], source.starts[reach - 1]):
        reach -= 1
    return reach


def _agreement(wording: Sequence[str], copy: Copy) -> float:
    return LCSseq.normalized_similarity(wording, copy.source_words)
