"""A source: one input document, named, decoded and addressed by its content.

Bytes become text here, once, so that every offset in the system counts the same characters. Reading
files is not this module's business.
"""

import codecs
import hashlib
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from throughline.errors import BadInput


class Format(StrEnum):
    """How a source marks its own structure."""

    MARKDOWN = "markdown"
    RST = "rst"
    HTML = "html"
    TEXT = "text"
    CODE = "code"
    DIFF = "diff"
    PDF = "pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One document. `name` is what citations call it; it is unique within a job."""

    name: str
    format: Format
    text: str = field(repr=False)

    @property
    def sha256(self) -> str:
        """Content address: the hash of the text's UTF-8 bytes, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


# Where a page of a PDF ends and the next begins. It is white space, so a quote may reach across it.
PAGE_BREAK = "\f"


def page_of(source: Source, offset: int) -> int | None:
    """The page, counted from 1, on which that character stands; None where there are no pages."""
    if source.format is not Format.PDF:
        return None
    return source.text.count(PAGE_BREAK, 0, offset + 1) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a source: characters `start` (included) to `end` (excluded)."""

    source: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Why bytes are not a text that can be worked on, and what a person can do about it."""

    reason: str
    remedy: str


_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive (Word, Excel and EPUB files are ZIP archives too)"),
    (b"\xd0\xcf\x11\xe0", "an old Microsoft Office file"),
    (b"{\\rtf", "an RTF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x7fELF", "a compiled program"),
)
_UTF_32_BOMS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_UTF_16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode(data: bytes, name: str) -> str:
    """The text of those bytes, "\\r\\n" turned into "\\n" and nothing else changed.

    UTF-8 (with or without byte order mark) and UTF-16 with one are read; there is no guessing, because
    a wrong guess changes the text that quotes are checked against.
    """
    text = try_decode(data)
    if isinstance(text, Unreadable):
        raise BadInput(f"{name} {text.reason}; {text.remedy}.")
    return text


def try_decode(data: bytes) -> str | Unreadable:
    """As `decode`, for callers that go on without the file and say why."""
    binary = _looks_binary(data)
    if binary is not None:
        return Unreadable(reason=f"looks like {binary}", remedy="give its text as a UTF-8 file instead")
    encoding = "utf-16" if data.startswith(_UTF_16_BOMS) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        return Unreadable(reason=_not_text(data, error.start), remedy="save it as UTF-8")
    if not text.strip():
        return Unreadable(reason="is empty", remedy="give a file with text in it")
    return text.replace("\r\n", "\n")


def _not_text(data: bytes, stops_at: int) -> str:
    if data.startswith(_UTF_16_BOMS):
        return f"begins as UTF-16 does, but is none from byte {stops_at:,} on"
    return f"is neither UTF-8 (it stops at byte {stops_at:,}) nor UTF-16 with a byte order mark"


def _looks_binary(data: bytes) -> str | None:
    """What the bytes look like when they are not text."""
    for magic, description in _MAGIC:
        if data.startswith(magic):
            return description
    if data.startswith(_UTF_32_BOMS):
        return "UTF-32 text"
    if data.startswith(_UTF_16_BOMS):
        return None  # every second byte of plain English is NUL there
    nul = data.find(b"\0")
    return None if nul < 0 else f"a binary file (NUL at byte {nul:,})"


_SUFFIXES: dict[str, Format] = {
    **dict.fromkeys(("md", "markdown", "mdown", "mkd"), Format.MARKDOWN),
    **dict.fromkeys(("rst", "rest"), Format.RST),
    **dict.fromkeys(("html", "htm", "xhtml"), Format.HTML),
    **dict.fromkeys(("diff", "patch"), Format.DIFF),
    **dict.fromkeys(
        (
            "bash", "bat", "c", "cc", "cfg", "clj", "cpp", "cs", "css", "cxx", "dart", "el", "erl", "ex",
            "exs", "fish", "fs", "go", "gradle", "graphql", "groovy", "h", "hh", "hpp", "hs", "ini", "ipynb",
            "java", "jl", "js", "json", "jsx", "kt", "kts", "less", "lisp", "lua", "m", "mjs", "ml", "mm", "nim",
            "php", "pl", "pm", "proto", "ps1", "py", "pyi", "pyx", "r", "rb", "rs", "sass", "scala", "scm",
            "scss", "sh", "sql", "svelte", "swift", "tcl", "tf", "toml", "ts", "tsx", "vb", "vim", "vue",
            "xml", "yaml", "yml", "zig", "zsh",
        ),
        Format.CODE,
    ),
}  # fmt: skip
_CODE_NAMES = frozenset({"dockerfile", "makefile", "jenkinsfile", "vagrantfile", "rakefile", "gemfile"})

# A guess needs no more than the beginning; this also bounds the work on a hostile file.
_HEAD_CHARS = 200_000

_DIFF_OPENING = re.compile(r"\s*(?:diff |Index: |--- |From [0-9a-f]{40} |commit [0-9a-f]{7,40}\b)")
_DIFF_FILE = re.compile(r"^(?:diff --git |--- [^\n]*\n\+\+\+ [^\n]*\n@@ -)", re.MULTILINE)
_HTML_TAG = re.compile(r"<(?:!doctype html|html|head|body|h[1-6]|div|article|section|p)\b", re.IGNORECASE)
_RST_MARK = re.compile(
    r"^(?:\.\. [\w-]+::|\S[^\n]{0,199}\n(?P<mark>[=\-~^\"'*+#`:._])(?P=mark){2,}[ \t]*$)", re.MULTILINE
)
_MANUAL_MARK = re.compile(r"^\.(?:TH|Dt) \S", re.MULTILINE)
_MARKDOWN_MARK = re.compile(r"^(?:#{1,6} +\S|```|~~~\w)", re.MULTILINE)


def format_of(name: str, text: str) -> Format:
    """The format by the name's suffix, else by what the text begins with.

    ".txt" says nothing: manuals and diffs are often saved under it.
    """
    base = name.replace("\\", "/").rsplit("/", 1)[-1].lower()
    if base in _CODE_NAMES:
        return Format.CODE
    suffix = base.rpartition(".")[2] if "." in base else ""
    return _SUFFIXES.get(suffix) or _format_by_content(text[:_HEAD_CHARS])


def _format_by_content(head: str) -> Format:
    if head.startswith("#!"):
        return Format.CODE
    if _DIFF_OPENING.match(head) and _DIFF_FILE.search(head):
        return Format.DIFF
    # Prose may speak about tags; a page begins with one.
    if head.lstrip().startswith("<") and _HTML_TAG.search(head):
        return Format.HTML
    if _MANUAL_MARK.search(head):
        return Format.TEXT  # the source of a manual page: what looks like Markdown is a comment of an example
    rst = sum(1 for _ in _RST_MARK.finditer(head))
    markdown = sum(1 for _ in _MARKDOWN_MARK.finditer(head))
    if not rst and not markdown:
        return Format.TEXT
    return Format.RST if rst > markdown else Format.MARKDOWN


_NEWLINE = re.compile(r"\r\n?|\n")


def line_starts(text: str) -> Sequence[int]:
    """Where each line begins, by the line ends that parsers count ("\\n", "\\r", "\\r\\n") and no others.

    `str.splitlines` also breaks at form feeds and Unicode separators, which shifts every line number.
    """
    starts = array("q", [0])
    starts.extend(newline.end() for newline in _NEWLINE.finditer(text))
    return starts
