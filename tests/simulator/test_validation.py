"""What is refused: at once in a call, when the batch ends in an item."""

import socket
from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from tests.simulator.support import (
    QUOTE,
    STRING,
    UNITS,
    Simulator,
    arr,
    document,
    item,
    obj,
    params,
    run_batch,
    text,
)

USER = {"role": "user", "content": "Hello"}
ASSISTANT = {"role": "assistant", "content": "Yes"}
REFUSED: list[Any] = [  # Any: the values of a parameter set have no types of their own
    pytest.param({"model": "claude-nothing-1"}, 404, "model: claude-nothing-1", id="unknown model"),
    pytest.param({"temperature": 0.5}, 400, "Extra inputs", id="temperature"),
    pytest.param({"top_p": 0.5}, 400, "Extra inputs", id="top_p"),
    pytest.param({"top_k": 5}, 400, "Extra inputs", id="top_k"),
    pytest.param({"betas": ["x"]}, 400, "betas: Extra inputs are not permitted", id="betas"),
    pytest.param({"speed": "fast"}, 400, "Extra inputs", id="speed"),
    pytest.param({"output_format": {}}, 400, "Extra inputs", id="unknown field"),
    pytest.param({"max_tokens": 0}, 400, "max_tokens", id="max_tokens 0"),
    pytest.param({"max_tokens": None}, 400, "max_tokens", id="max_tokens null"),
    pytest.param({"messages": []}, 400, "at least one message", id="no messages"),
    pytest.param({"messages": [USER, ASSISTANT]}, 400, "prefill", id="prefill"),
    pytest.param({"messages": [ASSISTANT, USER]}, 400, "first message", id="assistant first"),
    pytest.param({"messages": [{"role": "system", "content": "x"}]}, 400, "role", id="role"),
    pytest.param({"messages": [{"role": "user", "content": [{"type": "poem"}]}]}, 400, "tag", id="block type"),
    pytest.param({"messages": [{"role": "user", "content": [text("")]}]}, 400, "non-empty", id="empty text"),
    pytest.param({"thinking": {"type": "enabled", "budget_tokens": 1024}}, 400, "thinking", id="budget"),
    pytest.param({"model": "claude-opus-5-5", "thinking": {"type": "disabled"}}, 400, "thinking", id="always thinks"),
    pytest.param(
        {"model": "claude-opus-5", "thinking": {"type": "disabled"}, "output_config": {"effort": "max"}},
        400,
        "effort",
        id="no thinking at max effort",
    ),
    pytest.param({"output_config": {"effort": "extreme"}}, 400, "effort", id="effort"),
    pytest.param({"output_config": {"style": "dry"}}, 400, "Extra inputs", id="output_config field"),
    pytest.param(
        {"model": "claude-opus-5-5", "tool_choice": {"type": "any"}, "tools": []}, 400, "tool_choice", id="any tool"
    ),
    pytest.param(
        {"model": "claude-sonnet-5-5", "tool_choice": {"type": "tool", "name": "x"}},
        400,
        "tool_choice",
        id="forced tool",
    ),
    pytest.param(
        params(document(citations={"enabled": True}), schema=UNITS), 400, "citations", id="citations and format"
    ),
    pytest.param(
        {"messages": [USER, {"role": "assistant", "content": [document()]}, USER]}, 400, "document", id="their document"
    ),
    pytest.param(params(*[text("x", cache_control={"type": "ephemeral"})] * 5), 400, "maximum of 4", id="markers"),
    pytest.param(
        params(text("x", cache_control={"type": "ephemeral", "ttl": "1d"})), 400, "cache_control", id="cache lifetime"
    ),
]


@pytest.mark.parametrize(("changes", "status", "words"), REFUSED)
def test_a_call_is_refused_at_once(simulator: Simulator, changes: dict[str, Any], status: int, words: str):
    response = simulator.post("/v1/messages", {**params(), **changes})
    assert response.status_code == status
    error = response.json()["error"]
    assert error["type"] == ("not_found_error" if status == 404 else "invalid_request_error")
    assert words in error["message"]
    assert simulator.bill()["rows"] == []


