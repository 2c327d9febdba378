"""The results of a batch, read line by line.

The lines are split here: the SDK's decoder joins a line from pieces of 64 bytes, which takes a minute for a
hundred long answers.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpcore2
import httpx2
import orjson

from throughline.claude import wire
from throughline.domain.ask import ItemResult, Reply, Unanswered
from throughline.domain.job import CallId
from throughline.errors import Ambiguous, Incomplete

_LONGEST_LINE = 100_000_000  # bytes; an answer of 300,000 tokens has one or two million

# As much as asyncio takes from a socket at once. In quarters of that, handing it through four layers takes as long as
# decoding it.
httpcore2.AsyncHTTP11Connection.READ_NUM_BYTES = 256 * 1024  # pyright: ignore[reportAttributeAccessIssue] - declared as its literal


async def items(response: httpx2.Response) -> AsyncGenerator[ItemResult]:
    """What became of each request, in the order of the lines; an opened response whose body is unread.

    A line that cannot be read hides none behind it: `Incomplete` is raised at the end, for the first of them.
    """
    unreadable: Exception | None = None
    async with aclosing(_lines(response)) as lines:
        async for line in lines:
            try:
                found = _result(line)
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError, Ambiguous) as error:
                unreadable = unreadable or error
            else:
                yield found
    if unreadable is not None:
        raise Incomplete(f"A line of the results cannot be read: {unreadable!r}"[:300]) from unreadable


def _result(line: bytes) -> ItemResult:
    item = _decoded(line)
    if not isinstance(item["custom_id"], str):
        raise TypeError("a result's custom id is no text")
    return ItemResult(call_id=CallId(item["custom_id"]), result=_item(item["result"]))


async def _lines(response: httpx2.Response) -> AsyncGenerator[bytes]:
    """The body line by line, without their ends; of the whole no more is held than one line."""
    pieces: list[bytes] = []
    held = 0
    async with aclosing(response.aiter_bytes()) as chunks:
        async for chunk in chunks:
            start = 0
            while (end := chunk.find(b"\n", start)) >= 0:  # a tenth of the time of `split`
                yield b"".join((*pieces, chunk[start:end]))
                pieces, held, start = [], 0, end + 1
            pieces.append(chunk[start:])
            held += len(chunk) - start
            if held > _LONGEST_LINE:
                raise Ambiguous(f"A line of the results is longer than {_LONGEST_LINE:,} bytes.")
    if held:
        yield b"".join(pieces)


def _decoded(line: bytes) -> Any:  # Any: JSON
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:  # half a surrogate pair, which the standard library reads, or no JSON
        return json.loads(line)


def _item(result: dict[str, Any]) -> Reply | Unanswered:  # Any: JSON
    match result["type"]:
        case "succeeded":
            return wire.message_reply(result["message"])
        case "errored":
            said = result["error"]["error"]
            return Unanswered(outcome="errored", error_type=str(said["type"]), message=str(said["message"]))
        case "expired" | "canceled" as outcome:
            return Unanswered(outcome=outcome)
        case other:  # only the outcomes that are known to be free may cost nothing
            raise Ambiguous(f"A result of an unknown type: {str(other)[:60]!r}.")
