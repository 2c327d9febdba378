"""Counting tokens without a network: tiktoken's `o200k_base`, from the vocabulary shipped in `data/`.

tiktoken would download the vocabulary on first use. Its cache folder is pointed at ours while the encoding
loads, and put back afterwards.
"""

import os
from functools import cache
from pathlib import Path

import tiktoken

_DATA = Path(__file__).parent / "data"
_CACHE_VARIABLE = "TIKTOKEN_CACHE_DIR"
# A long run without spaces makes the tokenizer's own splitting slow; a cut costs a few tokens at most.
_PIECE_CHARACTERS = 20_000


@cache
def _encoding() -> tiktoken.Encoding:
    before = os.environ.get(_CACHE_VARIABLE)
    os.environ[_CACHE_VARIABLE] = str(_DATA)
    try:
        return tiktoken.get_encoding("o200k_base")
    finally:
        if before is None:
            del os.environ[_CACHE_VARIABLE]
        else:
            os.environ[_CACHE_VARIABLE] = before


def count(text: str) -> int:
    """Tokens of `o200k_base` in the text. Not Claude's: see `throughline.domain.tokens` for the factors."""
    encoding = _encoding()
    pieces = (text[start : start + _PIECE_CHARACTERS] for start in range(0, len(text), _PIECE_CHARACTERS))
    return sum(len(encoding.encode_ordinary(piece)) for piece in pieces)
