"""What leaves the house: read from what the simulator received."""

from typing import Any

import pytest

from tests.contract.support import answers, ask, document, named, post, structured
from tests.servers import SIMULATED_KEY, Simulator
from throughline.claude.client import Claude
from throughline.domain.ask import Ask, Reply
from throughline.domain.job import Effort, Kind
from throughline.domain.models import LONG_OUTPUT_BETA, LONG_OUTPUT_TOKENS
from throughline.domain.output import answer_schema

ALLOWED = {"model", "max_tokens", "system", "messages", "output_config"}
FORBIDDEN = {"temperature", "top_p", "top_k", "stream", "betas", "tool_choice", "thinking", "speed"}

ASKS = [
    pytest.param(ask(), id="plain"),
    pytest.param(structured(), id="structured"),
    pytest.param(ask(effort=None), id="no effort"),
    pytest.param(ask(documents=(document(),), cache_documents=True), id="cached document"),
]


async def batch_params(claude: Claude, simulator: Simulator, asked: Ask) -> dict[str, Any]:
    await post(claude, named(asked))
    (request,) = simulator.requests("POST", "/v1/messages/batches")
    (item,) = request["body"]["requests"]
    return item["params"]


async def message_params(claude: Claude, simulator: Simulator, asked: Ask) -> dict[str, Any]:
    await claude.stream(asked)
    (request,) = simulator.requests("POST", "/v1/messages")
    return request["body"]


def content(params: dict[str, Any]) -> list[dict[str, Any]]:
    (turn,) = params["messages"]
    assert turn["role"] == "user"
    return turn["content"]


async def test_a_batch_is_submitted_with_the_long_output_beta(simulated: Claude, simulator: Simulator):
    await post(simulated, named(ask()))
    (request,) = simulator.requests("POST", "/v1/messages/batches")
    assert request["headers"]["anthropic-beta"].split(",") == [LONG_OUTPUT_BETA]
    assert set(request["body"]) == {"requests"}


async def test_a_message_is_sent_without_a_beta(simulated: Claude, simulator: Simulator):
    await simulated.stream(ask())
    (request,) = simulator.requests("POST", "/v1/messages")
    assert "anthropic-beta" not in request["headers"]


async def test_half_a_surrogate_pair_leaves_as_a_question_mark(simulated: Claude, simulator: Simulator):
    await simulated.stream(ask(instruction="a\ud800b"))
    (request,) = simulator.requests("POST", "/v1/messages")
    assert content(request["body"])[-1]["text"] == "a?b"


async def test_requests_of_a_batch_are_named_by_their_calls(simulated: Claude, simulator: Simulator):
    await post(simulated, named(ask(), ask()))
    (request,) = simulator.requests("POST", "/v1/messages/batches")
    assert [set(item) for item in request["body"]["requests"]] == [{"custom_id", "params"}] * 2
    assert [item["custom_id"] for item in request["body"]["requests"]] == ["call-1", "call-2"]


@pytest.mark.parametrize("asked", ASKS)
async def test_a_batch_item_holds_nothing_but_allowed_fields(simulated: Claude, simulator: Simulator, asked: Ask):
    """The SDK checks none of them there, and the API only when the batch has ended."""
    params = await batch_params(simulated, simulator, asked)
    assert params.keys() <= ALLOWED
    assert not params.keys() & FORBIDDEN


@pytest.mark.parametrize("asked", ASKS)
async def test_a_message_is_the_same_request_streamed(simulated: Claude, simulator: Simulator, asked: Ask):
    params = await message_params(simulated, simulator, asked)
    assert params.pop("stream") is True
    batched = await batch_params(simulated, simulator, asked)
    for block in [*content(params), *content(batched)]:
        block.pop("cache_control", None)  # of different lifetimes
    assert params == batched


