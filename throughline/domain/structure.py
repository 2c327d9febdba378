"""The sections that a document marks for itself, as consecutive stretches that leave nothing out.

Every reader here is linear in the text, whatever the text is: documents come from outside.
"""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt

from throughline.domain.source import PAGE_BREAK, Format, Source, line_starts

HEADING_CHARS = 100
_NO_HEADING = "(no heading)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Characters `start` (included) to `end` (excluded) of a source, up to the next heading of any level.

    Level 1 is the highest. What stands before the first heading has the highest level that occurs.
    """

    heading: str
    level: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a section begins, and what it is called."""

    heading: str
    level: int
    start: int


def sections(source: Source) -> tuple[Section, ...]:
    """The source cut at its headings, or into groups of paragraphs when it has none.

    The texts of the sections, joined, are the text of the source.
    """
    marks = tuple(_READERS.get(source.format, _paragraph_groups)(source.text))
    return cut_at(source.text, marks or tuple(_paragraph_groups(source.text)))


def cut_at(text: str, marks: Sequence[Mark], opening: str | None = None) -> tuple[Section, ...]:
    """Sections from each mark to the next; marks come in rising order of `start`.

    Text before the first mark is a section of its own, called `opening` or else by its first line;
    blank text there belongs to the first mark.
    """
    if not text:
        return ()
    first = marks[0].start if marks else len(text)
    if text[:first].strip() or not marks:
        lead = opening or first_line(text[:first])
        level = min((mark.level for mark in marks), default=1)
        marks = (Mark(heading=lead, level=level, start=0), *marks)
    starts = [0, *(mark.start for mark in marks[1:])]
    ends = [*starts[1:], len(text)]
    return tuple(
        Section(heading=mark.heading, level=mark.level, start=start, end=end)
        for mark, start, end in zip(marks, starts, ends, strict=True)
    )


def one_line(text: str, limit: int = HEADING_CHARS) -> str:
    """The beginning of the text on one line, cut at a word where there is one."""
    words = " ".join(text[: 4 * limit].split())
    if len(words) <= limit:
        return words
    kept = words[: limit - 1]
    at_word = kept.rpartition(" ")[0]
    return (at_word if len(at_word) > limit // 2 else kept) + "…"


def first_line(text: str) -> str:
    """The first line that is not blank, as a heading."""
    return one_line(text[:10_000].lstrip().partition("\n")[0])


def _markdown_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["normalize", "block"])  # headings need no inline markup
    # Each definition re-reads the rest of its paragraph: quadratic on a list of link definitions.
    parser.disable("reference")
    return parser


_MARKDOWN = _markdown_parser()
# Metadata between "---" lines, which CommonMark would read as a heading underlined with "---".
_FRONT_MATTER = re.compile(r"---\n(?=[\w-]+:).*?\n---[ \t]*(?:\n|$)", re.DOTALL)


def _markdown_marks(text: str) -> Iterator[Mark]:
    front_matter = _FRONT_MATTER.match(text)
    offset = front_matter.end() if front_matter else 0
    starts = line_starts(text[offset:])
    tokens = _MARKDOWN.parse(text[offset:])
    # Headings inside quotes and list items structure the quote or the item, not the document.
    headings = [n for n, token in enumerate(tokens) if token.type == "heading_open" and token.level == 0]
    if front_matter and headings:
        yield Mark(heading="Front matter", level=1, start=0)
    for n in headings:
        lines = tokens[n].map or [0, 0]
        heading = one_line(tokens[n + 1].content) or _NO_HEADING
        yield Mark(heading=heading, level=int(tokens[n].tag[1]), start=offset + starts[lines[0]])


_ADORNMENT = re.compile(r"^([!-/:-@\[-`{-~])\1+[ \t]*$", re.MULTILINE)


