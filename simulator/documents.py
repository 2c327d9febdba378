"""Taking documents apart into sentences, quotable pieces and headings.

A quote is always a verbatim piece of the document; a sentence has its line breaks and spaces collapsed so
that it reads as prose. Parsing half a megabyte takes tens of milliseconds, so parsed documents are
remembered.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

QUOTE_MIN_CHARS, QUOTE_MAX_CHARS = 40, 200

_NUMBERED_LINE = re.compile(r"^[ \t]*(\d+)\|(.*)$")
_BLOCK = re.compile(r"[^\n]*\S[^\n]*(?:\n[^\n]*\S[^\n]*)*")
_SENTENCE_END = re.compile(r"[.!?][\"'\u201d\u2019)\]]*\s+(?=[A-Z0-9\"'\u201c(\[`*_])|\n(?=[ \t]*[-*+\u2022] )")
_BULLET = re.compile(r"^(?:[-*+\u2022]|\d+[.)])\s+")
_MARKDOWN_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t#]*$")
_UNDERLINE = re.compile(r"^([=\-~*^\"])\1{2,}[ \t]*$")
_DEFINITION = re.compile(r"^\s*(?:async )?(?:class|def) (\w+)")
_COMMENT = re.compile(r"^#+\s*([A-Z].{20,})$")
_ORDINAL = re.compile(r" (?:\(\d+ of \d+\)|\[\d+\])$")
_LINE_NUMBER = re.compile(r"\blines? (\d+)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence (or line of code), where it starts, and what of it can be quoted."""

    text: str
    quote: str
    offset: int
    line: int
    words: int

    @property
    def is_quotable(self) -> bool:
        return len(self.quote) >= QUOTE_MIN_CHARS


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    offset: int


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    text: str
    sentences: tuple[Sentence, ...]
    headings: tuple[Heading, ...]
    is_code: bool

    def position_of(self, heading: str) -> int | None:
        """The index of the first sentence that belongs to a heading, if the document has it.

        A heading may be numbered as one of several parts, and have in front of a colon what stands around it.
        """
        offset = self._offset_of(heading)
        if offset is None:
            offset = self._offset_of(_ORDINAL.sub("", heading).rpartition(": ")[2])
        if offset is None:
            return None
        return min(self.position_at(offset), len(self.sentences) - 1)

    def position_at(self, offset: int) -> int:
        return bisect_left(self.sentences, offset, key=lambda sentence: sentence.offset)

    def _offset_of(self, heading: str) -> int | None:
        wanted = heading.strip().casefold()
        for candidate in self.headings:
            if candidate.text.casefold() == wanted:
                return candidate.offset
        if self.is_code:
            return self._code_offset_of(heading)
        found = self.text.find(heading.strip()) if wanted else -1
        return found if found >= 0 else None

    def _code_offset_of(self, heading: str) -> int | None:
        if line := _LINE_NUMBER.search(heading):
            number = int(line[1])
            return next((s.offset for s in self.sentences if s.line >= number), None)
        names = set(re.findall(r"\w+", heading))
        for candidate in self.headings:
            if (match := _DEFINITION.match(candidate.text)) and match[1] in names:
                return candidate.offset
        return None


@lru_cache(maxsize=512)
def parse(text: str) -> Document:
    """Take a document apart; the same text is parsed once."""
    if _is_numbered_code(text):
        return _parse_code(text)
    return _parse_prose(text)


def _is_numbered_code(text: str) -> bool:
    lines = [line for line in text[:4000].split("\n")[:20] if line.strip()][:-1] or [text.split("\n", 1)[0]]
    return sum(1 for line in lines if _NUMBERED_LINE.match(line)) * 2 > len(lines)


def _parse_code(text: str) -> Document:
    sentences: list[Sentence] = []
    headings: list[Heading] = []
    short: list[Sentence] = []
    offset = 0
    for line in text.split("\n"):
        if numbered := _NUMBERED_LINE.match(line):
            number, code = int(numbered[1]), numbered[2]
            if _DEFINITION.match(code) and not code.startswith("  "):
                headings.append(Heading(code.strip().rstrip(":"), offset))
            if any(map(str.isalnum, code)):
                telling = sentences if len(code.strip()) >= 12 else short
                telling.append(_code_sentence(code.strip(), number, offset))
        offset += len(line) + 1
    found = sentences or short[:1] or [_last_resort(text)]
    return Document(text, tuple(found), tuple(headings), is_code=True)


