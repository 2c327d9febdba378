"""Messages and token counting, as the SDK sees them."""

import json
from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from tests.simulator.support import (
    MODEL,
    Simulator,
    answer_text,
    params,
    plain,
    sdk,
    text,
    units_params,
    whole,
)


async def test_an_answer_has_the_shape_of_the_api(client: AsyncAnthropic):
    message = await plain(client, params())
    assert message.role == "assistant"
    assert message.model == MODEL
    assert message.stop_reason == "end_turn"
    assert message.stop_details is None
    assert message.usage.service_tier == "standard"
    assert message.usage.output_tokens_details.thinking_tokens == 0


async def test_the_same_request_gets_the_same_answer(client: AsyncAnthropic):
    first = await whole(client, units_params())
    second = await whole(client, units_params())
    assert answer_text(first) == answer_text(second)
    assert first.id != second.id


async def test_a_stream_says_what_a_plain_answer_says(client: AsyncAnthropic):
    told = await plain(client, units_params())
    streamed = await whole(client, units_params())
    assert answer_text(streamed) == answer_text(told)
    assert streamed.usage.output_tokens == told.usage.output_tokens
    assert streamed.usage.input_tokens == told.usage.input_tokens
    assert streamed.stop_reason == "end_turn"


async def test_stream_events_come_in_the_order_of_the_api(client: AsyncAnthropic):
    stream = await client.messages.create(**params(), stream=True)
    kinds = [event.type async for event in stream]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]


async def test_a_stream_starts_with_the_input_and_ends_with_the_output_count(client: AsyncAnthropic):
    told = await plain(client, params())
    stream = await client.messages.create(**params(), stream=True)
    events: list[Any] = [event async for event in stream]
    assert events[0].message.usage.input_tokens == told.usage.input_tokens
    assert events[-2].usage.output_tokens == told.usage.output_tokens


async def test_max_tokens_cuts_the_text_and_is_billed_whole(client: AsyncAnthropic):
    message = await whole(client, units_params(max_tokens=100))
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens == 100
    assert len(answer_text(message).encode()) == 320
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer_text(message))


async def test_a_stop_sequence_ends_the_answer_before_it(client: AsyncAnthropic):
    message = await plain(client, units_params(stop_sequences=["citations", "never said"]))
    assert message.stop_reason == "stop_sequence"
    assert message.stop_sequence == "citations"
    assert answer_text(message).endswith('"')


async def test_an_answer_that_fills_the_window_says_so(client: AsyncAnthropic):
    """639,968 bytes are 199,990 tokens: ten remain of a window of 200,000."""
    request = params(text("w" * 639_968), max_tokens=1000, model="claude-haiku-4-5")
    message = await plain(client, request)
    assert message.stop_reason == "model_context_window_exceeded"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (199_990, 10)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no key"),
        pytest.param({"x-api-key": "sk-ant-real"}, id="foreign key"),
        pytest.param({"authorization": "Bearer sk-ant-real"}, id="foreign bearer"),
    ],
)
def test_a_key_that_is_not_for_the_simulator_is_refused(simulator: Simulator, headers: dict[str, str]):
    response = httpx.post(f"{simulator.url}/v1/messages", json=params(), headers=headers, verify=False)
    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication_error"
    assert response.json()["request_id"] == response.headers["request-id"]
    assert simulator.bill()["rows"] == []


async def test_the_sdk_raises_its_own_error_for_a_foreign_key(simulator: Simulator):
    async with sdk(simulator, key="sk-ant-real") as client:
        with pytest.raises(anthropic.AuthenticationError):
            await client.messages.create(**params())


def test_x_api_key_is_as_good_as_bearer(simulator: Simulator):
    response = httpx.post(f"{simulator.url}/v1/messages", json=params(), headers={"x-api-key": "sim-1"}, verify=False)
    assert response.status_code == 200


async def test_counted_tokens_are_those_that_are_billed(client: AsyncAnthropic):
    request = units_params()
    counted = await client.messages.count_tokens(
        model=MODEL, messages=request["messages"], output_config=request["output_config"]
    )
    message = await whole(client, request)
    assert counted.input_tokens == message.usage.input_tokens


async def test_a_token_is_three_and_a_fifth_bytes_rounded_up_per_block(client: AsyncAnthropic):
    counted = await client.messages.count_tokens(
        model=MODEL,
        system="é" * 16,  # 32 bytes: 10 tokens
        messages=params(text("x" * 32), text("x" * 33))["messages"],  # 10 and 11
    )
    assert counted.input_tokens == 31


async def test_counting_is_free(client: AsyncAnthropic, simulator: Simulator):
    await client.messages.count_tokens(model=MODEL, messages=params()["messages"])
    assert simulator.bill()["total_usd"] == "0"


async def test_received_requests_can_be_read_without_the_key(client: AsyncAnthropic, simulator: Simulator):
    await client.messages.create(**params(text("first")))
    await client.messages.create(**params(text("second")))
    first, second = simulator.requests()
    assert (first["method"], first["path"]) == ("POST", "/v1/messages")
    assert first["body"]["messages"][0]["content"][0]["text"] == "first"
    assert first["headers"]["anthropic-version"]
    assert not {"authorization", "x-api-key"} & first["headers"].keys()
    assert simulator.requests(since=1) == [second]


def test_an_unknown_address_is_answered_in_the_shape_of_the_api(simulator: Simulator):
    response = httpx.get(f"{simulator.url}/v1/nothing", headers={"x-api-key": "sim-1"}, verify=False)
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found_error"


def test_health_needs_no_key(simulator: Simulator):
    assert simulator.get("/health") == {"status": "ok"}


async def test_models_are_listed_page_by_page(client: AsyncAnthropic):
    page = await client.models.list(limit=5)
    ids = [model.id async for model in page]
    assert len(ids) == len(set(ids)) == 18
    assert page.has_more
    before = await client.models.list(before_id=ids[3], limit=2)
    assert [model.id for model in before.data] == ids[1:3]


async def test_a_model_shows_its_ordinary_limits_and_capabilities(client: AsyncAnthropic):
    model = await client.models.retrieve("claude-opus-5-5")
    assert (model.max_input_tokens, model.max_tokens) == (1_000_000, 128_000)
    assert model.line == "opus"
    assert model.capabilities is not None
    assert model.capabilities.batch.supported
    assert not model.capabilities.thinking.types.disabled.supported
    assert not model.capabilities.thinking.types.enabled.supported


async def test_an_unknown_model_cannot_be_shown(client: AsyncAnthropic):
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("claude-nothing")