async def test_the_same_requests_are_errored_items_when_the_batch_ends(client: AsyncAnthropic, simulator: Simulator):
    items = [item(f"i{number}", {**params(), **case.values[0]}) for number, case in enumerate(REFUSED)]
    results = await run_batch(client, *items, item("streamed", params(stream=True)), item("good"))
    assert results.pop("good").type == "succeeded"
    assert "stream: Extra inputs" in results.pop("streamed").error.error.message
    for number, case in enumerate(REFUSED):
        assert case.values[2] in results[f"i{number}"].error.error.message
    assert [row["custom_id"] for row in simulator.bill()["rows"]] == ["good"]


@pytest.mark.parametrize(
    ("model", "max_tokens", "is_taken"),
    [
        ("claude-sonnet-5", 128_000, True),
        ("claude-sonnet-5", 128_001, False),
        ("claude-fable-5-2", 128_000, True),
        ("claude-haiku-4-5", 64_000, True),
        ("claude-haiku-4-5", 64_001, False),
    ],
)
def test_a_call_takes_no_more_than_the_ordinary_cap(simulator: Simulator, model: str, max_tokens: int, is_taken: bool):
    headers = {"x-api-key": "sim-key", "anthropic-beta": "output-300k-2026-03-24"}
    request = params(model=model, max_tokens=max_tokens)
    response = httpx.post(f"{simulator.url}/v1/messages", json=request, headers=headers)
    assert response.is_success is is_taken


async def test_the_beta_lifts_the_cap_of_batch_items_on_the_models_that_have_it(client: AsyncAnthropic):
    cases = {
        "full": params(max_tokens=300_000),
        "over": params(max_tokens=300_001),
        "ordinary": params(max_tokens=1000),
        "fable": params(max_tokens=128_001, model="claude-fable-5-2"),
        "small": params(max_tokens=64_001, model="claude-haiku-4-5"),
    }
    results = await run_batch(client, *(item(name, case) for name, case in cases.items()), beta=True)
    taken = {name for name, result in results.items() if result.type == "succeeded"}
    assert taken == {"full", "ordinary"}


async def test_without_the_beta_the_ordinary_cap_holds_in_batches(client: AsyncAnthropic):
    cases = [item("at-cap", params(max_tokens=128_000)), item("over", params(max_tokens=128_001))]
    results = await run_batch(client, *cases)
    assert results["at-cap"].type == "succeeded"
    assert results["over"].error.error.type == "invalid_request_error"


async def test_a_prompt_above_the_window_is_too_long(client: AsyncAnthropic, simulator: Simulator):
    request = params(text("x" * 640_001), model="claude-haiku-4-5")
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 200001 tokens > 200000"):
        await client.messages.create(**request)
    result = (await run_batch(client, item("a", request)))["a"]
    assert "prompt is too long" in result.error.error.message
    assert simulator.bill()["total_usd"] == "0"


def test_prefill_is_left_to_the_models_that_took_it(simulator: Simulator):
    request = params(model="claude-haiku-4-5", messages=[USER, ASSISTANT])
    assert simulator.post("/v1/messages", request).status_code == 200


def test_a_thinking_budget_is_left_to_the_models_that_took_it(simulator: Simulator):
    request = params(model="claude-opus-4-6", thinking={"type": "enabled", "budget_tokens": 1024})
    assert simulator.post("/v1/messages", request).status_code == 200


@pytest.mark.parametrize("field", ["messages", "max_tokens", "model"])
def test_required_fields_are_required(simulator: Simulator, field: str):
    request = params()
    del request[field]
    response = simulator.post("/v1/messages", request)
    assert response.status_code == 400
    assert field in response.json()["error"]["message"]


def test_a_body_that_is_not_json_is_refused(simulator: Simulator):
    response = httpx.post(f"{simulator.url}/v1/messages", content=b"{", headers={"x-api-key": "sim-key"})
    assert response.status_code == 400


def test_counting_refuses_what_answering_refuses(simulator: Simulator):
    request = {"model": "claude-sonnet-5", "messages": [USER], "temperature": 1}
    assert simulator.post("/v1/messages/count_tokens", request).status_code == 400


async def test_a_call_above_32_megabytes_is_too_large(client: AsyncAnthropic):
    with pytest.raises(anthropic.ContentTooLargeError):
        await client.messages.create(**params(text("x" * (32 * 1024 * 1024))))


