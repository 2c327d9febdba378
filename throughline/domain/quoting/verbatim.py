"""Quotes that stand in a text word for word. Inside a longer word or number is not word for word."""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from throughline.domain.checks.folding import DASHES, same_hyphens
from throughline.domain.quoting.texts import MOST_PLACES, Text, Words


def verbatim(text: Text, quotes: Sequence[Words]) -> Iterator[tuple[Words, int]]:
    """Each quote that stands in the text word for word, with its offset in the normalised text."""
    # A quote's first and last word may lack punctuation that the text has.
    rarest = {quote: 1 + text.rarest(quote.words[1:-1]) for quote in quotes if len(quote.words) > 2}
    positions = text.positions({quote.words[at] for quote, at in rarest.items()})
    for quote in quotes:
        starts = _find_all(text.text, quote.text) if quote.text else ()
        if quote in rarest:
            word = quote.words[rarest[quote]]
            if text.count(word) <= MOST_PLACES:
                before = quote.offset(rarest[quote])
                starts = [text.offset(position) - before for position in positions.get(word, ())]
        at = _first_whole(text, quote, starts)
        if at is not None:
            yield quote, at


def _first_whole(text: Text, quote: Words, starts: Iterable[int]) -> int | None:
    for start in itertools.islice(starts, MOST_PLACES):
        if start >= 0 and text.text.startswith(quote.text, start) and _says(text, quote, start):
            return start
    return None


def _says(text: Text, quote: Words, start: int) -> bool:
    """Whether the words found there are whole and hyphenated as in the quote."""
    end = start + len(quote.text)
    if not text.code and (_parts_digits(text, start) or _parts_digits(text, end + 1)):
        return False
    if _cuts_a_word(text.text, start, end) and (text.code or not _hyphens_part(text, start, end)):
        return False
    if text.code or ("-" not in text.original and "-" not in quote.original):
        return True
    original_start, original_end = text.original_span(start, end)
    return same_hyphens(quote.original, text.original[original_start:original_end])


def _hyphens_part(text: Text, start: int, end: int) -> bool:
    """Whether it is a hyphen that parts the quote from its neighbours, as in "high-level" for "level".

    Folding drops such hyphens; those at a line's end only divide a word.
    """
    first, last = text.original_span(start, end)
    before, after = text.original[max(0, first - 2) : first], text.original[last : last + 2]
    joined_before = _joins(text.text[start - 1 : start], text.text[start]) and before[-1:] not in _HYPHENS
    joined_after = _joins(text.text[end - 1], text.text[end : end + 1]) and not (
        after[:1] in _HYPHENS and not after[1:].isspace()
    )
    numbers = _cuts_a_number(text.text, start, end)
    return not (joined_before or joined_after or numbers)


def _find_all(text: str, quote: str) -> Iterator[int]:
    start = text.find(quote)
    while start >= 0:
        yield start
        start = text.find(quote, start + 1)


def _parts_digits(text: Text, at: int) -> bool:
    """Whether a number goes on there behind a space, as "5 000" does before its zeros.

    Between a year and a number stands a common space; in a number a special one, or the next group begins with 0.
    """
    if not (_DIGITS_BEFORE.search(text.text[max(0, at - 5) : at]) and (group := _GROUP.match(text.text, at))):
        return False
    if group[0].startswith("0"):
        return True
    first, _ = text.original_span(at, group.end())
    return text.original[first - 1] in _NUMBER_SPACES


_DIGITS_BEFORE = re.compile(r"(?<![\d.,])\d{1,3} $")
_GROUP = re.compile(r"\d{3}(?!\d)")
_NUMBER_SPACES = frozenset("\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}\N{FIGURE SPACE}")
_SIGN_OR_DIGITS_BEFORE = re.compile(r"\d[.,:/]$|(?:^|[\s(])[-−+]$")
_DIGITS_AFTER = re.compile(r"[.,:/]\d")  # the decimals of a number, the minutes of an hour, the rest of a fraction
_HYPHENS = frozenset(DASHES)


def _cuts_a_word(text: str, start: int, end: int) -> bool:
    """Whether a quote begins or ends inside a word or a number: "5 %" is not what "15 %" says."""
    if _joins(text[start - 1 : start], text[start]) or _joins(text[end - 1], text[end : end + 1]):
        return True
    return _cuts_a_number(text, start, end)


def _cuts_a_number(text: str, start: int, end: int) -> bool:
    cuts_front = text[start].isdigit() and _SIGN_OR_DIGITS_BEFORE.search(text[max(0, start - 2) : start])
    cuts_back = text[end - 1].isdigit() and _DIGITS_AFTER.match(text, end)
    return bool(cuts_front or cuts_back)


def _joins(left: str, right: str) -> bool:
    """Whether two neighbours belong to one word. Scripts without case may write words without spaces."""
    return _is_word(left) and _is_word(right)


def _is_word(character: str) -> bool:
    return character.isdigit() or character == "_" or character.lower() != character.upper()
