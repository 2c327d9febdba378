"""A local count stands for an interval of Claude tokens, careful at its upper end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.models import Tokenizer
from throughline.domain.source import Format
from throughline.domain.tokens import NO_TOKENS, TokenCount, exact, to_claude

counts = st.builds(TokenCount, expected=st.integers(0, 10**7), upper=st.integers(0, 10**7))
every_tokenizer = pytest.mark.parametrize("tokenizer", list(Tokenizer))


@settings(max_examples=30)
@given(st.integers(0, 10**7), st.sampled_from(Tokenizer), st.sampled_from(Format))
def test_the_upper_count_is_never_below_the_expected_one(local: int, tokenizer: Tokenizer, source_format: Format):
    count = to_claude(local, tokenizer, source_format)
    assert local <= count.expected <= count.upper


@pytest.mark.parametrize(
    ("tokenizer", "source_format", "expected", "upper"),
    [
        pytest.param(Tokenizer.CLAUDE_NEW, Format.MARKDOWN, 1_400, 1_650, id="new, prose"),
        pytest.param(Tokenizer.CLAUDE_NEW, Format.CODE, 1_550, 1_950, id="new, code"),
        pytest.param(Tokenizer.CLAUDE_OLD, Format.TEXT, 1_080, 1_270, id="old, prose"),
        pytest.param(Tokenizer.CLAUDE_OLD, Format.DIFF, 1_190, 1_500, id="old, diff"),
    ],
)
def test_a_thousand_local_tokens_stand_for(tokenizer: Tokenizer, source_format: Format, expected: int, upper: int):
    assert to_claude(1_000, tokenizer, source_format) == TokenCount(expected=expected, upper=upper)


@every_tokenizer
def test_code_takes_more_tokens_than_prose(tokenizer: Tokenizer):
    code, prose = to_claude(1_000, tokenizer, Format.CODE), to_claude(1_000, tokenizer, Format.HTML)
    assert code.expected > prose.expected
    assert code.upper > prose.upper


@pytest.mark.parametrize("source_format", list(Format))
def test_an_unknown_tokenizer_is_counted_as_carefully_as_the_newest(source_format: Format):
    assert to_claude(777, Tokenizer.UNKNOWN, source_format) == to_claude(777, Tokenizer.CLAUDE_NEW, source_format)


def test_a_count_that_the_api_gave_is_no_interval():
    assert exact(123) == TokenCount(expected=123, upper=123)


@settings(max_examples=30)
@given(counts, counts)
def test_counts_add_up_at_both_ends(one: TokenCount, other: TokenCount):
    both = one + other
    assert (both.expected, both.upper) == (one.expected + other.expected, one.upper + other.upper)


@settings(max_examples=30)
@given(counts)
def test_adding_no_tokens_changes_nothing(count: TokenCount):
    assert count + NO_TOKENS == count
