"""Two statements of one output that give different figures for the same thing."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from throughline.domain.checks.corpus import words
from throughline.domain.checks.figures import figures
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
    order: tuple[str, ...]
    values: tuple[str, ...]
    units: tuple[str | None, ...]


def check(material: Material) -> Result:
    """Pairs that say the same about other figures are warnings, unless a source says both word for word."""
    told = [found for statement in material.statements if (found := _told(statement)) is not None]
    findings = [
        _finding(later, earlier)
        for later, earlier in _alike(told)
        if _contradict(later, earlier) and not (_in_source(later, material) and _in_source(earlier, material))
    ]
    return conclude("contradictions", findings, {"statements_with_figures": len(told), "pairs": len(findings)})


def _told(statement: Statement) -> _Told | None:
    text = read(statement.text)
    found = tuple(figures(text))
    for figure in reversed(found):
        text = text[: figure.start] + " # " + text[figure.end :]
    about = tuple(word for word in words(text) if not word.isdigit())
    if not found or len(set(about)) < _LEAST_WORDS:
        return None
    return _Told(
        statement=statement,
        about=frozenset(about),
        order=about,
        values=tuple(figure.value for figure in found),
        units=tuple(figure.unit for figure in found),
    )


def _alike(told: Sequence[_Told]) -> Iterator[tuple[_Told, _Told]]:
    """Each statement with the earlier ones about the same words, found by their rarest words."""
    frequency = Counter(word for one in told for word in one.about)
    holders: dict[str, list[_Told]] = defaultdict(list)
    for later in told:
        rarest = sorted(later.about, key=lambda word: (frequency[word], word))[:_INDEXED_WORDS]
        candidates = dict.fromkeys(earlier for word in rarest for earlier in holders[word][-_MOST_HOLDERS:])
        for earlier in candidates:
            shared = len(later.about & earlier.about)
            if shared >= _ALIKE * len(later.about | earlier.about):
                yield later, earlier
        for word in rarest:
            holders[word].append(later)


def _contradict(later: _Told, earlier: _Told) -> bool:
    """As many figures of the same units, and not the same ones."""
    return later.units == earlier.units and later.values != earlier.values


def _in_source(told: _Told, material: Material) -> bool:
    copy = material.copies.get(told.statement)
    return copy is not None and copy.verbatim


def _finding(later: _Told, earlier: _Told) -> Finding:
    pairs = zip(later.values, earlier.values, strict=True)
    here, there = next(pair for pair in pairs if pair[0] != pair[1])
    what = f'Gives {here} where {earlier.statement.where} gives {there}: "{later.statement.text[:80]}".'
    return warning(later.statement.where, what, part=later.statement.part)
