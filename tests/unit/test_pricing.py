"""Money is exact: every listed figure, the batch half, the band of Haiku 5.5, and never a silent zero."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import genai_prices
import pytest
from genai_prices import data_snapshot
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.models import MODELS
from throughline.domain.pricing import IN_US, UnlistedPrice, Usage, price
from throughline.errors import CostUnknown

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HAIKU = "claude-haiku-5-5"
# USD a million tokens: input, output, 5-minute write, 1-hour write, cache read.
TABLE = {
    "claude-opus-5-5": ("4", "20", "5", "8", "0.20"),
    "claude-opus-5": ("5", "25", "6.25", "10", "0.50"),
    "claude-opus-4-8": ("5", "25", "6.25", "10", "0.50"),
    "claude-opus-4-7": ("5", "25", "6.25", "10", "0.50"),
    "claude-opus-4-6": ("5", "25", "6.25", "10", "0.50"),
    "claude-sonnet-5-5": ("2", "10", "2.50", "4", "0.10"),
    "claude-sonnet-5": ("2", "10", "2.50", "4", "0.20"),
    "claude-sonnet-4-6": ("3", "15", "3.75", "6", "0.30"),
    "claude-haiku-5-5": ("0.10", "0.50", "0.125", "0.20", "0.01"),
    "claude-fable-5-2": ("8", "40", "10", "16", "0.20"),
    "claude-fable-5-1": ("10", "50", "12.50", "20", "0.25"),
    "claude-fable-5": ("10", "50", "12.50", "20", "1.00"),
    "claude-haiku-4-5": ("1", "5", "1.25", "2", "0.10"),
    "claude-opus-4-5": ("5", "25", "6.25", "10", "0.50"),
    "claude-sonnet-4-5": ("3", "15", "3.75", "6", "0.30"),
}
EACH = (
    Usage(input_tokens=10_000),
    Usage(output_tokens=10_000),
    Usage(cache_write_5m_tokens=10_000),
    Usage(cache_write_1h_tokens=10_000),
    Usage(cache_read_tokens=10_000),
)
models = st.sampled_from(sorted(MODELS))
batches = st.booleans()
# Four such amounts stay below Haiku's 100,000 prompt tokens, and so do two usages added.
amounts = st.integers(0, 12_000)
usages = st.builds(
    Usage,
    input_tokens=amounts,
    output_tokens=st.integers(0, 300_000),
    cache_read_tokens=amounts,
    cache_write_5m_tokens=amounts,
    cache_write_1h_tokens=amounts,
)


def usd(usage: Usage, model: str, *, batch: bool = False, at: datetime = NOW) -> Decimal:
    return price(usage, model, batch=batch, at=at).usd


def test_every_listed_model_has_figures_to_check():
    assert set(TABLE) == set(MODELS)


@pytest.mark.parametrize("model", TABLE)
def test_each_token_category_costs_what_the_price_list_says(model: str):
    assert [usd(usage, model) for usage in EACH] == [Decimal(figure) / 100 for figure in TABLE[model]]


@pytest.mark.parametrize("model", TABLE)
def test_each_token_category_costs_half_in_a_batch(model: str):
    halves = [Decimal(figure) / 200 for figure in TABLE[model]]
    assert [usd(usage, model, batch=True) for usage in EACH] == halves


@pytest.mark.parametrize(
    ("model", "expected"),
    [("claude-opus-5-5", "3.00"), ("claude-opus-5", "3.75"), ("claude-sonnet-5-5", "1.50"), (HAIKU, "0.075")],
)
def test_a_full_300k_answer_costs_in_batch(model: str, expected: str):
    assert usd(Usage(output_tokens=300_000), model, batch=True) == Decimal(expected)


@pytest.mark.parametrize(
    ("usage", "standard"),
    [
        pytest.param(Usage(input_tokens=100_000, output_tokens=10_000), "0.015", id="100,000 is the low band"),
        pytest.param(Usage(input_tokens=100_001, output_tokens=10_000), "0.0750005", id="100,001 is the high band"),
        pytest.param(
            Usage(input_tokens=50_000, cache_read_tokens=50_000, output_tokens=10_000),
            "0.0105",
            id="cache reads count to the border",
        ),
        pytest.param(
            Usage(input_tokens=50_000, cache_read_tokens=50_001, output_tokens=10_000),
            "0.05250005",
            id="cache reads count across the border",
        ),
        pytest.param(
            Usage(input_tokens=1, cache_write_5m_tokens=50_000, cache_write_1h_tokens=50_000),
            "0.0812505",
            id="cache writes count across the border",
        ),
    ],
)
def test_the_whole_request_of_haiku_costs_five_times_above_100000_prompt_tokens(usage: Usage, standard: str):
    assert usd(usage, HAIKU) == Decimal(standard)
    assert usd(usage, HAIKU, batch=True) == Decimal(standard) / 2


def test_output_alone_does_not_move_haiku_into_the_high_band():
    assert usd(Usage(input_tokens=1_000, output_tokens=200_000), HAIKU) == Decimal("0.1001")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(datetime(2026, 3, 12, 12, tzinfo=UTC), "3", id="before the long-context premium ended"),
        pytest.param(datetime(2026, 3, 13, 12, tzinfo=UTC), "1.5", id="after it ended"),
        pytest.param(datetime(2026, 3, 12, 23, tzinfo=timezone(-timedelta(hours=7))), "1.5", id="the day is UTC's"),
    ],
)
def test_a_request_costs_what_its_day_said(at: datetime, expected: str):
    assert usd(Usage(input_tokens=300_000), "claude-opus-4-6", at=at) == Decimal(expected)


@settings(max_examples=30)
@given(usages, models)
def test_a_batch_costs_exactly_half(usage: Usage, model: str):
    assert usd(usage, model, batch=True) * 2 == usd(usage, model)


@settings(max_examples=30)
@given(usages, usages, models, batches)
def test_within_a_band_the_costs_of_requests_add_up(one: Usage, other: Usage, model: str, batch: bool):
    assert usd(one + other, model, batch=batch) == usd(one, model, batch=batch) + usd(other, model, batch=batch)


@settings(max_examples=30)
@given(usages, usages, models, batches)
def test_within_a_band_more_tokens_never_cost_less(one: Usage, more: Usage, model: str, batch: bool):
    assert usd(one + more, model, batch=batch) >= usd(one, model, batch=batch)


@settings(max_examples=20)
@given(usages, models, batches, st.integers(0, 300_000))
def test_thinking_is_billed_as_the_output_that_it_is_part_of(usage: Usage, model: str, batch: bool, thinking: int):
    assert usd(replace(usage, thinking_tokens=thinking), model, batch=batch) == usd(usage, model, batch=batch)


@settings(max_examples=20)
@given(usages, usages)
def test_added_usages_add_every_prompt_token(one: Usage, other: Usage):
    assert (one + other).prompt_tokens == one.prompt_tokens + other.prompt_tokens
    assert (one + other).cache_write_tokens == one.cache_write_tokens + other.cache_write_tokens


def test_a_request_without_tokens_costs_nothing():
    assert usd(Usage(), HAIKU, batch=True) == 0


def test_a_price_names_the_row_that_it_used():
    row = price(Usage(input_tokens=1), "claude-opus-5-5", batch=False, at=NOW).row
    assert row.startswith("genai-prices ")
    assert "$4/input MTok" in row


@pytest.mark.parametrize("batch", [False, True], ids=["sync", "batch"])
@pytest.mark.parametrize("model", ["llama-3", "gpt-5", ""])
def test_an_unknown_model_has_no_price(model: str, batch: bool):
    with pytest.raises(CostUnknown, match="nothing is sent"):
        price(Usage(input_tokens=1), model, batch=batch, at=NOW)


def test_a_model_without_a_batch_price_has_no_price_in_a_batch():
    assert usd(Usage(input_tokens=1_000), "claude-opus-4-1") == Decimal("0.015")
    with pytest.raises(CostUnknown, match=r"claude-opus-4-1 in a batch: .* Nothing is sent\.$"):
        price(Usage(input_tokens=1_000), "claude-opus-4-1", batch=True, at=NOW)


@settings(max_examples=30)
@given(
    st.builds(
        Usage,
        input_tokens=st.integers(0, 250_000),
        output_tokens=st.integers(0, 300_000),
        cache_read_tokens=st.integers(0, 250_000),
        cache_write_5m_tokens=st.integers(0, 250_000),
        cache_write_1h_tokens=st.integers(0, 250_000),
    ),
    models,
    batches,
)
def test_across_all_bands_a_price_is_what_the_price_package_calculates(usage: Usage, model: str, batch: bool):
    calculated = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            cache_write_1h_tokens=usage.cache_write_1h_tokens,
        ),
        model,
        provider_id="anthropic",
        genai_request_timestamp=NOW,
        price_context={"processing": "batch"} if batch else None,
    )
    assert usd(usage, model, batch=batch) == calculated.total_price


@pytest.fixture
def _free_model() -> Iterator[None]:
    """A price table in which a model costs nothing, through the package's own way to give it another table."""
    free = ModelInfo(
        id="claude-free",
        match=ClauseEquals("claude-free"),
        prices=ModelPrice(input_mtok=Decimal(0), output_mtok=Decimal(0)),
    )
    provider = Provider(id="anthropic", name="Anthropic", api_pattern="", models=[free])
    data_snapshot.set_custom_snapshot(data_snapshot.DataSnapshot(providers=[provider], from_auto_update=False))
    yield
    data_snapshot.set_custom_snapshot(None)


