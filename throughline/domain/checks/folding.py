"""The shape of a text put aside, so that only its words are compared, with the way back to its characters.

Typography is shape: quotation marks, dashes, ligatures and other compatibility characters, soft hyphens,
words divided at a line's end, Markdown escapes. Digits, signs and letters are never shape.
"""

import re
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

_PLAIN = {
    "'": "‘’‚‛′‹›",
    '"': "“”„‟″«»",
    "-": "‐‑‒–—―−",
}
DASHES = "-" + _PLAIN["-"]
_Edit = tuple[int, int, str]


class Folded:
    """A folded text. `original_start` and `original_end` lead back to the characters it came from.

    In code a hyphen or a backslash means what it says. With `hyphens` those between letters stay.
    """

    def __init__(self, original: str, *, code: bool = False, hyphens: bool = False) -> None:
        plain = _plain(original)
        composed, self._composing = _edited(plain, () if plain.isascii() else _compositions(plain))
        self.text, self._joining = _edited(composed, () if code else _joints(composed, hyphens=hyphens))

    def original_start(self, offset: int) -> int:
        """Where the character at that offset begins in the original."""
        return self._composing.before(self._joining.before(offset))

    def original_end(self, offset: int) -> int:
        """Where the character just before that offset ends in the original."""
        return self._composing.behind(self._joining.behind(offset))


def _plain(text: str) -> str:
    """Typographic marks made plain, one character for one."""
    if not text.isascii():
        for mark, variants in _PLAIN.items():
            for variant in variants:
                text = text.replace(variant, mark)
    return text


class _Edits:
    """Where stretches of an old text became other stretches of a new one."""

    def __init__(self) -> None:
        self._new_start, self._new_end = array("q"), array("q")
        self._old_start, self._old_end = array("q"), array("q")

    def add(self, new: tuple[int, int], old: tuple[int, int]) -> None:
        self._new_start.append(new[0])
        self._new_end.append(new[1])
        self._old_start.append(old[0])
        self._old_end.append(old[1])

    def before(self, offset: int) -> int:
        at = bisect_right(self._new_start, offset) - 1
        if at < 0:
            return offset
        inside = offset < self._new_end[at]
        return self._old_start[at] if inside else self._old_end[at] + offset - self._new_end[at]

    def behind(self, offset: int) -> int:
        at = bisect_right(self._new_start, offset - 1) - 1
        if at < 0:
            return offset
        return self._old_end[at] + max(offset - self._new_end[at], 0)


def _edited(text: str, edits: Iterable[_Edit]) -> tuple[str, _Edits]:
    """The text with those stretches replaced; they come in order and do not overlap."""
    done = _Edits()
    pieces: list[str] = []
    kept_from = length = 0
    for start, end, replacement in edits:
        pieces += (text[kept_from:start], replacement)
        length += start - kept_from
        done.add((length, length + len(replacement)), (start, end))
        length += len(replacement)
        kept_from = end
    return ("".join((*pieces, text[kept_from:])) if pieces else text), done


# --- compatibility characters -----------------------------------------------------------------------


def _compositions(text: str) -> Iterator[_Edit]:
    """What Unicode's NFKC would write otherwise, unless that would make another number."""
    characters = set(text)
    changing = {char for char in characters if not char.isspace() and _normal(char) != char}
    marks = {char for char in characters if unicodedata.combining(char)}
    if not changing and not marks:
        return
    single = f"[{re.escape(''.join(sorted(changing | marks)))}]"
    if marks:
        combining = f"[{re.escape(''.join(sorted(marks)))}]"
        single = f"{single}{combining}*|[^\\s]{combining}+"
    for found in re.finditer(single, text):
        normal = _normal(found[0])
        if normal != found[0] and not normal.isspace() and not _makes_a_number(text, found, normal):
            yield found.start(), found.end(), normal


def _normal(text: str) -> str:
    return _plain(unicodedata.normalize("NFKC", text))


