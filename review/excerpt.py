"""A stretch of a source with the quoted words marked, and what a quote changed of them, word by word."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rapidfuzz.distance import Indel

from review.prose import visible
from throughline.domain.source import Source, page_of

AROUND = 12_000
"""Characters shown on either side: enough to read on in, little enough to be there at once."""
_LONGEST_COMPARED = 4_000
_WORD = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A part of a source: the text before, within and after the marked span. `earlier` and `later` go on from it."""

    name: str
    before: str
    marked: str
    after: str
    first_line: int
    line: int
    page: int | None
    earlier: int | None
    later: int | None
    characters: int


def around(source: Source, start: int, end: int | None = None) -> Excerpt:
    """What stands around those characters, from the beginning of a line to the end of one where lines are short."""
    text = source.text
    start = max(0, min(start, len(text)))
    end = start if end is None else max(start, min(end, len(text)))
    first, last = _line_start(text, max(0, start - AROUND)), _line_end(text, min(len(text), end + AROUND))
    return Excerpt(
        name=source.name,
        before=visible(text[first:start]),
        marked=visible(text[start:end]),
        after=visible(text[end:last]),
        first_line=text.count("\n", 0, first) + 1,
        line=text.count("\n", 0, start) + 1,
        page=page_of(source, start),
        earlier=max(0, first - AROUND) if first > 0 else None,
        later=last + AROUND if last < len(text) else None,
        characters=len(text),
    )


def _line_start(text: str, at: int) -> int:
    """The beginning of that line, unless it is a very long one."""
    found = text.rfind("\n", max(0, at - 500), at)
    return 0 if at == 0 else found + 1 if found >= 0 else at


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at, at + 500)
    return found if found >= 0 else at


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Words that both have (`same`), that the quote left out (`gone`), or that it put in (`new`)."""

    kind: str
    text: str


def word_difference(source: str, quote: str) -> tuple[Piece, ...]:
    """From the source's words to the quote's; white space alone is no difference."""
    before = _WORD.findall(source[:_LONGEST_COMPARED])
    after = _WORD.findall(quote[:_LONGEST_COMPARED])
    return tuple(_pieces(before, after))


def _pieces(before: list[str], after: list[str]) -> Iterator[Piece]:
    """What changed between two stretches that are the same: first what is gone, then what is new."""
    gone, new = "", ""
    for step in Indel.opcodes([word.strip() for word in before], [word.strip() for word in after]):
        if step.tag != "equal":
            gone += "".join(before[step.src_start : step.src_end])
            new += "".join(after[step.dest_start : step.dest_end])
            continue
        yield from _changed(gone, new)
        gone, new = "", ""
        yield Piece(kind="same", text=visible("".join(after[step.dest_start : step.dest_end])))
    yield from _changed(gone, new)


def _changed(gone: str, new: str) -> Iterator[Piece]:
    pairs = (("gone", gone), ("new", new))
    return (Piece(kind=kind, text=visible(text)) for kind, text in pairs if text)
