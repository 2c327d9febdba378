"""Two statements of one output that give different figures for the same thing."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from throughline.domain.checks.corpus import words
from throughline.domain.checks.folding import read
from throughline.domain.checks.material import Material
from throughline.domain.checks.prose import Statement
from throughline.domain.checks.result import Finding, Result, conclude, warning

_LEAST_WORDS = 3
_ALIKE = 0.75
_INDEXED_WORDS = 4
_MOST_HOLDERS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A statement's words and its figures, apart."""

    statement: Statement
    about: frozenset[str]
    values: tuple[str, ...]
    units: tuple[str | None, ...]
    in_source: bool


def check(material: Material) -> Result:
    """Pairs that say the same about other figures are warnings, unless a source says both word for word."""
    told = [found for statement in material.statements if (found := _told(statement, material)) is not None]
    findings = [_finding(later, earlier) for later, earlier in _alike(told) if _contradict(later, earlier)]
    return conclude("contradictions", findings, {"statements_with_figures": len(told), "pairs": len(findings)})


def _told(statement: Statement, material: Material) -> _Told | None:
    found = material.figures.get(statement)
    if found is None:
        return None
    text = read(statement.text)
    behind = [0, *(figure.end for figure in found)]
    before = [*(figure.start for figure in found), len(text)]
    between = " # ".join(text[start:end] for start, end in zip(behind, before, strict=True))
    about = frozenset(word for word in words(between) if not word.isdigit())
    if len(about) < _LEAST_WORDS:
        return None
    copy = material.copies.get(statement)
    return _Told(
        statement=statement,
        about=about,
        values=tuple(figure.value for figure in found),
        units=tuple(figure.unit for figure in found),
        in_source=copy is not None and copy.verbatim,
    )


def _alike(told: Sequence[_Told]) -> Iterator[tuple[_Told, _Told]]:
    """Each statement with the earlier ones about the same words, found by their rarest words.

    Two that a source says word for word are no pair.
    """
    frequency = Counter(word for one in told for word in one.about)
    holders: dict[str, list[int]] = defaultdict(list)
    first: dict[Statement, int] = {}  # a statement that a part repeats is one statement
    for number, later in enumerate(told):
        rarest = sorted(later.about, key=lambda word: (frequency[word], word))[:_INDEXED_WORDS]
        for earlier in dict.fromkeys(earlier for word in rarest for earlier in holders[word][-_MOST_HOLDERS:]):
            if not (later.in_source and told[earlier].in_source) and _about_the_same(later, told[earlier]):
                yield later, told[earlier]
        for word in rarest:
            holders[word].append(first.setdefault(later.statement, number))


def _about_the_same(later: _Told, earlier: _Told) -> bool:
    shared = len(later.about & earlier.about)
    return shared >= _ALIKE * (len(later.about) + len(earlier.about) - shared)


def _contradict(later: _Told, earlier: _Told) -> bool:
    """As many figures of the same units, and not the same ones."""
    return later.units == earlier.units and later.values != earlier.values


def _finding(later: _Told, earlier: _Told) -> Finding:
    pairs = zip(later.values, earlier.values, strict=True)
    here, there = next(pair for pair in pairs if pair[0] != pair[1])
    what = f'Gives {here} where {earlier.statement.where} gives {there}: "{later.statement.text[:80]}".'
    return warning(later.statement.where, what, part=later.statement.part)
