"""Names that no source has: people, places, products, and identifiers of code."""

import re
from collections import Counter
from collections.abc import Iterator

from throughline.domain.checks.corpus import words
from throughline.domain.checks.folding import read
from throughline.domain.checks.material import Material
from throughline.domain.checks.prose import Statement
from throughline.domain.checks.result import Result, conclude, warning

# A capital after an opening, a colon or a list mark begins something; it need not be a name.
_CAPITALISED = re.compile(
    r"(?:(?<=[a-z0-9,;)'\"] )|(?<=\b[DM]r\. )|(?<=\bM[rs]s\. )|(?<=\bProf\. )|(?<=[ (][A-Z]\. ))"
    r"[\"'(*_`]*(?P<name>[A-Z][\w'’-]+)"
)
# Where a sentence begins, its first word may be any; a second one with a capital is a name.
_SECOND = re.compile(r"\b[A-Z][a-z]+ (?P<name>[A-Z][a-z][\w'’-]+)")
_IDENTIFIER = re.compile(r"\b(?:[a-z]+[A-Z]\w*|[A-Z][a-z0-9]+[A-Z]\w*|\w+_\w+|[A-Za-z]\w*(?:\.[A-Za-z_]\w*)+\(?)")
_COMMON_TEXT = """
    january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday english i ok a the this that these those it its in on at for from with without
    when where while if however note see section table figure e.g i.e dr mr mrs ms prof
"""
_COMMON = frozenset(_COMMON_TEXT.split())


def check(material: Material) -> Result:
    """Each name that stands in no source, no source's name, no heading and not in the title is a warning."""
    known = material.corpus.parts | _given(material)
    used: Counter[str] = Counter()
    findings = [
        warning(statement.where, f'No source has the name "{name}".', part=statement.part)
        for statement in material.statements
        for name in dict.fromkeys(_names(statement))
        if not used.update((name,)) and not _is_known(name, known)
    ]
    return conclude("names", findings, {"names": len(used), "not_held": len(findings)})


def _given(material: Material) -> frozenset[str]:
    """The words that the job itself brought in: its title and its headings."""
    outline = material.output.outline
    return frozenset(words(read(" ".join([material.output.title, *(unit.heading for unit in outline.units)]))))


def _names(statement: Statement) -> Iterator[str]:
    text = read(statement.text)
    for pattern in (_CAPITALISED, _SECOND):
        for found in pattern.finditer(text):
            yield found["name"]
    for found in _IDENTIFIER.finditer(text):
        yield found[0].rstrip("(")


def _is_known(name: str, known: frozenset[str]) -> bool:
    """Whether every word of the name is known, its possessive or plural ending aside."""
    return all(word in _COMMON or any(form in known for form in _forms(word)) for word in words(name.replace("-", " ")))


def _forms(word: str) -> Iterator[str]:
    bare = re.sub(r"['’]s?$", "", word)
    yield from (word, bare, bare.removesuffix("s"), bare.removesuffix("es"), f"{bare}s", f"_{bare}")
