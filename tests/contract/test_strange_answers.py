"""Answers in forms that the simulator never gives: what cannot be believed is never taken for a small cost."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from tests.contract.support import ask, connection
from throughline.domain.ask import ItemResult, Reply, StopReason
from throughline.errors import Ambiguous

USAGE = {"input_tokens": 20, "output_tokens": 30}
Event = dict[str, Any]  # JSON


@contextlib.asynccontextmanager
async def answering(bodies: Mapping[str, bytes], *, kind: str) -> AsyncGenerator[str]:
    """An API that answers each path with one body, and closes the connection in order."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode().partition("?")[0]
        body = bodies[path].replace(b"HOST", writer.get_extra_info("sockname")[0].encode())
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: ")]
        await reader.readexactly(sum(int(line.removeprefix(b"content-length: ")) for line in lengths))
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


# A stream.


def start(**usage: Any) -> Event:
    message: Event = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    return {"type": "message_start", "message": message | {"stop_reason": None, "usage": usage}}


def text(said: str) -> Event:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": said}}


def delta(stop_reason: str | None, **usage: Any) -> Event:
    return {"type": "message_delta", "delta": {"stop_reason": stop_reason, "stop_details": None}, "usage": usage}


STOP: Event = {"type": "message_stop"}


async def streamed(*events: Event) -> Reply:
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    async with (
        answering({"/v1/messages": body.encode()}, kind="text/event-stream") as url,
        connection(url) as claude,
    ):
        return await claude.stream(ask())


async def test_the_tokens_of_an_answers_beginning_are_not_taken_for_those_of_its_end():
    reply = await streamed(start(input_tokens=20, output_tokens=1), text("Paris."), delta("end_turn"), STOP)
    assert not reply.usage_known
    assert reply.text == "Paris."


@pytest.mark.parametrize(
    "usage",
    [
        pytest.param({"input_tokens": 20, "output_tokens": 0}, id="no output"),
        pytest.param({"input_tokens": 0, "output_tokens": 30}, id="no prompt"),
    ],
)
async def test_a_usage_that_says_nothing_of_a_text_that_came_is_not_believed(usage: dict[str, int]):
    reply = await streamed(start(**usage), text("Paris."), delta("end_turn", **usage), STOP)
    assert not reply.usage_known


async def test_an_answer_without_text_whose_prompt_is_said_to_be_empty_is_not_believed():
    usage = {"input_tokens": 0, "output_tokens": 0}
    assert not (await streamed(start(**usage), delta("max_tokens", **usage), STOP)).usage_known


async def test_a_later_zero_does_not_wipe_out_a_prompt_that_was_counted():
    later = {"input_tokens": 0, "output_tokens": 30}
    reply = await streamed(start(**USAGE), text("Paris."), delta("end_turn", **later), STOP)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (USAGE["input_tokens"], 30)


async def test_a_prompt_that_was_read_from_the_cache_alone_is_believed():
    usage = {"input_tokens": 0, "cache_read_input_tokens": 20, "output_tokens": 30}
    assert (await streamed(start(**usage), text("Paris."), delta("end_turn", **usage), STOP)).usage_known


async def test_a_stream_that_ends_before_it_said_why_it_stops_is_in_doubt():
    with pytest.raises(Ambiguous, match="ended before its last event"):
        await streamed(start(**USAGE), text("Par"), delta(None, output_tokens=2))


async def test_a_stream_that_said_why_it_stops_is_whole_without_its_last_event():
    reply = await streamed(start(**USAGE), text("Paris."), delta("end_turn", output_tokens=30))
    assert (reply.usage_known, reply.usage.output_tokens, reply.stop_reason) == (True, 30, StopReason.END_TURN)


async def test_a_stream_that_came_to_its_end_without_a_reason_is_an_answer_of_unknown_end():
    reply = await streamed(start(**USAGE), text("Paris."), delta(None, output_tokens=30), STOP)
    assert (reply.usage.output_tokens, reply.stop_reason) == (30, StopReason.UNKNOWN)


async def test_a_reason_that_was_told_is_not_wiped_out_by_a_later_event():
    events = delta("max_tokens", output_tokens=30), delta(None, output_tokens=31)
    reply = await streamed(start(**USAGE), text("Paris."), *events, STOP)
    assert (reply.usage.output_tokens, reply.stop_reason) == (31, StopReason.MAX_TOKENS)


async def test_an_error_in_the_middle_of_a_stream_is_in_doubt_however_busy_it_says_the_api_is():
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(Ambiguous, match="broke off"):
        await streamed(start(**USAGE), text("Par"), error)


# The results of a batch.


def line(call: str, **changed: Any) -> str:
    message = {"content": [{"type": "text", "text": "Paris."}], "usage": USAGE, "stop_reason": "end_turn"} | changed
    return json.dumps({"custom_id": call, "result": {"type": "succeeded", "message": message}})


async def read(*found: str) -> tuple[list[ItemResult], Ambiguous | None]:
    """The results that these lines bring, and what was wrong with them."""
    results: list[ItemResult] = []
    bodies = {"/v1/messages/batches/b": b"", "/results": "\n".join(found).encode()}
    async with answering(bodies, kind="application/json") as url:
        bodies["/v1/messages/batches/b"] = json.dumps({"id": "b", "results_url": f"{url}/results"}).encode()
        async with connection(url) as claude:
            try:
                async for item in claude.results("b"):
                    results.append(item)  # noqa: PERF401 - a comprehension would lose what came before the error
            except Ambiguous as error:
                return results, error
    return results, None


async def test_an_item_whose_usage_is_null_is_an_answer_of_unknown_cost():
    ((found,), error) = await read(line("call-1", usage=None))
    assert isinstance(found.result, Reply)
    assert (found.result.text, found.result.usage_known, error) == ("Paris.", False, None)


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param('{"custom_id": "call-2", "result": {"type": "something new"}}', id="a new outcome"),
        pytest.param('{"custom_id": "call-2", "result": null}', id="no outcome"),
        pytest.param('{"result": {"type": "expired"}}', id="no name"),
        pytest.param('{"custom_id": "call-2", "resu', id="no JSON"),
    ],
)
async def test_a_line_that_cannot_be_read_does_not_hide_the_answers_behind_it(strange: str):
    found, error = await read(line("call-1"), strange, line("call-3"))
    assert [item.call_id for item in found] == ["call-1", "call-3"]
    assert error is not None