@pytest.mark.usefixtures("_free_model")
@pytest.mark.parametrize("batch", [False, True], ids=["sync", "batch"])
def test_a_price_table_that_says_zero_is_not_believed(batch: bool):
    with pytest.raises(CostUnknown, match="costs nothing"):
        price(Usage(input_tokens=1), "claude-free", batch=batch, at=NOW)


OWN = UnlistedPrice(model="llama", input_usd_per_mtok=Decimal("0.4"), output_usd_per_mtok=Decimal("1.2"))


@pytest.mark.parametrize("batch", [False, True], ids=["sync", "batch"])
def test_an_unlisted_model_costs_what_its_owner_states(batch: bool):
    usage = Usage(input_tokens=500_000, cache_read_tokens=250_000, cache_write_1h_tokens=250_000, output_tokens=1_000)
    stated = price(usage, "llama", batch=batch, at=NOW, unlisted=OWN)
    assert stated.usd == Decimal("0.4012")
    assert stated.row == "settings: $0.4/input MTok, $1.2/output MTok"


def test_a_stated_zero_is_a_price():
    free = replace(OWN, input_usd_per_mtok=Decimal(0), output_usd_per_mtok=Decimal(0))
    assert price(Usage(input_tokens=1_000), "llama", batch=False, at=NOW, unlisted=free).usd == 0


def test_the_price_of_one_unlisted_model_is_not_that_of_another():
    with pytest.raises(CostUnknown, match="'mistral'"):
        price(Usage(input_tokens=1), "mistral", batch=False, at=NOW, unlisted=OWN)


def test_an_unlisted_price_leaves_listed_models_alone():
    assert price(EACH[0], HAIKU, batch=False, at=NOW, unlisted=OWN).usd == Decimal("0.001")


@settings(max_examples=30)
@given(usages, models, batches)
def test_an_answer_made_in_the_us_costs_a_tenth_more_in_every_category(usage: Usage, model: str, batch: bool):
    there = price(usage, model, batch=batch, at=NOW, in_us=True)
    assert there.usd == usd(usage, model, batch=batch) * Decimal("1.1")
    assert there.row.startswith(IN_US)


def test_an_own_endpoint_costs_what_was_stated_wherever_it_is():
    own = UnlistedPrice(model="own", input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(2))
    there = price(Usage(output_tokens=1_000_000), "own", batch=False, at=NOW, unlisted=own, in_us=True)
    assert there.usd == Decimal(2)
