"""The text of a Word document as Markdown: headings by their level, lists, tables row by row, notes at the end.

Paragraphs are read from the XML itself: the library's own text leaves out tracked insertions, fields
and content controls. What was deleted under change tracking is not read.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import docx
from docx.oxml import parse_xml
from docx.oxml.ns import qn

from throughline.sources.extraction.answer import Refused, Text, clean, damaged, too_large

_TEXT = frozenset({qn("w:t"), "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"})
_TAB, _BREAK, _RETURN, _HYPHEN = qn("w:tab"), qn("w:br"), qn("w:cr"), qn("w:noBreakHyphen")
_PARAGRAPH, _TABLE, _ROW, _CELL = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
_CONTAINERS = frozenset({qn("w:sdt"), qn("w:sdtContent"), qn("w:customXml"), qn("w:ins"), qn("w:moveTo")})
_REMOVED = frozenset({qn("w:del"), qn("w:moveFrom")})
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_NOTE, _NOTE_ID, _NOTE_TYPE = {qn("w:footnote"), qn("w:endnote")}, qn("w:id"), qn("w:type")
_REFERENCES = {qn("w:footnoteReference"): "", qn("w:endnoteReference"): "e"}
_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
_DEEPEST = 6
_MOST_UNPACKED = 20  # times the limit: XML is mostly markup
Element = Any  # lxml ships no types


def extract(data: bytes, max_bytes: int) -> Text | Refused:
    """The text of the whole document, or one reason why there is none."""
    try:
        return _extract(data, max_bytes)
    except Exception as error:  # noqa: BLE001 - a damaged file fails anywhere inside the reader
        return damaged("a Word document", error)


def _extract(data: bytes, max_bytes: int) -> Text | Refused:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        # Before anything is unpacked: some kilobytes may stand for gigabytes.
        if sum(member.file_size for member in archive.infolist() if _is_xml(member)) > _MOST_UNPACKED * max_bytes:
            return too_large("a Word document", max_bytes)
    document = docx.Document(io.BytesIO(data))
    blocks = [*_blocks(document.element.body, _Styles(document)), *_notes(document)]
    text = clean("\n\n".join(block for block in blocks if block.strip()))
    if not text:
        return Refused(reason="is a Word document without text", remedy="give a document with text in it")
    if len(text.encode()) > max_bytes:
        return too_large("a Word document", max_bytes)
    return Text(text=text + "\n", left_out=_pictures(document))


def _is_xml(member: zipfile.ZipInfo) -> bool:
    return member.filename.endswith((".xml", ".rels"))


class _Styles:
    """The heading level of each paragraph style; Word keeps the English names in every language."""

    def __init__(self, document: Any) -> None:
        self._levels: dict[str, int] = {}
        for style in document.styles:
            name = style.name or ""
            heading = _HEADING.fullmatch(name)
            if heading or name.casefold() == "title":
                self._levels[style.style_id] = int(heading[1]) if heading else 1

    def level(self, paragraph: Element) -> int | None:
        """The level of a heading; None for any other paragraph."""
        properties = paragraph.pPr
        if properties is None:
            return None
        outline = properties.find(qn("w:outlineLvl"))
        if outline is not None and outline.get(qn("w:val"), "").isdigit():
            own = int(outline.get(qn("w:val"))) + 1
            return own if own <= 9 else None
        return self._levels.get(properties.style)


def _blocks(parent: Element, styles: _Styles) -> Iterator[str]:
    for child in parent:
        if child.tag == _PARAGRAPH:
            yield _block(child, styles)
        elif child.tag == _TABLE:
            yield _table(child)
        elif child.tag in _CONTAINERS:
            yield from _blocks(child, styles)


def _block(paragraph: Element, styles: _Styles) -> str:
    text = _text(paragraph).strip()
    level = styles.level(paragraph)
    if text and level is not None:
        return f"{'#' * min(level, _DEEPEST)} {' '.join(text.split())}"
    if text and paragraph.pPr is not None and paragraph.pPr.numPr is not None:
        return f"- {text}"
    return text


def _text(element: Element) -> str:
    return "".join(_pieces(element))


def _pieces(element: Element) -> Iterator[str]:
    for child in element:
        if child.tag in _TEXT:
            yield child.text or ""
        elif child.tag == _TAB:
            yield "\t"
        elif child.tag in (_BREAK, _RETURN):
            yield "\n"
        elif child.tag == _HYPHEN:
            yield "-"
        elif child.tag in _REFERENCES:
            yield f"[^{_REFERENCES[child.tag]}{child.get(_NOTE_ID)}]"
        elif child.tag == _PARAGRAPH:  # of a text box
            yield f"\n{_text(child)}\n"
        elif child.tag not in _REMOVED and child.tag != _FALLBACK and child.tag != qn("w:pPr"):
            yield from _pieces(child)


def _table(table: Element) -> str:
    """A line a row, a column a cell; a table inside a cell is read with the cell."""
    rows = [[_cell(cell) for cell in _own(row, _CELL)] for row in _own(table, _ROW)]
    lines = [f"| {' | '.join(cells)} |" for cells in rows if cells]
    if len(lines) > 1:
        lines.insert(1, f"|{' --- |' * len(rows[0])}")
    return "\n".join(lines)


def _own(parent: Element, tag: str) -> Iterator[Element]:
    """The rows of a table or the cells of a row, also those inside a content control."""
    for child in parent:
        if child.tag == tag:
            yield child
        elif child.tag in _CONTAINERS:
            yield from _own(child, tag)


def _cell(cell: Element) -> str:
    return " ".join(_text(cell).split())


def _notes(document: Any) -> Iterator[str]:
    """Footnotes and endnotes, each under the mark that stands in the text."""
    for part in document.part.package.iter_parts():
        kind = str(part.partname).rpartition("/")[2]
        if kind in ("footnotes.xml", "endnotes.xml"):
            mark = "e" if kind == "endnotes.xml" else ""
            notes: Element = parse_xml(part.blob)
            for note in notes:
                if note.tag in _NOTE and note.get(_NOTE_TYPE) is None:
                    yield f"[^{mark}{note.get(_NOTE_ID)}]: {' '.join(_text(note).split())}"


def _pictures(document: Any) -> tuple[str, ...]:
    count = sum(1 for part in document.part.package.iter_parts() if str(part.partname).startswith("/word/media/"))
    if not count:
        return ()
    return (
        f"holds {count:,} {'picture' if count == 1 else 'pictures'}, which {'is' if count == 1 else 'are'} not read",
    )
