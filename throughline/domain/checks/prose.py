"""What a unit says, sentence by sentence: Markdown's own marks are layout and say nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from throughline.domain.document import Output
from throughline.domain.output import CodeReviewUnit, ResearchUnit, SynthesisUnit, Unit

CLOSING = "closing"
"""Where a finding about the closing stands, in place of a unit's id."""


class Block(StrEnum):
    """What kind of lines a statement stands in."""

    PARAGRAPH = "paragraph"
    ITEM = "item"
    ROW = "row"
    HEADING = "heading"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One sentence or table row of the output. `where` is a unit id or `CLOSING`."""

    where: str
    part: str
    block: Block
    text: str


_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_HEADING = re.compile(r"[ ]{0,3}#{1,6}[ \t]")
_ROW = re.compile(r"[ \t]*\|.*\|[ \t]*$")
_RULE = re.compile(r"[ \t]*\|[ \t:|-]+\|[ \t]*$")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,3}[.)])[ \t]+")
_QUOTE = re.compile(r"[ \t]*>[ \t]?")
# A point after an initial or a usual shortening ends no sentence.
_SENTENCE_END = re.compile(
    r"(?<![ (][A-Z]\.)(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)(?<!cf\.)(?<!vs\.)(?<!Dr\.)(?<!Mr\.)(?<!Mrs\.)(?<!No\.)"
    r"(?<=[.!?])[\"')\]*_]*\s+(?=[\"'(\[*_`]*[A-Z0-9])"
)


def fenced_lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it belongs to a block of code, the fences included."""
    fence: str | None = None
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        yield line, fence is not None or mark is not None
        if fence is None:
            fence = mark[1] if mark else None
        elif _closes(line, fence):
            fence = None


def _closes(line: str, fence: str) -> bool:
    mark = _FENCE.match(line)
    return mark is not None and mark[1].startswith(fence) and not line[mark.end() :].strip()


def ends_in_code(text: str) -> bool:
    """Whether a block of code is opened and never closed."""
    return any(code for _, code in list(fenced_lines(f"{text}\n"))[-1:])


def blocks(text: str) -> Iterator[tuple[Block, str]]:
    """The blocks of a Markdown text, each without the marks that made it one."""
    lines: list[str] = []
    kind = Block.PARAGRAPH
    for line, code in [*fenced_lines(text), ("", False)]:
        started = None if code else _started(line)
        if started is not None or not line.strip() or code:
            if lines:
                yield kind, "\n".join(lines)
            lines, kind = [], Block.PARAGRAPH
        if code:
            yield Block.CODE, line
        elif started is Block.HEADING or started is Block.ROW:
            if not _RULE.match(line):
                yield started, _bare(line)
        elif line.strip():
            kind = started or kind
            lines.append(_bare(line))


def _started(line: str) -> Block | None:
    """The kind of block that this line begins by itself."""
    for pattern, kind in ((_HEADING, Block.HEADING), (_ROW, Block.ROW), (_ITEM, Block.ITEM)):
        if pattern.match(line):
            return kind
    return None


def _bare(line: str) -> str:
    for pattern in (_QUOTE, _HEADING, _ITEM):
        mark = pattern.match(line)
        line = line[mark.end() :] if mark else line
    return line.strip()


def sentences(text: str) -> list[str]:
    """The sentences of a block."""
    return [sentence for sentence in _SENTENCE_END.split(" ".join(text.split())) if sentence]


def texts(unit: Unit) -> Iterator[tuple[str, str]]:
    """Everything that the unit says in its own words, as (part, text)."""
    yield "body", unit.body
    match unit:
        case CodeReviewUnit():
            for index, finding in enumerate(unit.findings):
                yield f"findings[{index}].claim", finding.claim
                yield f"findings[{index}].suggestion", finding.suggestion
        case ResearchUnit():
            for index, claim in enumerate(unit.claims):
                yield f"claims[{index}]", claim.claim
        case SynthesisUnit():
            for index, relation in enumerate(unit.agreements):
                yield f"agreements[{index}]", relation.statement
            for index, relation in enumerate(unit.contradictions):
                yield f"contradictions[{index}]", relation.statement
        case _:
            pass


def statements(output: Output) -> Iterator[Statement]:
    """Every sentence and table row of the units, then of the closing; code blocks and headings left out."""
    for unit in output.ordered:
        for part, text in texts(unit):
            yield from _stated(unit.unit_id, part, text)
    if output.closing is not None:
        yield from _stated(CLOSING, "overview", output.closing.overview)
        for index, point in enumerate(output.closing.key_points):
            yield from _stated(CLOSING, f"key_points[{index}]", point)


def _stated(where: str, part: str, text: str) -> Iterator[Statement]:
    for block, content in blocks(text):
        if block is Block.ROW:
            yield Statement(where=where, part=part, block=block, text=content)
        elif block in {Block.PARAGRAPH, Block.ITEM}:
            for sentence in sentences(content):
                yield Statement(where=where, part=part, block=block, text=sentence)
