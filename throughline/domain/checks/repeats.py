"""Sentences that say again, in the same or nearly the same words, what an earlier one of the output said."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from throughline.domain.checks.corpus import words
from throughline.domain.checks.folding import read
from throughline.domain.checks.prose import Statement

LEAST_WORDS = 8
"""Shorter sentences repeat without harm."""
_SHINGLE_WORDS = 4
_NEAR = 0.7
_MOST_HOLDERS = 20  # a run of words that so many sentences share is a phrase of the language


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """A statement and the earlier one that it repeats."""

    statement: Statement
    earlier: Statement
    exact: bool


def find(statements: Sequence[Statement]) -> tuple[Repeat, ...]:
    """Each statement that an earlier one says already; runs of words lead to the earlier one."""
    holders: dict[tuple[str, ...], list[int]] = {}
    wordings: list[list[str]] = []
    found: list[Repeat] = []
    for index, statement in enumerate(statements):
        wording = words(read(statement.text))
        shingles = {tuple(wording[at : at + _SHINGLE_WORDS]) for at in range(len(wording) - _SHINGLE_WORDS + 1)}
        earlier = _closest(shingles, holders, wordings)
        if earlier is not None:
            exact = wordings[earlier] == wording
            found.append(Repeat(statement=statement, earlier=statements[earlier], exact=exact))
        wordings.append(wording)
        for shingle in shingles:
            known = holders.setdefault(shingle, [])
            if len(known) < _MOST_HOLDERS:
                known.append(index)
    return tuple(found)


def _closest(
    shingles: set[tuple[str, ...]], holders: dict[tuple[str, ...], list[int]], wordings: Sequence[list[str]]
) -> int | None:
    """The earlier statement that shares most runs of words, when it shares enough of them."""
    shared = Counter(index for shingle in shingles for index in holders.get(shingle, ()))
    if not shared:
        return None
    index, count = shared.most_common(1)[0]
    longer = max(len(shingles), len(wordings[index]) - _SHINGLE_WORDS + 1)
    return index if count >= _NEAR * longer else None
