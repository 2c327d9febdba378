"""The capability table says what no API reports, and an unlisted model is never guessed at."""

from datetime import date

import pytest

from throughline.domain.models import (
    DEFAULT_MODEL,
    LONG_OUTPUT_TOKENS,
    MODELS,
    Model,
    Thinking,
    Tokenizer,
    find,
    unlisted,
)
from throughline.errors import BadInput

LONG = {
    "claude-opus-5-5",
    "claude-opus-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-opus-4-6",
    "claude-sonnet-5-5",
    "claude-sonnet-5",
    "claude-sonnet-4-6",
    "claude-haiku-5-5",
}
OWN = unlisted("llama", context_tokens=32_000, output_tokens=8_000)
every_model = pytest.mark.parametrize("model", list(MODELS.values()), ids=str)


def test_the_models_with_long_output_are_those_of_the_official_list():
    assert {model.id for model in MODELS.values() if model.long_output} == LONG


@every_model
def test_a_batch_answer_is_300k_or_what_any_answer_may_be(model: Model):
    expected = LONG_OUTPUT_TOKENS if model.long_output else model.sync_output_tokens
    assert model.batch_output_tokens == expected


@every_model
def test_an_answer_fits_into_the_window(model: Model):
    assert 0 < model.sync_output_tokens <= model.batch_output_tokens < model.context_tokens


@every_model
def test_every_row_has_a_date_and_an_official_page(model: Model):
    assert model.as_of >= date(2026, 10, 7)
    assert model.source.startswith("https://platform.claude.com/docs/")


@pytest.mark.parametrize("model_id", ["claude-opus-4-6", "claude-sonnet-4-6"])
def test_two_long_models_still_use_the_older_tokenizer(model_id: str):
    assert MODELS[model_id].tokenizer is Tokenizer.CLAUDE_OLD


@pytest.mark.parametrize(
    ("model_id", "context", "cap"),
    [
        pytest.param("claude-haiku-4-5", 200_000, 64_000, id="haiku 4.5"),
        pytest.param("claude-opus-5-5", 1_000_000, 128_000, id="opus 5.5"),
        pytest.param("claude-fable-5-2", 1_000_000, 128_000, id="fable 5.2"),
    ],
)
def test_window_and_ordinary_cap_are_those_of_the_official_pages(model_id: str, context: int, cap: int):
    model = find(model_id)
    assert (model.context_tokens, model.sync_output_tokens) == (context, cap)


def test_the_default_model_is_listed_and_writes_long_outputs():
    assert find(DEFAULT_MODEL).long_output


def test_an_unknown_model_is_refused_with_the_known_ones_and_the_way_out():
    with pytest.raises(BadInput, match=r"'gpt'.*claude-haiku-5-5.*THROUGHLINE_UNLISTED_MODEL"):
        find("gpt")


def test_an_unlisted_model_is_what_its_owner_says():
    assert (OWN.id, OWN.context_tokens, OWN.sync_output_tokens) == ("llama", 32_000, 8_000)


def test_an_unlisted_model_is_taken_to_do_nothing_special():
    assert not OWN.long_output
    assert not OWN.takes_effort
    assert OWN.thinking is Thinking.OFF
    assert OWN.tokenizer is Tokenizer.UNKNOWN
