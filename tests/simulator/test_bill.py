"""The bill, against amounts worked out by hand from the price list."""

from decimal import Decimal
from typing import Any

import pytest
from anthropic import AsyncAnthropic

from simulator.bill import cost_usd
from simulator.caching import PromptCache
from simulator.models import MODELS, find
from simulator.prompt import read_prompt
from tests.simulator.support import Simulator, item, params, plain, run_batch, text

CACHED = {"type": "ephemeral"}


def _usage(input_: int = 0, output: int = 0, write_5m: int = 0, write_1h: int = 0, read: int = 0) -> dict[str, Any]:
    return {
        "input_tokens": input_,
        "output_tokens": output,
        "cache_creation_input_tokens": write_5m + write_1h,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": write_5m, "ephemeral_1h_input_tokens": write_1h},
    }


MILLION = 1_000_000


@pytest.mark.parametrize(
    ("model", "usage", "is_batch", "expected"),
    [
        # 1M of each: 4 + 20 + 5 + 8 + 0.20
        ("claude-opus-5-5", _usage(MILLION, MILLION, MILLION, MILLION, MILLION), False, "37.20"),
        # 5 + 25 + 6.25 + 10 + 0.50
        ("claude-opus-5", _usage(MILLION, MILLION, MILLION, MILLION, MILLION), False, "46.75"),
        # 2 + 10 + 2.50 + 4 + 0.10, halved
        ("claude-sonnet-5-5", _usage(MILLION, MILLION, MILLION, MILLION, MILLION), True, "9.30"),
        # 2 + 10 + 2.50 + 4 + 0.20
        ("claude-sonnet-5", _usage(MILLION, MILLION, MILLION, MILLION, MILLION), False, "18.70"),
        # 3 + 15 + 3.75 + 6 + 0.30
        ("claude-sonnet-4-6", _usage(MILLION, MILLION, MILLION, MILLION, MILLION), False, "28.05"),
        # 8 + 40 + 10 + 16 + 0.20
        ("claude-fable-5-2", _usage(MILLION, MILLION, MILLION, MILLION, MILLION), False, "74.20"),
        # 1 + 5 + 1.25 + 2 + 0.10
        ("claude-haiku-4-5", _usage(MILLION, MILLION, MILLION, MILLION, MILLION), False, "9.35"),
        # A whole 300K output in a batch.
        ("claude-opus-5-5", _usage(output=300_000), True, "3.00"),
        ("claude-opus-4-8", _usage(output=300_000), True, "3.75"),
        ("claude-sonnet-4-6", _usage(output=300_000), True, "2.25"),
        ("claude-haiku-5-5", _usage(output=300_000), True, "0.075"),
        # The low band ends with 100,000 prompt tokens, whatever they are made of:
        # 40,000 × 0.10 + 1,000 × 0.50 + 60,000 × 0.01, in millionths
        ("claude-haiku-5-5", _usage(40_000, 1_000, read=60_000), False, "0.0051"),
        # 40,000 × 0.50 + 1,000 × 2.50 + 20,000 × 0.625 + 40,001 × 0.05
        ("claude-haiku-5-5", _usage(40_000, 1_000, write_5m=20_000, read=40_001), False, "0.03700005"),
        ("claude-haiku-5-5", _usage(100_001, 300_000), True, "0.40000025"),
    ],
)
def test_costs_follow_the_price_list(model: str, usage: dict[str, Any], is_batch: bool, expected: str):
    priced = find(model)
    assert priced is not None
    assert cost_usd(priced, usage, is_batch=is_batch) == Decimal(expected)


def test_inference_in_the_us_costs_a_tenth_more():
    priced = find("claude-opus-5-5")
    assert priced is not None
    usage = _usage(MILLION, MILLION)
    assert cost_usd(priced, usage, is_batch=False, inference_geo="us") == Decimal("26.4")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_cache_writes_cost_a_quarter_more_or_double(model: Any):
    for prices in (model.prices, model.high_band or model.prices):
        assert prices.write_5m == prices.input * Decimal("1.25")
        assert prices.write_1h == prices.input * 2
        assert prices.read < prices.input


async def test_a_call_is_billed_by_its_usage(client: AsyncAnthropic, simulator: Simulator):
    message = await plain(client, params())
    bill = simulator.bill()
    expected = (2 * message.usage.input_tokens + 10 * message.usage.output_tokens) / Decimal(MILLION)
    assert Decimal(bill["total_usd"]) == expected
    assert (bill["messages"], bill["batches_created"]) == (1, 0)
    assert (bill["rows"][0]["kind"], bill["rows"][0]["custom_id"]) == ("message", None)


