"""Thinking, pace, and the stand-in for local servers."""

import asyncio
import json
import time
from collections.abc import Iterator

import anthropic
import httpx
import pytest

from tests.simulator.support import (
    UNITS,
    Simulator,
    answer_text,
    document,
    item,
    params,
    plain,
    run_batch,
    sdk,
    text,
    units_params,
    whole,
    write_units,
)


@pytest.fixture(scope="module")
def thinker() -> Iterator[Simulator]:
    with Simulator.running("--batch-seconds", "0", "--thinking-share", "0.25") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def local() -> Iterator[Simulator]:
    with Simulator.running("--mode", "messages-only") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def paced() -> Iterator[Simulator]:
    with Simulator.running("--tokens-per-second", "1000") as simulator:
        yield simulator


@pytest.mark.parametrize("streams", [False, True])
async def test_thinking_comes_first_without_text_and_is_part_of_the_output(thinker: Simulator, streams: bool):
    async with sdk(thinker) as client:
        ask = whole(client, units_params()) if streams else plain(client, units_params())
        message = await ask
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[0].thinking == ""
    thinking_tokens = message.usage.output_tokens_details.thinking_tokens
    assert thinking_tokens / message.usage.output_tokens == pytest.approx(0.25, abs=0.01)
    json.loads(answer_text(message))


async def test_thinking_eats_into_max_tokens(thinker: Simulator):
    async with sdk(thinker) as client:
        full = await whole(client, units_params())
        thinking_tokens = full.usage.output_tokens_details.thinking_tokens
        cut = await whole(client, units_params(max_tokens=thinking_tokens + 10))
        nothing = await whole(client, units_params(max_tokens=thinking_tokens))
    assert len(answer_text(cut)) == 32
    assert cut.usage.output_tokens == thinking_tokens + 10
    assert [block.type for block in nothing.content] == ["thinking"]
    assert nothing.stop_reason == "max_tokens"


async def test_who_turns_thinking_off_gets_none(thinker: Simulator):
    async with sdk(thinker) as client:
        message = await plain(client, units_params(thinking={"type": "disabled"}))
        by_default = await plain(client, units_params(model="claude-opus-4-8"))
    assert [block.type for block in message.content] == ["text"]
    assert [block.type for block in by_default.content] == ["text"]


async def test_thinking_in_a_batch_is_like_thinking_in_a_call(thinker: Simulator):
    async with sdk(thinker) as client:
        result = (await run_batch(client, item("a", units_params())))["a"]
    assert [block.type for block in result.message.content] == ["thinking", "text"]


async def test_a_paced_answer_takes_its_time(paced: Simulator):
    async with sdk(paced) as client:
        started_s = time.monotonic()
        message = await whole(client, params(document(), max_tokens=300))
        elapsed_s = time.monotonic() - started_s
    assert message.usage.output_tokens == 300
    assert 0.28 <= elapsed_s < 0.9


async def test_who_leaves_a_stream_pays_for_what_was_said(paced: Simulator):
    paced.reset()
    async with sdk(paced) as client:
        stream = await client.messages.create(**units_params(), stream=True)
        async for event in stream:
            if event.type == "content_block_delta":
                break
        await stream.close()
    await asyncio.sleep(0.3)
    (row,) = paced.bill()["rows"]
    assert not row["delivered"]
    assert 0 < row["usage"]["output_tokens"] < 400


LOCAL_SCHEMA = f"<json_schema>{json.dumps(UNITS)}</json_schema>"


@pytest.mark.parametrize("streams", [False, True])
async def test_a_local_server_answers_the_schema_in_the_text_within_a_fence(local: Simulator, streams: bool):
    request = params(document(), text(f"{LOCAL_SCHEMA}{write_units('Rivers')}"), model="llama-9:70b")
    async with sdk(local, key="anything") as client:
        message = await (whole(client, request) if streams else plain(client, request))
    answer = answer_text(message)
    assert answer.startswith("```json\n")
    assert json.loads(answer.removeprefix("```json\n").removesuffix("\n```"))["units"][0]["heading"] == "Rivers"
    assert message.model == "llama-9:70b"
    assert message.usage.cache_read_input_tokens is None


async def test_a_local_server_ignores_output_config(local: Simulator):
    async with sdk(local) as client:
        message = await plain(client, params(schema=UNITS, model="any"))
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer_text(message))


async def test_a_local_server_knows_nothing_but_messages(local: Simulator):
    async with sdk(local) as client:
        with pytest.raises(anthropic.NotFoundError):
            await client.models.list()
        with pytest.raises(anthropic.NotFoundError):
            await client.messages.batches.create(requests=[item("a")])
        with pytest.raises(anthropic.NotFoundError):
            await client.messages.count_tokens(model="any", messages=params()["messages"])


def test_a_local_server_says_no_in_its_own_words(local: Simulator):
    response = httpx.get(f"{local.url}/v1/models", verify=False)
    assert response.status_code == 404
    assert "type" not in response.json()


async def test_a_local_server_charges_nothing(local: Simulator):
    local.reset()
    async with sdk(local) as client:
        await client.messages.create(**params(model="any"))
    bill = local.bill()
    assert (bill["messages"], bill["total_usd"]) == (1, "0")


def test_a_local_server_asks_for_no_key(local: Simulator):
    response = httpx.post(f"{local.url}/v1/messages", json=params(temperature=0.1), verify=False)
    assert response.status_code == 200
