"""The text layer of a PDF, page by page: a form feed stands where a page ends and the next begins.

The headings that the file's table of contents names become lines that begin with "#". Any other line that
begins so is indented, so that nothing else reads as a heading.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pypdf import PasswordType, PdfReader
from pypdf.errors import DependencyError

from throughline.sources.extraction.answer import Refused, Text, clean, damaged, too_large

_PAGE_BREAK = "\f"
_DEEPEST = 6
_MOST_HEADINGS = 10_000
_MOST_PAGES_NAMED = 10
_AS_HEADING = re.compile(r"^(?=#)", re.MULTILINE)
_Headings = Mapping[int, Sequence[tuple[int, str]]]


def extract(data: bytes, max_bytes: int) -> Text | Refused:
    """The text of every page, or one reason why there is none."""
    try:
        return _extract(data, max_bytes)
    except DependencyError as error:
        return Refused(reason=f"is an encrypted PDF ({error})", remedy="save a copy without encryption")
    except Exception as error:  # noqa: BLE001 - a damaged file fails anywhere inside the reader
        return damaged("a PDF", error)


def _extract(data: bytes, max_bytes: int) -> Text | Refused:
    reader = PdfReader(io.BytesIO(data))
    # Many files are encrypted with an empty password, only to forbid printing.
    if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
        return Refused(reason="is a PDF that needs a password", remedy="save a copy without one")
    headings = _headings(reader)
    pages: list[str] = []
    blank: list[int] = []
    size_bytes = 0
    for number, page in enumerate(reader.pages, start=1):
        text = clean(page.extract_text()).replace(_PAGE_BREAK, "\n").strip("\n")
        size_bytes += len(text.encode())
        if size_bytes > max_bytes:
            return too_large("a PDF", max_bytes)
        if not text.strip():
            blank.append(number)
        pages.append(_marked(text, headings.get(number, ())))
    if len(blank) == len(pages):
        return Refused(
            reason=f"is a PDF without text on its {len(pages):,} {'page' if len(pages) == 1 else 'pages'}"
            " (a scan, probably)",
            remedy="run OCR over it (ocrmypdf, for example) and give the result",
        )
    return Text(text=f"\n{_PAGE_BREAK}".join(pages) + "\n", left_out=_about(blank))


def _about(blank: Sequence[int]) -> tuple[str, ...]:
    if not blank:
        return ()
    named = ", ".join(str(number) for number in blank[:_MOST_PAGES_NAMED])
    more = f" and {len(blank) - _MOST_PAGES_NAMED:,} more" if len(blank) > _MOST_PAGES_NAMED else ""
    return (f"holds no text on {'page' if len(blank) == 1 else 'pages'} {named}{more} (blank or scanned)",)


def _headings(reader: PdfReader) -> _Headings:
    """Level and title of the table of contents by page; a broken one is no reason to refuse the text."""
    found: dict[int, list[tuple[int, str]]] = {}
    try:
        outline = cast("Sequence[Any]", reader.outline)  # Any: entries and lists of them
        for count, (level, entry) in enumerate(_entries(outline, 1)):
            if count >= _MOST_HEADINGS:
                break
            page = reader.get_destination_page_number(entry)
            if page is not None:
                found.setdefault(page + 1, []).append((level, str(entry.title)))
    except Exception:  # noqa: BLE001 - as in `extract`
        return {}
    return found


def _entries(outline: Sequence[Any], level: int) -> Iterator[tuple[int, Any]]:  # Any: as above
    for entry in outline:
        if isinstance(entry, list):
            yield from _entries(cast("list[Any]", entry), level + 1)
        else:
            yield level, entry


def _marked(text: str, headings: Sequence[tuple[int, str]]) -> str:
    """The page with those of its lines marked that the table of contents names."""
    lines = _AS_HEADING.sub(" ", text).split("\n")
    after = 0
    for level, title in headings:
        at = _line_of(title, lines, after)
        if at is not None:
            lines[at] = f"{'#' * min(level, _DEEPEST)} {lines[at].strip()}"
            after = at + 1
    return "\n".join(lines)


def _line_of(title: str, lines: Sequence[str], after: int) -> int | None:
    """The first line from there on that says what the title says, whatever number stands before either."""
    wanted = _plain(title)
    if not wanted:
        return None
    plain = (_plain(line) for line in lines[after:])
    return next((after + offset for offset, line in enumerate(plain) if line == wanted), None)


def _plain(line: str) -> str:
    return re.sub(r"\W+", "", re.sub(r"^\s*[\dIVX]+(?:\.\d+)*\.?\s+", "", line)).casefold()
