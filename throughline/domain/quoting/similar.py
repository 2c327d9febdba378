"""Quotes that stand in a text nearly: where to look, and how like they are. Never that they are right."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rapidfuzz import fuzz

from throughline.domain.quoting.texts import Match, Seed, Text, Words

_LEAST_SIMILARITY = 80.0
_MOST_SIMILAR = 99.9  # the words agree and their hyphens do not
# Aligning compares stretches of the quote's own length, so a word left out costs more there.
_LEAST_ALIGNED_SIMILARITY = 65.0
# Seeds found more often than this say too little about the place.
_MOST_SEED_PLACES = 200
_SEEDS_PER_QUOTE = 12
_PLACES_TRIED = 4
# Comparing is quadratic in the quote, and nobody quotes pages.
_LONGEST_COMPARED_CHARS = 1_500
_MOST_SLACK_WORDS = 12


def near(text: Text, quotes: Sequence[Words], seed_words: int) -> Iterator[tuple[Words, Match]]:
    comparable = (quote for quote in quotes if len(quote.text) <= _LONGEST_COMPARED_CHARS)
    seeds = {quote: _seeds(quote.words, seed_words) for quote in comparable}
    occurrences = text.occurrences(seed for found in seeds.values() for _, seed in found)
    for quote, found in seeds.items():
        match = _most_similar(text, quote, _places(found, occurrences))
        if match is not None:
            yield quote, match


def _seeds(words: Sequence[str], size: int) -> list[tuple[int, Seed]]:
    """Every run of that many words, with the index of its first one."""
    return [(index, tuple(words[index : index + size])) for index in range(len(words) - size + 1)]


def _places(seeds: Iterable[tuple[int, Seed]], occurrences: dict[Seed, list[int]]) -> list[int]:
    """The words of the text where the quote most likely begins: where its rarest seeds agree."""
    useful = [(index, occurrences.get(seed, [])) for index, seed in seeds]
    useful = [(index, found) for index, found in useful if 0 < len(found) <= _MOST_SEED_PLACES]
    useful.sort(key=lambda item: len(item[1]))
    votes = Counter(position - index for index, found in useful[:_SEEDS_PER_QUOTE] for position in found)
    return [place for place, _ in votes.most_common(_PLACES_TRIED)]


def _most_similar(text: Text, quote: Words, places: Iterable[int]) -> Match | None:
    """The stretch near one of those words which is most like the quote, when it is like it at all."""
    best_score, best_window, best_start = 0.0, (0, 0), 0
    for place in places:
        low, high = _window(text, quote, place)
        aligned = fuzz.partial_ratio_alignment(quote.text, text.text[low:high], score_cutoff=_LEAST_ALIGNED_SIMILARITY)
        if aligned is not None and aligned.score > best_score:
            best_score, best_window, best_start = aligned.score, (low, high), aligned.dest_start
    if not best_score:
        return None
    low, high = best_window
    start, end, similarity = _fitted(quote.text, text.text[low:high], best_start)
    if similarity < _LEAST_SIMILARITY:
        return None
    start, end = text.original_span(low + start, low + end)
    return Match(start=start, end=end, similarity=min(similarity, _MOST_SIMILAR), verbatim=False)


def _window(text: Text, quote: Words, place: int) -> tuple[int, int]:
    """Where the quote would stand if it began at that word, with room for words put in or left out."""
    slack = min(2 + len(quote.words) // 4, _MOST_SLACK_WORDS)
    first = max(place - slack, 0)
    behind = min(place + len(quote.words) + slack, len(text.words))
    return text.offset(first), text.offset(behind) - 1


# Numbers are kept whole, with their sign: half a number would look like a match.
_TOKEN = re.compile(r"[-−+]?\w(?:[\w.,]*\w)?|[^\w\s]")


def _fitted(quote: str, window: str, near: int) -> tuple[int, int, float]:
    """The stretch of whole words that fits the quote best, looked for around the start of an alignment."""
    tokens = [token.span() for token in _TOKEN.finditer(window)]
    start = max(first for first, _ in tokens if first <= near)

    def ratio(span: tuple[int, int]) -> float:
        return fuzz.ratio(quote, window[slice(*span)])

    span = max(((start, end) for _, end in tokens if end > start), key=ratio)
    span = max(((first, span[1]) for first, _ in tokens if first < span[1]), key=ratio)
    span = max(((span[0], end) for _, end in tokens if end > span[0]), key=ratio)
    return *span, ratio(span)