async def test_the_cap_is_the_one_that_was_asked_for(simulated: Claude, simulator: Simulator):
    """All 300,000 tokens are accepted with the beta, and none more."""
    found = await answers(simulated, named(ask(max_tokens=LONG_OUTPUT_TOKENS), ask(max_tokens=LONG_OUTPUT_TOKENS + 1)))
    assert isinstance(found["call-1"], Reply)
    assert not isinstance(found["call-2"], Reply)
    (request,) = simulator.requests("POST", "/v1/messages/batches")
    assert request["body"]["requests"][0]["params"]["max_tokens"] == LONG_OUTPUT_TOKENS == 300_000


async def test_documents_stand_before_the_instruction_as_native_blocks(simulated: Claude, simulator: Simulator):
    asked = ask(documents=(document("a.md", "Alpha."), document("b.md", "Beta.")), instruction="Compare them.")
    first, second, instruction = content(await batch_params(simulated, simulator, asked))
    assert first == {
        "type": "document",
        "title": "a.md",
        "source": {"type": "text", "media_type": "text/plain", "data": "Alpha."},
    }
    assert (second["type"], second["title"]) == ("document", "b.md")
    assert instruction == {"type": "text", "text": "Compare them."}


async def test_nothing_is_cached_unless_asked_for(simulated: Claude, simulator: Simulator):
    asked = ask(documents=(document("a.md"), document("b.md")))
    for params in (
        await batch_params(simulated, simulator, asked),
        await message_params(simulated, simulator, asked),
    ):
        assert all("cache_control" not in block for block in content(params))


async def test_the_last_document_ends_the_cached_prefix(simulated: Claude, simulator: Simulator):
    """An hour where the requests of a batch start minutes apart, five minutes along a chain."""
    asked = ask(documents=(document("a.md"), document("b.md")), cache_documents=True)
    for params, ttl in (
        (await batch_params(simulated, simulator, asked), "1h"),
        (await message_params(simulated, simulator, asked), "5m"),
    ):
        first, last, instruction = content(params)
        assert last["cache_control"] == {"type": "ephemeral", "ttl": ttl}
        assert "cache_control" not in first
        assert "cache_control" not in instruction


async def test_a_structured_ask_carries_the_schema_of_its_kind(simulated: Claude, simulator: Simulator):
    params = await message_params(simulated, simulator, ask(structured=True, kind=Kind.SYNTHESIS, effort=None))
    schema = answer_schema(Kind.SYNTHESIS)
    assert params["output_config"] == {"format": {"type": "json_schema", "schema": schema}}


async def test_effort_is_said_only_when_chosen(simulated: Claude, simulator: Simulator):
    assert (await message_params(simulated, simulator, ask(effort=Effort.HIGH)))["output_config"] == {"effort": "high"}
    simulator.reset()
    assert "output_config" not in await message_params(simulated, simulator, ask(effort=None))


async def test_counting_asks_for_the_same_prompt_without_a_cap(simulated: Claude, simulator: Simulator):
    asked = ask(documents=(document(),))
    await simulated.count_tokens(asked)
    (counted,) = simulator.requests("POST", "/v1/messages/count_tokens")
    sent = await batch_params(simulated, simulator, asked)
    del sent["max_tokens"]
    assert counted["body"] == sent


async def test_a_batch_cache_is_charged_as_an_hour_and_a_message_cache_as_minutes(simulated: Claude):
    asked = ask(documents=(document(),), cache_documents=True)
    message = await simulated.stream(asked)
    item = (await answers(simulated, named(ask(documents=(document("other.md"),), cache_documents=True))))["call-1"]
    assert isinstance(item, Reply)
    assert (message.usage.cache_write_5m_tokens > 0, message.usage.cache_write_1h_tokens) == (True, 0)
    assert (item.usage.cache_write_5m_tokens, item.usage.cache_write_1h_tokens > 0) == (0, True)


async def test_the_key_stands_in_no_message(simulated: Claude, simulator: Simulator):
    await simulated.stream(ask())
    await post(simulated, named(ask()))
    assert SIMULATED_KEY not in str(simulator.requests())
