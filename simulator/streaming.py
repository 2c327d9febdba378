"""A message as server-sent events, at the pace of a model or all at once."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from simulator.answers import Answer
from simulator.bill import Row
from simulator.calls import Call, break_after, until_gone
from simulator.connections import is_gone
from simulator.prompt import count_text_tokens

_PACED_CHARS, _INSTANT_CHARS = 300, 16_000
_WRITE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Frame:
    """Some events, and how much text has been said when they are out."""

    data: bytes
    said_chars: int


class MessageStream:
    """Sends the events; when the client leaves or a fault cuts, the bill keeps only what was said."""

    def __init__(self, call: Call, answer: Answer, row: Row) -> None:
        self._call = call
        self._answer = answer
        self._row = row
        self._tokens_per_second = call.world.options.tokens_per_second

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-cache"),
            (b"request-id", self._call.request_id.encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        said_chars = 0
        for frame in self._paced_frames():
            await self._pace(said_chars, frame)
            if is_gone(request):
                self._cut(said_chars)
                return
            await send({"type": "http.response.body", "body": frame.data, "more_body": True})
            said_chars = frame.said_chars
        if self._cut_after_chars is not None:
            self._cut(said_chars)
            await self._fall_silent(receive)
            await break_after(request, receive)
            return
        await send({"type": "http.response.body", "body": b""})

    @property
    def _cut_after_chars(self) -> int | None:
        fault = self._call.fault
        return int(fault.args.get("after_chars", 0)) if fault is not None and fault.what == "cut_stream" else None

    async def _fall_silent(self, receive: Receive) -> None:
        """A stream may say nothing for a while before it breaks, unless the client leaves meanwhile."""
        silent_seconds = 0 if self._call.fault is None else self._call.fault.args.get("silent_seconds", 0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(silent_seconds):
                await until_gone(receive)

    def _paced_frames(self) -> Iterator[_Frame]:
        frames = self._frames()
        return frames if self._tokens_per_second else _gathered(frames)

    def _frames(self) -> Iterator[_Frame]:
        answer, cut_after_chars = self._answer, self._cut_after_chars
        text = answer.text if cut_after_chars is None else answer.text[:cut_after_chars]
        index = 1 if answer.thinks else 0
        yield _Frame(_opening(answer), 0)
        if text:
            yield _Frame(_event("content_block_start", index=index, content_block={"type": "text", "text": ""}), 0)
        step = _PACED_CHARS if self._tokens_per_second else _INSTANT_CHARS
        for start in range(0, len(text), step):
            piece = text[start : start + step]
            delta = {"type": "text_delta", "text": piece}
            yield _Frame(_event("content_block_delta", index=index, delta=delta), start + len(piece))
        if cut_after_chars is None:
            stop = _event("content_block_stop", index=index) if text else b""
            yield _Frame(stop + _closing(answer), len(text))

    async def _pace(self, said_chars: int, frame: _Frame) -> None:
        if not self._tokens_per_second:
            return
        if said_chars == 0 and frame.said_chars > 0:
            await asyncio.sleep(self._answer.thinking_tokens / self._tokens_per_second)
        tokens = count_text_tokens(self._answer.text[said_chars : frame.said_chars])
        await asyncio.sleep(tokens / self._tokens_per_second)

    def _cut(self, said_chars: int) -> None:
        answer = self._answer
        said_tokens = answer.thinking_tokens + count_text_tokens(answer.text[:said_chars])
        usage = answer.usage(min(said_tokens, answer.output_tokens))
        self._call.world.bill.cut(self._row, answer.model, answer.params, usage)


def _gathered(frames: Iterator[_Frame]) -> Iterator[_Frame]:
    """As few writes as possible: an instant answer is one or two."""
    parts: list[bytes] = []
    said_chars = size = 0
    for frame in frames:
        parts.append(frame.data)
        size += len(frame.data)
        said_chars = frame.said_chars
        if size >= _WRITE_BYTES:
            yield _Frame(b"".join(parts), said_chars)
            parts, size = [], 0
    if parts:
        yield _Frame(b"".join(parts), said_chars)


def _opening(answer: Answer) -> bytes:
    message: dict[str, Any] = {
        **answer.message(),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": answer.usage(1),
    }
    return _event("message_start", message=message) + _event("ping") + _thinking(answer)


def _thinking(answer: Answer) -> bytes:
    """The thinking block comes first, with empty text: what was thought is not shown."""
    if not answer.thinks:
        return b""
    block, *_ = answer.content()
    return (
        _event(
            "content_block_start",
            index=0,
            content_block={"type": "thinking", "thinking": "", "signature": ""},
        )
        + _event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": block["signature"]})
        + _event("content_block_stop", index=0)
    )


def _closing(answer: Answer) -> bytes:
    delta = {
        "stop_reason": answer.stop_reason,
        "stop_sequence": answer.stop_sequence,
        "stop_details": answer.stop_details,
    }
    reported = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    usage = {key: value for key, value in answer.usage().items() if key in (*reported, "output_tokens_details")}
    return _event("message_delta", delta=delta, usage=usage) + _event("message_stop")


def _event(type_: str, **fields: Any) -> bytes:
    data = json.dumps({"type": type_, **fields}, ensure_ascii=False, separators=(",", ":"))
    return f"event: {type_}\ndata: {data}\n\n".encode("utf-8", "surrogatepass")