def _makes_a_number(text: str, found: re.Match[str], normal: str) -> bool:
    """Whether 10² would become 102: a raised or circled digit is folded only where no digit is near."""
    kind = unicodedata.decomposition(found[0][0]).partition(" ")[0]
    if kind not in {"<super>", "<sub>", "<fraction>", "<circle>"} or not any(map(str.isdigit, normal)):
        return False
    before = found.start()
    while before and text[before - 1] in _SMALL_SIGNS:  # 10⁻⁵ is not 10-5
        before -= 1
    neighbours = text[max(0, before - 1) : before] + text[found.end() : found.end() + 1]
    return any(map(str.isnumeric, neighbours))


_SMALL_SIGNS = frozenset("⁺⁻₊₋")


# --- hyphens and escapes ----------------------------------------------------------------------------

_LETTER = r"[^\W\d_]"
# Alternatives begin with a plain character each, which lets the search skip through a text quickly.
_JOINT = re.compile(
    rf"-(?:(?<={_LETTER}-)(?P<gap>\s*)(?={_LETTER})|(?<=\w-)(?P<broken>\s+)(?=\w)|(?<=\s-)(?P<dash>-{{1,2}})(?=\s))"
    r"|\\(?=[!-/:-@\[\]^_`{-~])|\u00ad(?:[ \t]*\n\s*)?|\u200b|\u2060|\ufeff"
)


def _joints(text: str, *, hyphens: bool = False) -> Iterator[_Edit]:
    """Hyphens inside words (whether they count is `same_hyphens`), spaced double dashes, escapes, invisible marks."""
    for found in _JOINT.finditer(text):
        if hyphens and found["gap"] is not None:
            continue
        keeps_dash = found["broken"] is not None or found["dash"] is not None
        yield found.start(), found.end(), "-" if keeps_dash else ""


def same_hyphens(first: str, second: str) -> bool:
    """Whether two texts that fold alike also have the same hyphens; one that ends a line may be there or not."""
    hard, soft = _hyphens(_plain(first))
    other_hard, other_soft = _hyphens(_plain(second))
    return hard <= other_hard | other_soft and other_hard <= hard | soft


_HYPHEN = re.compile(rf"(?<={_LETTER})-(\s*)(?={_LETTER})")


def _hyphens(text: str) -> tuple[set[int], set[int]]:
    """Before which letter, counted without spaces, hyphens stand: inside a line and at a line's end."""
    if "-" not in text:
        return set(), set()
    composed, _ = _edited(text, () if text.isascii() else _compositions(text))
    hard: set[int] = set()
    soft: set[int] = set()
    letters = read_to = 0
    for found in _HYPHEN.finditer(composed):
        letters += _visible(composed[read_to : found.start()])
        read_to = found.end()
        (soft if "\n" in found[1] else hard).add(letters)
    return hard, soft


def _visible(text: str) -> int:
    folded, _ = _edited(text, _joints(text))
    return len("".join(folded.split()))


def fold(text: str, *, code: bool = False) -> str:
    """The words of a text, one space between them."""
    return " ".join(Folded(text, code=code).text.split())


def read(text: str) -> str:
    """As `fold`, with the hyphens between letters: "big-endian" stays two words."""
    return " ".join(Folded(text, hyphens=True).text.split())


# --- ranks: positions that whitespace does not move -------------------------------------------------

_BLOCK_CHARACTERS = 256
_RUN = re.compile(r"\S+")


class Ranks:
    """Finds the character of a text that has so many visible ones before it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._before: Sequence[int] = array("q", self._counted())

    def _counted(self) -> Iterator[int]:
        total = 0
        for start in range(0, len(self._text), _BLOCK_CHARACTERS):
            yield total
            total += len("".join(self._text[start : start + _BLOCK_CHARACTERS].split()))

    def offset(self, rank: int) -> int:
        """Where the visible character of that rank (counted from 0) stands."""
        block = bisect_right(self._before, rank) - 1
        rest = rank - self._before[block]
        for run in _RUN.finditer(self._text, block * _BLOCK_CHARACTERS):
            length = run.end() - run.start()
            if rest < length:
                return run.start() + rest
            rest -= length
        raise IndexError(rank)
