"""One thing, one name: terms that a unit spells or calls otherwise than the other units and the sources do."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from throughline.domain.checks.material import Material
from throughline.domain.checks.prose import CLOSING
from throughline.domain.checks.result import Finding, Result, conclude, warning

_WORD = re.compile(r"\w+(?:['’]\w+)?|[.!?,;:()]")
_LEAST_LETTERS = 4
_LEAST_USES = 2
_LEAST_OTHER_UNITS = 2
_FUNCTION_WORDS_TEXT = """
    also been being both could does done each even from have having here into just like made make many more most
    much must none only other over same should since some such than that their them then there these they this
    those thus under upon used uses using very what when where which while will with within without would your
    about above after again against before below between during every first second third however therefore
"""
_FUNCTION_WORDS = frozenset(_FUNCTION_WORDS_TEXT.split())
_Pair = tuple[str, str]


@dataclass(slots=True)
class _Usage:
    """Which terms of two words each unit uses, and how often."""

    by_unit: dict[str, Counter[_Pair]] = field(default_factory=lambda: defaultdict(Counter))
    spelled: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def units_of(self) -> dict[_Pair, set[str]]:
        units: dict[_Pair, set[str]] = defaultdict(set)
        for where, pairs in self.by_unit.items():
            for pair in pairs:
                units[pair].add(where)
        return units


def check(material: Material) -> Result:
    """A term that a unit alone spells or calls in a way that no source has is a warning."""
    usage = _usage(material)
    wanted = {pair for pairs in usage.by_unit.values() for pair in pairs}
    held = wanted & material.corpus.runs(wanted, 2).keys()
    findings = [*_spelled_otherwise(usage, material, held), *_called_otherwise(usage, held)]
    return conclude("terms", findings, {"terms": len(wanted), "changed": len(findings)})


def _usage(material: Material) -> _Usage:
    usage = _Usage()
    for statement in material.statements:
        if statement.where != CLOSING:
            found = [word.lower() for word in _WORD.findall(statement.text)]
            usage.by_unit[statement.where].update(pair for pair in pairwise(found) if _is_term(pair))
            usage.spelled[statement.where].update(_joined(statement.text))
    return usage


def _is_term(pair: _Pair) -> bool:
    return all(len(word) >= _LEAST_LETTERS and word.isalpha() and word not in _FUNCTION_WORDS for word in pair)


_COMPOUND = re.compile(r"[A-Za-z]+(?:[-_][A-Za-z]+)*")


def _joined(text: str) -> Iterator[str]:
    """Words that may be two written as one: with a hyphen, an underscore, or nothing between them."""
    for found in _COMPOUND.finditer(text):
        if len(found[0]) >= 2 * _LEAST_LETTERS:
            yield found[0].lower()


def _spelled_otherwise(usage: _Usage, material: Material, held: Iterable[_Pair]) -> Iterator[Finding]:
    """One word, or two with a hyphen, where sources and other units write two words."""
    units = usage.units_of()
    apart = {"".join(pair): pair for pair in held if len(units[pair]) >= _LEAST_OTHER_UNITS}
    written = material.corpus.vocabulary
    hyphenated = _hyphenated(material)
    for where, spelled in usage.spelled.items():
        for word in spelled:
            pair = apart.get(re.sub("[-_]", "", word))
            known = word in hyphenated if "-" in word else word in written
            if pair is not None and not known and len(units[pair] - {where}) >= _LEAST_OTHER_UNITS:
                yield warning(where, f'Writes "{word}"; {_others(units[pair] - {where})} "{" ".join(pair)}".')


def _hyphenated(material: Material) -> set[str]:
    return {
        found.lower() for source in material.corpus.sources for found in re.findall(r"[A-Za-z]+-[A-Za-z]+", source.text)
    }


def _called_otherwise(usage: _Usage, held: Iterable[_Pair]) -> Iterator[Finding]:
    """A repeated term that no source has, with one word in place of a word of a term that the other units use."""
    known = frozenset(held)
    units = usage.units_of()
    by_word: dict[tuple[int, str], list[_Pair]] = defaultdict(list)
    for pair in known:
        if len(units[pair]) >= _LEAST_OTHER_UNITS:
            by_word[0, pair[0]].append(pair)
            by_word[1, pair[1]].append(pair)
    for where, pairs in usage.by_unit.items():
        for pair, uses in pairs.items():
            if uses >= _LEAST_USES and pair not in known and len(units[pair]) == 1:
                usual = _usual([*by_word[0, pair[0]], *by_word[1, pair[1]]], where, usage)
                if usual is not None:
                    others = _others(units[usual] - {where})
                    yield warning(where, f'Speaks of "{" ".join(pair)}"; {others} "{" ".join(usual)}".')


def _usual(candidates: Sequence[_Pair], where: str, usage: _Usage) -> _Pair | None:
    """The likeliest term that the unit gave another name: the most frequent elsewhere, and absent here."""
    absent = [pair for pair in candidates if pair not in usage.by_unit[where]]
    return max(absent, key=lambda pair: sum(pairs[pair] for pairs in usage.by_unit.values()), default=None)


def _others(units: set[str]) -> str:
    return f"{len(units)} other units say" if len(units) > 1 else f"{min(units)} says"
