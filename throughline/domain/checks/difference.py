"""Two wordings side by side: which words changed, and whether a number, a negation or a name did."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rapidfuzz.distance import Indel

from throughline.domain.checks.figures import UNIT_WORDS, WORD_VALUES
from throughline.domain.checks.folding import read

_TOKEN = re.compile(r"[-+]?\d(?:[\w.,:]*\w)?%?|\w+(?:['’]\w+)*|[^\w\s]")
_NEGATIONS_TEXT = """
    no not never none nobody nothing nowhere neither nor cannot without unless hardly barely except unable fails
    failed lacks lack refuses
"""
_NEGATIONS = frozenset(_NEGATIONS_TEXT.split())
_CAMEL = re.compile(r"[a-z0-9][A-Z]")
_OPENINGS = frozenset(".!?:;\"'(*[-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Words of the source that became other words in the output. Marks: `digits`, `negation`, `name`, `unit`."""

    source: str
    output: str
    marks: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.source:
            return f'"{self.output}" was put in'
        if not self.output:
            return f'"{self.source}" was left out'
        return f'"{self.source}" became "{self.output}"'


def difference(source: str, output: str) -> tuple[Change, ...]:
    """The changes from one wording to the other, in order, typography aside."""
    before, after = tokens(source), tokens(output)
    return changes(before, after)


def tokens(text: str) -> list[str]:
    """Words, numbers and marks of a text."""
    return _TOKEN.findall(read(text))


def changes(before: Sequence[str], after: Sequence[str]) -> tuple[Change, ...]:
    """The changes between two runs of words."""
    return tuple(_change(before, after, left, right) for left, right in _replaced(before, after))


def _change(before: Sequence[str], after: Sequence[str], left: "_Stretch", right: "_Stretch") -> Change:
    old, new = before[slice(*left)], after[slice(*right)]
    marks: list[str] = []
    if _numbers(old) != _numbers(new) and _counted(old) != _counted(new):
        marks.append("digits")
    if _negations(old) != _negations(new):
        marks.append("negation")
    if _new_names(before, left, new) or _new_names(after, right, old):
        marks.append("name")
    # Elsewhere "second" and "times" are words like any other.
    behind_number = left[0] > 0 and before[left[0] - 1][-1].isdigit()
    if (behind_number or "digits" in marks) and _units(old) != _units(new):
        marks.append("unit")
    return Change(source=" ".join(old), output=" ".join(new), marks=tuple(marks))


_Stretch = tuple[int, int]


def _replaced(before: Sequence[str], after: Sequence[str]) -> list[tuple[_Stretch, _Stretch]]:
    """Neighbouring insertions and deletions as one replacement."""
    merged: list[tuple[_Stretch, _Stretch]] = []
    for step in Indel.opcodes(before, after):
        if step.tag == "equal":
            continue
        left, right = (step.src_start, step.src_end), (step.dest_start, step.dest_end)
        if merged and merged[-1][0][1] == left[0] and merged[-1][1][1] == right[0]:
            (left_start, _), (right_start, _) = merged.pop()
            left, right = (left_start, left[1]), (right_start, right[1])
        merged.append((left, right))
    return merged


def _numbers(words: Sequence[str]) -> list[str]:
    return [word for word in words if any(map(str.isdigit, word))]


def _counted(words: Sequence[str]) -> list[str]:
    """The numbers, spelled out or not: "two" may become "2"."""
    return [
        WORD_VALUES.get(word.lower(), word) for word in words if word in _numbers([word]) or word.lower() in WORD_VALUES
    ]


def _negations(words: Sequence[str]) -> int:
    return sum(is_negation(word) for word in words)


def _units(words: Sequence[str]) -> list[str]:
    return [word.lower() for word in words if word.lower() in UNIT_WORDS]


def is_negation(word: str) -> bool:
    """Whether the word turns a statement round."""
    word = word.lower().replace("’", "'")
    return word in _NEGATIONS or word.endswith("n't")


def _new_names(words: Sequence[str], stretch: "_Stretch", others: Sequence[str]) -> list[str]:
    """Names in that stretch which the other wording lacks; a sentence's first word has its capital from there."""
    known = {word.lower() for word in others}
    before = ["." if stretch[0] == 0 else words[stretch[0] - 1], *words[slice(*stretch)]]
    return [
        word
        for prior, word in pairwise(before)
        if word.lower() not in known and (_CAMEL.search(word) or (word[0].isupper() and prior not in _OPENINGS))
    ]