def _code_sentence(code: str, number: int, offset: int) -> Sentence:
    comment = _COMMENT.match(code)
    text = comment[1].rstrip(".") + "." if comment else f"Line {number} reads `{code}`."
    return Sentence(text, code[:QUOTE_MAX_CHARS], offset, number, text.count(" ") + 1)


def _parse_prose(text: str) -> Document:
    sentences: list[Sentence] = []
    headings: list[Heading] = []
    line = 1
    counted_to = 0
    for block in _BLOCK.finditer(text):
        line += text.count("\n", counted_to, block.start())
        counted_to = block.start()
        body_start = block.start()
        if heading := _heading_of(block[0]):
            title, length = heading
            headings.append(Heading(title, block.start()))
            body_start += length
        sentences.extend(_sentences(text, body_start, block.end(), line))
    return Document(text, tuple(sentences) or (_last_resort(text),), tuple(headings), is_code=False)


def _heading_of(block: str) -> tuple[str, int] | None:
    """The heading at the start of a block, and how many characters it takes."""
    lines = block.split("\n", 2)
    if markdown := _MARKDOWN_HEADING.match(lines[0]):
        return markdown[1], len(lines[0])
    if len(lines) > 1 and _UNDERLINE.match(lines[1]) and len(lines[0]) <= 120:
        return lines[0].strip(), len(lines[0]) + 1 + len(lines[1])
    if len(lines) == 1 and _looks_like_title(block):
        return block.strip(), len(block)
    return None


def _looks_like_title(line: str) -> bool:
    if not 3 <= len(line) <= 80 or line[0].isspace() or line.rstrip()[-1] in ".,;:!?|>)":
        return False
    return (line[0].isupper() or line[0].isdigit()) and _letter_share(line) > 0.8


def _letter_share(text: str) -> float:
    return sum(1 for char in text if char.isalpha() or char == " ") / len(text)


def _sentences(text: str, start: int, end: int, first_line: int) -> Iterator[Sentence]:
    for piece_start, piece_end in _pieces(text, start, end):
        raw = text[piece_start:piece_end].strip()
        collapsed = _BULLET.sub("", " ".join(raw.split()))
        if 25 <= len(collapsed) <= 600 and collapsed[-1] != ":" and _letter_share(collapsed) >= 0.8:
            quote = _quote_of(raw)
            line = first_line + text.count("\n", start, text.find(quote, piece_start, piece_end))
            yield Sentence(_closed(collapsed), quote, piece_start, line, collapsed.count(" ") + 1)


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece_start = start
    for boundary in _SENTENCE_END.finditer(text, start, end):
        yield piece_start, boundary.end()
        piece_start = boundary.end()
    if piece_start < end:
        yield piece_start, end


def _closed(sentence: str) -> str:
    return sentence if sentence[-1] in ".!?)\"'\u201d\u2019" else sentence.rstrip(";,") + "."


def _quote_of(raw: str) -> str:
    """A verbatim piece on one line: the whole sentence if it can be, else its longest line."""
    if "\n" not in raw:
        return _cut_at_word(raw)
    return _cut_at_word(max(_whole_words(raw.split("\n")), key=len))


def _whole_words(lines: list[str]) -> Iterator[str]:
    """The lines without the halves of a word that is divided between two: "non-" left out is another meaning."""
    divided = False
    for line in lines:
        stripped = line.strip()
        whole = stripped.partition(" ")[2] if divided else stripped
        divided = stripped.endswith("-")
        yield whole.rpartition(" ")[0] if divided else whole


def _cut_at_word(raw: str) -> str:
    if len(raw) <= QUOTE_MAX_CHARS:
        return raw
    return raw[: raw.rfind(" ", 0, QUOTE_MAX_CHARS) if " " in raw[:QUOTE_MAX_CHARS] else QUOTE_MAX_CHARS]


def _last_resort(text: str) -> Sentence:
    """A document without a single sentence still has a first line."""
    first = next((line.strip() for line in text.split("\n") if line.strip()), "Nothing was given.")
    quote = first[:QUOTE_MAX_CHARS]
    return Sentence(_closed(" ".join(quote.split())), quote, 0, 1, quote.count(" ") + 1)