async def test_a_batch_item_costs_half_of_the_same_call(client: AsyncAnthropic, simulator: Simulator):
    await client.messages.create(**params())
    await run_batch(client, item("a"))
    called, batched = simulator.bill()["rows"]
    assert Decimal(batched["cost_usd"]) * 2 == Decimal(called["cost_usd"])
    assert batched["fingerprint"] == called["fingerprint"]
    assert (batched["kind"], batched["custom_id"]) == ("batch_item", "a")


async def test_the_bill_says_which_answers_a_fault_spoilt(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("item", "truncate", times=2)
    await plain(client, params())
    await run_batch(client, item("a"))
    await plain(client, params())
    assert [row["fault"] for row in simulator.bill()["rows"]] == ["truncate", "truncate", None]


async def test_reset_forgets_everything(client: AsyncAnthropic, simulator: Simulator):
    await client.messages.create(**params())
    await run_batch(client, item("a"))
    simulator.fault("messages", "status", times=-1)
    simulator.reset()
    assert simulator.bill() == {"total_usd": "0", "rows": [], "messages": 0, "batches_created": 0}
    assert simulator.requests() == []
    assert (await client.messages.batches.list()).data == []
    await client.messages.create(**params())


def _long(tokens: int, **extra: Any) -> dict[str, Any]:
    return text("x" * (tokens * 16 // 5), **extra)


async def _cache_use(client: AsyncAnthropic, *blocks: dict[str, Any], **extra: Any) -> tuple[int, int, int, int]:
    usage = (await plain(client, params(*blocks, **extra))).usage
    return (
        usage.input_tokens,
        usage.cache_creation.ephemeral_5m_input_tokens,
        usage.cache_creation.ephemeral_1h_input_tokens,
        usage.cache_read_input_tokens,
    )


async def test_a_marked_prefix_is_written_once_and_then_read(client: AsyncAnthropic):
    marked = _long(1000, cache_control={**CACHED, "ttl": "1h"})
    assert await _cache_use(client, marked, _long(10)) == (10, 0, 1000, 0)
    assert await _cache_use(client, marked, _long(20)) == (20, 0, 0, 1000)


async def test_what_follows_a_read_prefix_is_written_at_its_own_lifetime(client: AsyncAnthropic):
    first = _long(1000, cache_control={**CACHED, "ttl": "1h"})
    await _cache_use(client, first)
    assert await _cache_use(client, first, _long(600, cache_control=CACHED), _long(5)) == (5, 600, 0, 1000)


async def test_a_prefix_is_found_again_when_the_marker_moves_on(client: AsyncAnthropic):
    """As in a conversation whose marker stands on the last turn."""
    await _cache_use(client, _long(1000, cache_control=CACHED))
    assert await _cache_use(client, _long(1000), _long(600, cache_control=CACHED)) == (0, 600, 0, 1000)


async def test_a_prefix_under_512_tokens_is_not_cached(client: AsyncAnthropic):
    short = _long(511, cache_control=CACHED)
    assert await _cache_use(client, short) == (511, 0, 0, 0)
    assert await _cache_use(client, _long(512, cache_control=CACHED)) == (0, 512, 0, 0)


async def test_another_model_or_schema_does_not_share_a_prefix(client: AsyncAnthropic):
    marked = _long(1000, cache_control=CACHED)
    schema: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    await _cache_use(client, marked)
    *_, read = await _cache_use(client, marked, model="claude-opus-5-5")
    assert read == 0
    *_, read = await _cache_use(client, marked, schema=schema)
    assert read == 0


async def test_items_of_one_batch_share_a_prefix(client: AsyncAnthropic):
    request = params(_long(1000, cache_control={**CACHED, "ttl": "1h"}))
    results = await run_batch(client, item("a", request), item("b", request))
    assert sorted(result.message.usage.cache_read_input_tokens for result in results.values()) == [0, 1000]


@pytest.mark.parametrize(("ttl", "lifetime_s"), [("5m", 300), ("1h", 3600)])
def test_a_prefix_is_forgotten_when_it_was_not_used_for_its_lifetime(ttl: str, lifetime_s: int):
    now_s = [0.0]
    cache = PromptCache(clock=lambda: now_s[0])
    prompt = read_prompt(params(_long(1000, cache_control={**CACHED, "ttl": ttl})), schema_in_text=False)
    assert cache.use("m", prompt).read == 0
    now_s[0] = lifetime_s - 1
    assert cache.use("m", prompt).read == 1000  # and lives anew
    now_s[0] += lifetime_s - 1
    assert cache.use("m", prompt).read == 1000
    now_s[0] += lifetime_s + 1
    assert cache.use("m", prompt).read == 0
