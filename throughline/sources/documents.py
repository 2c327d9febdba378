"""From bytes to text. Text is decoded here; PDF and Word files are read by a child process.

They come from outside and their readers are large: in a process of its own a file that was made to
exhaust time or memory ends that process and nothing else.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import throughline
from throughline.domain.source import Format, Unreadable, format_of, try_decode
from throughline.sources import child

_PDF = b"%PDF-"
_ZIP = b"PK\x03\x04"
_WORD_MEMBER = b"word/document.xml"
_PACKAGES = Path(throughline.__file__).parents[1]
# JSON writes a character in up to six bytes.
_BYTES_PER_CHARACTER = 6
_FRAME_BYTES = 100_000
_KEPT = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A document's text. `left_out` says what of it could not be read.

    `size_bytes` counts against the limits: what was read, or what it unpacked to where that is more.
    """

    text: str
    format: Format
    size_bytes: int
    left_out: tuple[str, ...] = ()


def kind_of(data: bytes) -> str | None:
    """ "pdf" or "word" for the bytes of such a document."""
    if data[:1_024].lstrip(b"\xef\xbb\xbf \t\r\n\0").startswith(_PDF):
        return "pdf"
    return "word" if data.startswith(_ZIP) and _WORD_MEMBER in data else None


def content_of(data: bytes, name: str, *, max_bytes: int, timeout_s: float) -> Content | Unreadable:
    """The text of those bytes; the name helps to tell its format."""
    kind = kind_of(data)
    if kind is not None:
        return _extracted(data, kind, max_bytes, timeout_s)
    text = try_decode(data)
    if isinstance(text, Unreadable):
        return text
    return Content(text=text, format=format_of(name, text), size_bytes=len(data))


def _extracted(data: bytes, kind: str, max_bytes: int, timeout_s: float) -> Content | Unreadable:
    described = {"pdf": "a PDF", "word": "a Word document"}[kind]
    # -P: a file called json.py in the working directory is not ours.
    ended = child.run(
        [sys.executable, "-P", "-m", "throughline.sources.extraction", kind, str(max_bytes)],
        given=data,
        environment=_environment(),
        max_bytes=_BYTES_PER_CHARACTER * max_bytes + _FRAME_BYTES,
        timeout_s=timeout_s,
    )
    if ended.late:
        return Unreadable(
            reason=f"is {described} that takes longer than {timeout_s:g} seconds to read",
            remedy="split it, or give its text as a UTF-8 file",
        )
    if ended.code != 0:
        return Unreadable(
            reason=f"is {described} that cannot be read (its reader gave up)",
            remedy="save it anew, or give its text as a UTF-8 file",
        )
    answer = json.loads(ended.output)
    if "reason" in answer:
        return Unreadable(reason=answer["reason"], remedy=answer["remedy"])
    form = Format.PDF if kind == "pdf" else Format.MARKDOWN
    size_bytes = max(len(data), len(answer["text"].encode()))
    return Content(text=answer["text"], format=form, size_bytes=size_bytes, left_out=tuple(answer["left_out"]))


def _environment() -> Mapping[str, str]:
    """What Python needs to start. Keys and passwords stay here: the child reads what strangers wrote."""
    given = os.environ.get("PYTHONPATH", "")
    path = [str(_PACKAGES), *(part for part in given.split(os.pathsep) if part)]
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    return {**kept, "PYTHONPATH": os.pathsep.join(path)}
