"""Headings in their order, and cross-references that lead somewhere."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from throughline.domain.checks.folding import fold
from throughline.domain.checks.material import Material
from throughline.domain.checks.prose import Block, blocks, fenced_lines
from throughline.domain.checks.result import Finding, Result, conclude, warning
from throughline.domain.outline import Outline
from throughline.domain.output import Unit

_UNIT_LEVEL = 2  # in the stitched document; a unit's own headings stand below it
_MARKS = re.compile(r"[ ]{0,3}(#{1,6})[ \t]")
_NUMBERED = re.compile(r"(\d{1,3})(?:[.)]|\s)")
_UNIT_ID = re.compile(r"\bu\d{3}\b")  # four digits are a character, as in u0043
_SECTION = re.compile(r"(?:\bsee|\bin|\(|\bcf\.) (?:section|chapter|unit) (\d{1,3})\b(?!\.\d)", re.IGNORECASE)
_ANCHOR = re.compile(r"\]\(#([^)\s]{1,300})\)")  # of some length: what never closes may be opened again and again
_NAMED = re.compile(
    r"\bsee (?:also )?(?:the )?(?:section|unit|chapter) [\"'“*]+([^\"'”*]{3,100})[\"'”*]", re.IGNORECASE
)


def check(material: Material) -> Result:
    """Headings that differ from the outline, repeat, or skip levels, and references to nothing, are warnings."""
    targets = _Targets(material.output.outline)
    findings = [
        *_repeated(material),
        *_unordered(material),
        *(finding for unit in material.output.ordered for finding in _of_unit(unit, targets)),
    ]
    return conclude("headings", findings, {"headings": len(material.output.outline.units)})


class _Targets:
    """What a reference may lead to."""

    def __init__(self, outline: Outline) -> None:
        self.by_id = {entry.id: entry.heading for entry in outline.units}
        self.headings = {fold(entry.heading).lower() for entry in outline.units}
        self.anchors = {_slug(entry.heading) for entry in outline.units}


def _repeated(material: Material) -> Iterator[Finding]:
    counts = Counter(fold(unit.heading).lower() for unit in material.output.outline.units)
    seen: set[str] = set()
    for unit in material.output.outline.units:
        heading = fold(unit.heading).lower()
        if counts[heading] > 1 and heading in seen:
            yield warning(unit.id, f'The heading "{unit.heading}" occurs {counts[heading]} times.')
        seen.add(heading)


def _unordered(material: Material) -> Iterator[Finding]:
    """Where most headings are numbered, the numbers rise."""
    numbered = [(unit.id, _NUMBERED.match(unit.heading)) for unit in material.output.outline.units]
    numbers = [(unit_id, int(found[1])) for unit_id, found in numbered if found]
    if 2 * len(numbers) <= len(numbered):
        return
    for (_, before), (unit_id, number) in pairwise(numbers):
        if number < before:
            yield warning(unit_id, f"The heading with number {number} comes after the one with number {before}.")


def _of_unit(unit: Unit, targets: _Targets) -> Iterator[Finding]:
    wanted = targets.by_id[unit.unit_id]
    if fold(unit.heading).lower() != fold(wanted).lower():
        yield warning(unit.unit_id, f'The heading is "{unit.heading}"; the outline calls it "{wanted}".')
    yield from _levels(unit)
    yield from _references(unit, targets)


def _levels(unit: Unit) -> Iterator[Finding]:
    above = _UNIT_LEVEL
    for level, heading in _own_headings(unit):
        if level > above + 1:
            yield warning(unit.unit_id, f'"{heading}" has level {level} below level {above}.', part="body")
        if fold(heading).lower() == fold(unit.heading).lower():
            yield warning(unit.unit_id, "The body repeats the unit's own heading.", part="body")
        above = max(level, _UNIT_LEVEL)


def _own_headings(unit: Unit) -> Iterator[tuple[int, str]]:
    """The headings inside a body with their levels; code blocks have none."""
    levels = iter([len(found[1]) for line in _outside_code(unit.body) if (found := _MARKS.match(line))])
    for block, text in blocks(unit.body):
        if block is Block.HEADING:
            yield next(levels), text


def _outside_code(text: str) -> list[str]:
    return [line for line, code in fenced_lines(text) if not code]


def _references(unit: Unit, targets: _Targets) -> Iterator[Finding]:
    text = "\n".join(_outside_code(unit.body))
    own = {_slug(name) for _, name in _own_headings(unit)}
    dangling = [
        *(found[0] for found in _UNIT_ID.finditer(text) if found[0] not in targets.by_id),
        *(found[0].lstrip("(") for found in _SECTION.finditer(text) if not 1 <= int(found[1]) <= len(targets.by_id)),
        *(f"#{found[1]}" for found in _ANCHOR.finditer(text) if found[1].lower() not in targets.anchors | own),
        *(found[1] for found in _NAMED.finditer(text) if fold(found[1]).lower() not in targets.headings),
    ]
    quoted = fold(" ".join(citation.quote for citation in unit.all_citations())) if dangling else ""
    for target in dict.fromkeys(dangling):
        if target not in quoted:
            yield warning(unit.unit_id, f'The reference "{target}" leads to no unit.', part="body")


def _slug(heading: str) -> str:
    """The anchor that Markdown renderers give a heading."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading.lower().strip()))
