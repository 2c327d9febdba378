"""Outlines that need no model: the structure of the sources says what the output must contain.

A unit is about as much source as one section of output can treat well. Every character of every source
belongs to exactly one unit.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from throughline.domain.chunking import Count, split
from throughline.domain.code import definitions, diff_files, hunks
from throughline.domain.outline import Outline, OutlineUnit, unit_id
from throughline.domain.source import Format, Source, Span
from throughline.domain.structure import HEADING_CHARS, Section, one_line, sections
from throughline.domain.unit_headings import distinct, inside, numbered, repeated

# A section is cut only when it is this much larger than a unit should be: two halves read worse than
# one long section.
_CUT_ABOVE = 1.5
# What is smaller than this part of a unit may share one with its neighbours.
_SMALL = 1 / 8
# A unit is closed early, at a higher heading, only when it is filled at least this far.
_EARLIEST_CLOSE = 1 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A section, or a part of a large one.

    `within` is the heading of the section around it, where its own occurs more than once.
    """

    heading: str
    within: str
    level: int
    start: int
    end: int
    tokens: int

    @property
    def full_heading(self) -> str:
        return f"{one_line(self.within, HEADING_CHARS // 2)}: {self.heading}" if self.within else self.heading


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A unit to be. `folder` names what it may share a unit with; None: it stands alone."""

    headings: tuple[str, ...]
    spans: tuple[Span, ...]
    tokens: int
    folder: str | None = None


def summary_outline(sources: Sequence[Source], tokens_per_unit: int, count: Count) -> Outline:
    """A unit per group of the documents' own headings; small documents share a unit.

    Sizes are tokens of the sources by `count`, which is asked once for each section and once or twice
    for each part of one that is too large.
    """
    drafts = itertools.chain.from_iterable(_document_drafts(source, tokens_per_unit, count) for source in sources)
    return _outline(_share(drafts, tokens_per_unit), sources)


def code_review_outline(sources: Sequence[Source], tokens_per_unit: int, count: Count) -> Outline:
    """A unit per file, or per file of a diff, in the order given.

    A large file makes several units of neighbouring definitions; small files of one directory share.
    """
    drafts = itertools.chain.from_iterable(_file_drafts(source, tokens_per_unit, count) for source in sources)
    return _outline(_share(drafts, tokens_per_unit), sources)


def _outline(drafts: Iterable[_Draft], sources: Iterable[Source]) -> Outline:
    texts = {source.name: source.text for source in sources}
    drafted = list(drafts)
    headings = distinct([(draft.spans[0].source, draft.headings) for draft in drafted])
    return Outline(
        units=tuple(
            OutlineUnit(id=unit_id(position), heading=heading, spans=draft.spans, begins=_begins(draft, texts))
            for position, (draft, heading) in enumerate(zip(drafted, headings, strict=True), start=1)
        )
    )


_BEGINS_CHARS = 80


def _begins(draft: _Draft, texts: Mapping[str, str]) -> str:
    first = draft.spans[0]
    text = texts[first.source]
    return "" if first.end - first.start == len(text) else one_line(text[first.start : first.end], _BEGINS_CHARS)


def _document_drafts(source: Source, tokens_per_unit: int, count: Count) -> Iterator[_Draft]:
    if source.format in (Format.CODE, Format.DIFF):
        for draft in _file_drafts(source, tokens_per_unit, count):
            yield draft if draft.folder is None else replace(draft, folder="")
        return
    pieces = _pieces(source.text, sections(source), tokens_per_unit, count)
    groups = _groups(pieces, tokens_per_unit)
    for group in groups:
        yield _Draft(
            headings=_topmost(group),
            spans=(_span(source, group[0].start, group[-1].end),),
            tokens=_tokens(group),
            folder="" if len(groups) == 1 else None,
        )


def _file_drafts(source: Source, tokens_per_unit: int, count: Count) -> Iterator[_Draft]:
    if source.format is Format.DIFF:
        for changed in diff_files(source):
            whole = _measured(source.text, changed, "", count)
            yield from _one_file(source, whole, hunks(source, changed), tokens_per_unit, count)
        return
    whole = _Piece(heading=source.name, within="", level=1, start=0, end=len(source.text), tokens=count(source.text))
    inner = () if whole.tokens <= _CUT_ABOVE * tokens_per_unit else _structure(source)
    yield from _one_file(source, whole, inner, tokens_per_unit, count)


def _one_file(
    source: Source, whole: _Piece, inner: Sequence[Section], tokens_per_unit: int, count: Count
) -> Iterator[_Draft]:
    """The drafts of one file: itself when it is small enough, else groups of what is inside it."""
    path = whole.heading
    if whole.tokens <= _CUT_ABOVE * tokens_per_unit:
        yield _Draft(
            headings=(path,),
            spans=(_span(source, whole.start, whole.end),),
            tokens=whole.tokens,
            folder=path.rpartition("/")[0],
        )
        return
    for group in _groups(_pieces(source.text, inner, tokens_per_unit, count), tokens_per_unit):
        yield _Draft(
            headings=(inside(path, _topmost(group)),),
            spans=(_span(source, group[0].start, group[-1].end),),
            tokens=_tokens(group),
        )


def _structure(source: Source) -> tuple[Section, ...]:
    return definitions(source) if source.format is Format.CODE else sections(source)


def _pieces(text: str, inner: Iterable[Section], tokens_per_unit: int, count: Count) -> list[_Piece]:
    """The sections, measured, with those that are too large cut into numbered parts."""
    pieces: list[_Piece] = []
    inner = tuple(inner)
    common = repeated(section.heading for section in inner)
    for section, around in zip(inner, _surroundings(inner), strict=True):
        whole = _measured(text, section, around if section.heading in common else "", count)
        if whole.tokens <= _CUT_ABOVE * tokens_per_unit:
            pieces.append(whole)
        else:
            pieces.extend(_parts(text, whole, tokens_per_unit, count))
    return pieces


def _surroundings(inner: Iterable[Section]) -> Iterator[str]:
    """For each section the heading of the one that it is below, or nothing."""
    above: list[Section] = []
    for section in inner:
        while above and above[-1].level >= section.level:
            above.pop()
        yield above[-1].heading if above else ""
        above.append(section)


def _measured(text: str, section: Section, within: str, count: Count) -> _Piece:
    return _Piece(
        heading=section.heading,
        within=within,
        level=section.level,
        start=section.start,
        end=section.end,
        tokens=count(text[section.start : section.end]),
    )


def _parts(text: str, whole: _Piece, tokens_per_unit: int, count: Count) -> Iterator[_Piece]:
    chunks = split(text[whole.start : whole.end], tokens_per_unit, count)
    start = whole.start
    for number, chunk in enumerate(chunks, start=1):
        ordinal = f" ({number} of {len(chunks)})"
        yield _Piece(
            heading=numbered(whole.heading, ordinal),
            within=whole.within,
            # A later part is a bad place to begin a unit at: it ranks below every heading.
            level=whole.level if number == 1 else _BELOW_EVERY_HEADING,
            start=start,
            end=start + len(chunk),
            tokens=count(chunk),
        )
        start += len(chunk)


_BELOW_EVERY_HEADING = 1_000_000


def _groups(pieces: Sequence[_Piece], tokens_per_unit: int) -> list[list[_Piece]]:
    """Consecutive pieces, together while they fit, each group beginning at the highest heading in reach."""
    groups: list[list[_Piece]] = []
    begin = 0
    while begin < len(pieces):
        end = _full_at(pieces, begin, tokens_per_unit)
        if end < len(pieces):
            end = _best_close(pieces, begin, end, tokens_per_unit)
        groups.append(list(pieces[begin:end]))
        begin = end
    return _without_crumbs(groups, tokens_per_unit)


def _full_at(pieces: Sequence[_Piece], begin: int, tokens_per_unit: int) -> int:
    """The first piece that does not fit into a unit that begins at `begin`, which takes at least one."""
    total = pieces[begin].tokens
    for position in range(begin + 1, len(pieces)):
        total += pieces[position].tokens
        if total > tokens_per_unit:
            return position
    return len(pieces)


def _best_close(pieces: Sequence[_Piece], begin: int, full_at: int, tokens_per_unit: int) -> int:
    """Where the next unit begins: at the highest heading, and among equals as late as possible."""
    best = full_at
    total = _tokens(pieces[begin:full_at])
    for position in range(full_at - 1, begin, -1):
        total -= pieces[position].tokens
        if total < tokens_per_unit * _EARLIEST_CLOSE:
            break
        if pieces[position].level < pieces[best].level:
            best = position
    return best


def _without_crumbs(groups: Sequence[list[_Piece]], tokens_per_unit: int) -> list[list[_Piece]]:
    """Very small groups joined to the one before (or the first to the one after), as far as room allows."""
    joined: list[list[_Piece]] = []
    for group in groups:
        sizes = (_tokens(joined[-1]), _tokens(group)) if joined else (0, 0)
        is_crumb = joined and min(sizes) < tokens_per_unit * _SMALL
        if is_crumb and sum(sizes) <= tokens_per_unit * _CUT_ABOVE:
            joined[-1] = joined[-1] + group
        else:
            joined.append(group)
    return joined


def _share(drafts: Iterable[_Draft], tokens_per_unit: int) -> Iterator[_Draft]:
    """Neighbouring small files or documents of one folder in one unit, while they fit."""
    open_draft: _Draft | None = None
    for draft in drafts:
        shareable = draft.folder is not None and draft.tokens < tokens_per_unit * _SMALL
        if open_draft is not None:
            if shareable and draft.folder == open_draft.folder and open_draft.tokens + draft.tokens <= tokens_per_unit:
                open_draft = _together(open_draft, draft)
                continue
            yield open_draft
            open_draft = None
        if shareable:
            open_draft = draft
        else:
            yield draft
    if open_draft is not None:
        yield open_draft


def _together(first: _Draft, second: _Draft) -> _Draft:
    *before, last = first.spans
    following, *after = second.spans
    if last.source == following.source:  # neighbours within one diff
        middle = [Span(source=last.source, start=last.start, end=following.end)]
    else:
        middle = [last, following]
    return _Draft(
        headings=first.headings + second.headings,
        spans=(*before, *middle, *after),
        tokens=first.tokens + second.tokens,
        folder=first.folder,
    )


def _span(source: Source, start: int, end: int) -> Span:
    return Span(source=source.name, start=start, end=end)


def _tokens(pieces: Sequence[_Piece]) -> int:
    return sum(piece.tokens for piece in pieces)


def _topmost(group: Sequence[_Piece]) -> tuple[str, ...]:
    """The headings that are not below another one of the group: they say what the group is about."""
    headings: list[str] = []
    above = _BELOW_EVERY_HEADING
    for piece in group:
        if not headings or piece.level <= above:
            headings.append(piece.full_heading)
            above = piece.level
    return tuple(headings)