def test_a_batch_above_256_megabytes_is_too_large(simulator: Simulator):
    """The size is announced, so nothing of it needs to be sent."""
    host, port = simulator.url.removeprefix("http://").split(":")
    head = f"POST /v1/messages/batches HTTP/1.1\r\nHost: {host}\r\nx-api-key: sim-1\r\nContent-Length: "
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{head}{256 * 1024 * 1024 + 1}\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 413")


def _changed(**changes: Any) -> dict[str, Any]:
    return {**obj(name=STRING), **changes}


REFUSED_SCHEMAS = [
    pytest.param(
        {**obj(next={"$ref": "#/$defs/Node"}), "$defs": {"Node": obj(next={"$ref": "#/$defs/Node"})}},
        "recursive",
        id="recursive",
    ),
    pytest.param(obj(self={"$ref": "#"}), "recursive", id="root"),
    pytest.param(obj(a={"$ref": "https://example.org/s.json"}), "external", id="external"),
    pytest.param(obj(a={"$ref": "#/$defs/Missing"}), "resolved", id="dangling"),
    pytest.param(obj(a={"type": "integer", "minimum": 0}), "minimum", id="minimum"),
    pytest.param(obj(a={"type": "number", "maximum": 1}), "maximum", id="maximum"),
    pytest.param(obj(a={"type": "number", "multipleOf": 2}), "multipleOf", id="multipleOf"),
    pytest.param(obj(a={"type": "string", "minLength": 1}), "minLength", id="minLength"),
    pytest.param(obj(a={"type": "string", "maxLength": 9}), "maxLength", id="maxLength"),
    pytest.param(obj(a={**arr(STRING), "minItems": 2}), "minItems", id="minItems 2"),
    pytest.param(obj(a={**arr(STRING), "maxItems": 5}), "maxItems", id="maxItems"),
    pytest.param(obj(a={"type": "string", "pattern": "(?=x)"}), "lookaround", id="lookaround"),
    pytest.param(_changed(additionalProperties=True), "additionalProperties", id="additional allowed"),
    pytest.param(_changed(additionalProperties=STRING), "additionalProperties", id="additional typed"),
    pytest.param({"type": "object", "properties": {}}, "additionalProperties", id="additional unsaid"),
    pytest.param(
        {**obj(a={"$ref": "#/$defs/A"}), "$defs": {"A": {"type": "object", "properties": {}}}},
        "additionalProperties",
        id="in a definition",
    ),
    pytest.param({**obj(**{f"p{n}": STRING for n in range(25)}), "required": []}, "25 > 24", id="optional"),
    pytest.param(obj(**{f"p{n}": {"anyOf": [STRING, {"type": "null"}]} for n in range(17)}), "17 > 16", id="unions"),
]


@pytest.mark.parametrize(("schema", "words"), REFUSED_SCHEMAS)
def test_a_schema_that_cannot_be_compiled_is_refused(simulator: Simulator, schema: dict[str, Any], words: str):
    response = simulator.post("/v1/messages", params(schema=schema))
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(UNITS, id="units"),
        pytest.param({**obj(a={"$ref": "#/$defs/Q"}, b={"$ref": "#/$defs/Q"}), "$defs": {"Q": QUOTE}}, id="shared"),
        pytest.param(obj(a={**arr(STRING), "minItems": 1}), id="minItems 1"),
        pytest.param({**obj(**{f"p{n}": STRING for n in range(24)}), "required": []}, id="24 optional"),
        pytest.param(obj(**{f"p{n}": {"anyOf": [STRING, {"type": "null"}]} for n in range(16)}), id="16 unions"),
        pytest.param(obj(minimum=STRING, properties=STRING), id="keywords as names"),
    ],
)
def test_a_schema_within_the_limits_is_taken(simulator: Simulator, schema: dict[str, Any]):
    assert simulator.post("/v1/messages", params(schema=schema)).status_code == 200


async def test_an_item_with_such_a_schema_is_errored(client: AsyncAnthropic):
    schema = obj(a={"type": "integer", "minimum": 0})
    result = (await run_batch(client, item("a", params(schema=schema))))["a"]
    assert result.error.error.type == "invalid_request_error"
