"""From a local count to Claude tokens: no local tokenizer matches Claude, so every count is an interval.

The local count is tiktoken's `o200k_base`. The factors follow from two kinds of published measurement:
`o200k_base` reads 4.1 to 4.6 bytes a token on English prose and 3.8 to 4.3 on code and diffs; Claude's
newer tokenizer 2.8 to 3.6 and 2.2 to 3.0, the older one about 1.3 times that
(https://platform.claude.com/docs/en/build-with-claude/token-counting gives the 30 %).
The upper end serves limits, the middle serves cost.
"""

from dataclasses import dataclass

from throughline.domain.models import Tokenizer
from throughline.domain.source import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCount:
    """A count of Claude tokens: the likely value, and one that it hardly exceeds."""

    expected: int
    upper: int

    def __add__(self, other: "TokenCount") -> "TokenCount":
        return TokenCount(expected=self.expected + other.expected, upper=self.upper + other.upper)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFactor:
    """Claude tokens for one `o200k_base` token."""

    expected: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCount:
    """What was counted locally (`o200k_base` tokens), by content, and for whose tokenizer."""

    tokenizer: Tokenizer
    prose: int
    code: int


NO_TOKENS = TokenCount(expected=0, upper=0)
_PROSE_NEW = TokenFactor(expected=1.40, upper=1.65)
_CODE_NEW = TokenFactor(expected=1.55, upper=1.95)
FACTORS: dict[tuple[Tokenizer, bool], TokenFactor] = {
    (Tokenizer.CLAUDE_NEW, False): _PROSE_NEW,
    (Tokenizer.CLAUDE_NEW, True): _CODE_NEW,
    (Tokenizer.CLAUDE_OLD, False): TokenFactor(expected=1.08, upper=1.27),
    (Tokenizer.CLAUDE_OLD, True): TokenFactor(expected=1.19, upper=1.50),
    # Nothing is known of an own endpoint's tokenizer: the newer Claude factors are the careful choice.
    (Tokenizer.UNKNOWN, False): _PROSE_NEW,
    (Tokenizer.UNKNOWN, True): _CODE_NEW,
}


def to_claude(local_tokens: int, tokenizer: Tokenizer, source_format: Format) -> TokenCount:
    """The Claude tokens that `local_tokens` of `o200k_base` stand for."""
    return scaled(local_tokens, FACTORS[tokenizer, is_code(source_format)])


def is_code(source_format: Format) -> bool:
    """Whether a source reads like code to a tokenizer."""
    return source_format in (Format.CODE, Format.DIFF)


def scaled(local_tokens: int, factor: TokenFactor) -> TokenCount:
    """The Claude tokens that so many local tokens stand for by that factor."""
    return TokenCount(
        expected=round(local_tokens * factor.expected),
        upper=round(local_tokens * factor.upper),
    )


def exact(tokens: int) -> TokenCount:
    """A count that the API itself gave."""
    return TokenCount(expected=tokens, upper=tokens)
