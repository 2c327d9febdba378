"""What the child process says: the text of a document, or why there is none."""

import re
from dataclasses import dataclass

# Databases hold no NUL, and half a surrogate pair is no character.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The text, and what of the document is not in it."""

    text: str
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why there is no text, and what a person can do about it."""

    reason: str
    remedy: str


def clean(text: str) -> str:
    """The text with line ends and characters that every part of the service can hold."""
    return _NO_TEXT.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")


def too_large(described: str, max_bytes: int) -> Refused:
    """The document unpacks to more than may be read."""
    return Refused(
        reason=f"is {described} that holds more than {max_bytes:,} bytes of text, over the limit",
        remedy="split it, or raise THROUGHLINE_MAX_SOURCE_BYTES",
    )


def damaged(described: str, error: BaseException) -> Refused:
    """The document is not what it says it is."""
    words = " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__
    return Refused(
        reason=f"is {described} that cannot be read ({words})",
        remedy="it may be damaged: open and save it anew, or give its text as a UTF-8 file",
    )
