"""Cutting a text that is too long for one call, without losing or changing a character."""

import re
from collections.abc import Callable, Iterator

Count = Callable[[str], int]

# From the best place to cut to the worst; each match ends where the next chunk may begin.
_BOUNDARIES: tuple[re.Pattern[str], ...] = (
    re.compile(r"\n(?=#{1,6} |@@ -|<h[1-6]\b|[^\s][^\n]{0,199}\n([=\-~*^\"#+])\1{2,}[ \t]*\n)"),  # heading
    re.compile(r"\n[ \t]*\n"),  # blank line
    re.compile(r"\n"),  # line
    re.compile(r"[.!?…][\"')\]”’]*\s|[。！？]"),  # sentence
    re.compile(r"\s"),  # word
)

_SAMPLE_CHARS = 2_000
# Aiming at the limit itself would overshoot every other time, and each overshoot costs a count.
_AIM = 0.9


def split(text: str, max_tokens: int, count: Count) -> tuple[str, ...]:
    """Consecutive chunks of at most `max_tokens` by that count, cut at the best boundary near the limit.

    The laws: the chunks joined are the text; no chunk is empty; and every chunk is within the limit as
    long as every single character is. Characters are not cut, so a limit below the count of one
    character gives that character alone. Beside a sample, `count` is asked about once or twice a chunk.
    """
    return tuple(_chunks(text, max_tokens, count))


def _chunks(text: str, max_tokens: int, count: Count) -> Iterator[str]:
    start = 0
    sample = text[:_SAMPLE_CHARS]
    chars_per_token = len(sample) / max(count(sample), 1)
    while start < len(text):
        end, tokens = _next_end(text, start, max_tokens, chars_per_token, count)
        chars_per_token = (end - start) / max(tokens, 1)
        yield text[start:end]
        start = end


def _next_end(text: str, start: int, max_tokens: int, chars_per_token: float, count: Count) -> tuple[int, int]:
    """Where the chunk that begins at `start` ends, and its count; shrinks the window until it fits."""
    fitting = int(max_tokens * chars_per_token)
    rest = len(text) - start
    window = rest if rest <= fitting else max(1, int(fitting * _AIM))
    while True:
        end = _best_cut(text, start, window)
        tokens = count(text[start:end])
        if tokens <= max_tokens or end - start == 1:
            return end, tokens
        fitting = int((end - start) * max_tokens / tokens * _AIM)
        window = max(1, min(fitting, end - start - 1))


def _best_cut(text: str, start: int, window: int) -> int:
    """The last boundary of the best kind in the second half of the window, else the window's end."""
    limit = start + window
    if limit >= len(text):
        return len(text)
    for boundary in _BOUNDARIES:
        cut = max((match.end() for match in boundary.finditer(text, start + window // 2, limit)), default=0)
        if cut > start:
            return cut
    return limit
