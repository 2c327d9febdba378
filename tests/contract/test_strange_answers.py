"""Answers in forms that the simulator never gives: what cannot be believed is never taken for a small cost."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.contract.support import ask, connection, lines, named, post
from throughline.claude.client import Claude
from throughline.claude.remote import RemoteBatch
from throughline.domain.ask import ItemResult, Reply, StopReason
from throughline.errors import Ambiguous, Retryable, ThroughlineError

USAGE = {"input_tokens": 20, "output_tokens": 30}
Event = dict[str, Any]  # JSON


@contextlib.asynccontextmanager
async def answering(bodies: Mapping[str, bytes], *, kind: str, status: int = 200) -> AsyncGenerator[str]:
    """An API that answers each path with one body, and closes the connection in order."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode().partition("?")[0]
        body = bodies[path].replace(b"HOST", writer.get_extra_info("sockname")[0].encode())
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: ")]
        await reader.readexactly(sum(int(line.removeprefix(b"content-length: ")) for line in lengths))
        headers = f"content-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close"
        writer.write(f"HTTP/1.1 {status} Said\r\n{headers}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.asynccontextmanager
async def saying(path: str, kind: str, body: str, *, status: int = 200) -> AsyncGenerator[Claude]:
    """A connection to an API that has one answer on that path."""
    said = {path: body.encode("utf-8", "surrogateescape")}
    async with answering(said, kind=kind, status=status) as url, connection(url) as claude:
        yield claude


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


@pytest.mark.parametrize(
    "usage", [None, [], "much", USAGE | {"cache_creation": "much"}], ids=["null", "a list", "a text", "a part"]
)
async def test_an_item_whose_usage_cannot_be_read_is_an_answer_of_unknown_cost(usage: object):
    ((found,), error) = await read(line("call-1", usage=usage))
    assert isinstance(found.result, Reply)
    assert (found.result.text, found.result.usage_known, error) == ("Paris.", False, None)


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param('{"custom_id": "call-2", "result": {"type": "something new"}}', id="a new outcome"),
        pytest.param('{"custom_id": "call-2", "result": null}', id="no outcome"),
        pytest.param('{"result": {"type": "expired"}}', id="no name"),
        pytest.param('{"custom_id": ["call-2"], "result": {"type": "expired"}}', id="a name that is none"),
        pytest.param('{"custom_id": "call-2", "result": ' + "[" * 100_000, id="nested without an end"),
        pytest.param('{"custom_id": "call-2", "resu', id="no JSON"),
    ],
)
async def test_a_line_that_cannot_be_read_does_not_hide_the_answers_behind_it(strange: str):
    found, error = await read(line("call-1"), strange, line("call-3"))
    assert [item.call_id for item in found] == ["call-1", "call-3"]
    assert error is not None


# Whatever else may come: a gateway's page, or JSON that is not the API's.

BATCH = {
    "id": "b",
    "type": "message_batch",
    "processing_status": "ended",
    "request_counts": {"processing": 0, "succeeded": 1, "errored": 0, "canceled": 0, "expired": 0},
    "created_at": "2026-11-22T12:00:00Z",
    "results_url": "HOST/results",
    "archived_at": None,
}
PAGE = {"data": [BATCH], "has_more": False, "first_id": "b", "last_id": "b"}
QUIET = datetime(2026, 1, 1, tzinfo=UTC)


def odd(**changed: Any) -> str:
    return json.dumps(BATCH | changed)


ODD = [
    pytest.param("text/html", "<html>Back soon</html>", id="a page"),
    pytest.param("text/html", "", id="nothing"),
    pytest.param("application/json", "", id="no JSON"),
    pytest.param("application/json", "[]", id="a list"),
    pytest.param("application/json", "null", id="null"),
    pytest.param("application/json", "5", id="a number"),
    pytest.param("application/json", '"b"', id="a text"),
    pytest.param("application/json", "{}", id="an empty object"),
    pytest.param("application/json", '{"id": 5, "error": "much"}', id="an error that is none"),
    pytest.param("application/json", "[" * 100_000, id="nested without an end"),
    pytest.param("application/json", '{"id": "\\ud800', id="cut in a character"),
    pytest.param("application/json; charset=nonesuch", "\udcff", id="bytes of no encoding"),
]
ODD_BATCHES = [
    pytest.param("application/json", '{"id": "b"}', id="an id alone"),
    pytest.param("application/json", odd(request_counts=None), id="no counts"),
    pytest.param("application/json", odd(request_counts={"processing": "many"}), id="counts that are none"),
    pytest.param("application/json", odd(created_at="yesterday"), id="a time that is none"),
    pytest.param("application/json", odd(created_at="2026-11-22T12:00:00"), id="a time without its zone"),
    pytest.param("application/json", odd(id=None), id="no id"),
]
ODD_LISTS = [
    pytest.param("application/json", json.dumps(PAGE | {"data": [{"id": "b"}]}), id="an odd batch in a list"),
    pytest.param("application/json", json.dumps(PAGE | {"data": None}), id="a list that is null"),
    pytest.param("application/json", '{"data": []}', id="a list that may go on"),
    pytest.param("application/json", '{"data": [], "has_more": true}', id="a list that goes on nowhere"),
]


async def the_list(claude: Claude) -> list[RemoteBatch]:
    return [found async for found in claude.batches_since(QUIET)]


READS: dict[str, Callable[[Claude], Awaitable[object]]] = {
    "/v1/messages/batches/b": lambda claude: claude.batch("b"),
    "/v1/messages/batches": the_list,
    "/v1/messages/count_tokens": lambda claude: claude.count_tokens(ask()),
    "/v1/models/m": lambda claude: claude.model("m"),
}


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(("kind", "body"), [*ODD, *ODD_LISTS])
async def test_what_is_read_and_is_not_the_apis_is_asked_for_again(path: str, kind: str, body: str):
    async with saying(path, kind, body) as claude:
        with pytest.raises(Retryable):
            await READS[path](claude)


@pytest.mark.parametrize(("kind", "body"), ODD_BATCHES)
async def test_a_batch_that_lacks_what_is_needed_of_it_is_asked_for_again(kind: str, body: str):
    async with saying("/v1/messages/batches/b", kind, body) as claude:
        with pytest.raises(Retryable):
            await claude.batch("b")


@pytest.mark.parametrize(("kind", "body"), ODD)
async def test_results_are_not_looked_for_where_no_batch_says_where_they_are(kind: str, body: str):
    async with saying("/v1/messages/batches/b", kind, body) as claude:
        with pytest.raises(Retryable):
            await lines(claude, "b")


@pytest.mark.parametrize(("kind", "body"), ODD)
async def test_a_batch_whose_answer_is_not_the_apis_is_in_doubt(kind: str, body: str):
    async with saying("/v1/messages/batches", kind, body) as claude:
        with pytest.raises(Ambiguous):
            await post(claude, named(ask()))


@pytest.mark.parametrize(("kind", "body"), ODD)
async def test_a_message_whose_answer_is_not_the_apis_is_in_doubt(kind: str, body: str):
    async with saying("/v1/messages", kind, body) as claude:
        with pytest.raises(Ambiguous):
            await claude.stream(ask())


@pytest.mark.parametrize(("kind", "body"), ODD)
@pytest.mark.parametrize("status", [400, 404, 429, 500, 529])
async def test_a_refusal_is_one_whatever_stands_in_it(kind: str, body: str, status: int):
    async with saying("/v1/messages/batches", kind, body, status=status) as claude:
        with pytest.raises(ThroughlineError):
            await post(claude, named(ask()))
        with pytest.raises(ThroughlineError):
            await the_list(claude)