def _rst_marks(text: str) -> Iterator[Mark]:
    """Titles by their adornment; the order in which styles first appear gives the levels."""
    levels: dict[tuple[str, bool], int] = {}
    done = 0  # where the last title ended: its underline is not the overline of the next
    for adornment in _ADORNMENT.finditer(text):
        title = _title_above(text, adornment.start(), done)
        if title is None or not _underlines(text, title, adornment[0].rstrip()):
            continue
        overline = _overline(text, title[0], adornment[0].rstrip(), done)
        style = (adornment[1], overline is not None)
        level = levels.setdefault(style, len(levels) + 1)
        start = title[0] if overline is None else overline
        done = adornment.end()
        yield Mark(heading=one_line(text[title[0] : title[1]]), level=level, start=start)


def _title_above(text: str, underline: int, floor: int) -> tuple[int, int] | None:
    """The span of the line above, when it can be a title."""
    end = underline - 1
    start = text.rfind("\n", floor, end) + 1 if end > floor else 0
    start = max(start, floor)
    line = text[start:end] if end - start <= _LONGEST_TITLE else ""
    if not line.strip() or _ADORNMENT.match(line):
        return None
    return start, end


_LONGEST_TITLE = 300


def _underlines(text: str, title: tuple[int, int], adornment: str) -> bool:
    """Whether that adornment makes that line a title, rather than ending a table or a paragraph."""
    line = text[title[0] : title[1]].rstrip()
    above = _line_before(text, title[0])
    overlined = above is not None and above.rstrip() == adornment
    if line[0].isspace() and not overlined:
        return False  # literal blocks and tables are indented, titles are not
    if above is not None and above.strip() and not overlined:
        return len(line) == len(adornment)  # inside a paragraph only an exact fit is meant as a title
    # People miscount by a character or two; docutils warns and reads such a title all the same.
    return len(adornment) >= len(line) or (len(adornment) >= 4 and len(adornment) + 2 >= len(line))


def _line_before(text: str, start: int) -> str | None:
    if start == 0:
        return None
    begin = text.rfind("\n", max(0, start - 1 - _LONGEST_TITLE), start - 1) + 1
    return text[begin : start - 1]


def _overline(text: str, title: int, adornment: str, floor: int) -> int | None:
    above = _line_before(text, title)
    if above is None or above.rstrip() != adornment:
        return None
    start = title - 1 - len(above)
    return start if start >= floor else None


# html.parser rescans unclosed tags and comments from the start: quadratic on a hostile page.
_HTML_TOKEN = re.compile(r"<!--|-->|<(?P<close>/?)(?P<tag>h[1-6]|script|style)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_HEADING_SOURCE_CHARS = 2_000


def _html_marks(text: str) -> Iterator[Mark]:
    """h1 to h6 outside comments, scripts and styles; an unclosed one ends at the next tag of those."""
    waiting_for: str | None = None  # the token that ends a stretch without markup
    opened: re.Match[str] | None = None
    for token in _HTML_TOKEN.finditer(text):
        name = _token_name(token)
        if waiting_for is not None:
            waiting_for = None if name == waiting_for else waiting_for
            continue
        if opened is not None:
            yield _html_mark(text, opened, token.start())
            opened = None
        if name in _ENDS:
            waiting_for = _ENDS[name]
        elif name.startswith("h"):
            opened = token
    if opened is not None:
        yield _html_mark(text, opened, len(text))


_ENDS = {"<!--": "-->", "script": "/script", "style": "/style"}


def _token_name(token: re.Match[str]) -> str:
    if token["tag"] is None:
        return token[0]
    return token["close"] + token["tag"].lower()


def _html_mark(text: str, opened: re.Match[str], end: int) -> Mark:
    content = text[opened.end() : min(end, opened.end() + _HEADING_SOURCE_CHARS)]
    heading = one_line(html.unescape(_TAG.sub("", content)))
    return Mark(heading=heading or _NO_HEADING, level=int(opened["tag"][1]), start=opened.start())


_PDF_HEADING = re.compile(r"(?:^|(?<=\f))(#{1,6}) ([^\n\f]+)", re.MULTILINE)
_PAGE_LEVEL = 7  # below every heading


def _pdf_marks(text: str) -> Iterator[Mark]:
    """Every page that holds text, and the headings that the file's own table of contents names.

    Those are lines that begin with "#"; whoever extracts the text indents any other line that would.
    """
    start = 0
    for number, page in enumerate(text.split(PAGE_BREAK), start=1):
        end = start + len(page)
        if page.strip():
            yield from _page_marks(text, number, start, end)
        start = end + 1


def _page_marks(text: str, number: int, start: int, end: int) -> Iterator[Mark]:
    begin = max(start - 1, 0)  # with the break before it
    headings = list(_PDF_HEADING.finditer(text, start, end))
    leads = bool(headings) and not text[start : headings[0].start()].strip()
    if not leads:
        yield Mark(heading=one_line(f"page {number}: {first_line(text[start:end])}"), level=_PAGE_LEVEL, start=begin)
    for position, heading in enumerate(headings):
        yield Mark(
            heading=one_line(heading[2]) or _NO_HEADING,
            level=len(heading[1]),
            start=begin if leads and position == 0 else heading.start(),
        )


_PARAGRAPH_END = re.compile(r"\n(?:[ \t\f]*\n)+\f?|\f")
_GROUP_CHARS = 1_500
# What people write above a part of a plain text: a line that stands alone, or capitals with deeper lines beneath.
_TITLE = re.compile(
    r"""(?:[ \t]*\n)*(?P<indent>[ ]{0,40})(?:
        (?P<capitals>(?=[^a-z\n]*[A-Z]{3})[A-Z][^a-z\n\f.;]{2,60})
        (?=\n(?P=indent)[ \t]+\S|\n[ \t\f]*\n|\f|\n?\Z)
      | (?P<numbered>
            (?:Chapter|Part|Section|Article|Appendix)[ ][\dA-Z][\w.]{0,8}\b[^\n\f]{0,60}
          | \d{1,3}(?:\.\d{1,3}){0,4}\.?[ ][A-Z][^\n\f]{0,60}
        )(?=\n[ \t\f]*\n|\f|\n?\Z)
    )""",
    re.VERBOSE,
)
_MANUAL_TITLE = re.compile(r"^\.S[Hh] +\"?([^\n\"]{1,100})", re.MULTILINE)


def _text_marks(text: str) -> Iterator[Mark]:
    """Titles, of a manual page's source too, and below them groups of paragraphs of about half a page."""
    manual = [Mark(heading=one_line(title[1]), level=1, start=title.start()) for title in _MANUAL_TITLE.finditer(text)]
    return iter(manual) if len(manual) > 1 else _paragraph_groups(text)


def _paragraph_groups(text: str) -> Iterator[Mark]:
    """Neighbouring paragraphs together until they fill about half a page or a title begins the next."""
    titled = False
    start, title = 0, _title_at(text, 0)
    for gap in _PARAGRAPH_END.finditer(text):
        following = _title_at(text, gap.end())
        if gap.end() < len(text) and (following or gap.end() - start >= _GROUP_CHARS):
            yield _group(text, start, gap.start(), title, below=titled)
            titled = titled or title is not None
            start, title = gap.end(), following
    yield _group(text, start, len(text), title, below=titled)


def _title_at(text: str, start: int) -> str | None:
    found = _TITLE.match(text, start, start + _LONGEST_TITLE)
    return one_line(found["capitals"] or found["numbered"]) if found else None


def _group(text: str, start: int, end: int, title: str | None, *, below: bool) -> Mark:
    if title is not None:
        return Mark(heading=title, level=1, start=start)
    heading = one_line(text[start : min(start + 1_000, end)], 60) or "(blank)"
    return Mark(heading=heading, level=2 if below else 1, start=start)


_READERS: dict[Format, Callable[[str], Iterator[Mark]]] = {
    Format.MARKDOWN: _markdown_marks,
    Format.RST: _rst_marks,
    Format.HTML: _html_marks,
    Format.PDF: _pdf_marks,
    Format.TEXT: _text_marks,
}
