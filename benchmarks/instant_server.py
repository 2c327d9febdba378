"""A Claude endpoint that answers at once: what remains of a call's time is the client's own.

Plain asyncio and prepared bytes, one process of its own, so that the server's share of a measurement is
as small as it can be. It writes the units that a prompt asks for, and nothing else of the API. Results of
batches are files in the folder that is named on the command line, written line by line when the batch is
created and sent by the kernel: one of a gigabyte takes no memory here. A second argument is the length that
the answers in them shall have, in characters.
"""

import asyncio
import json
import pydoc_data.topics
import re
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_ASKED = re.compile(rb'<unit id=\\"(u\d+)\\"')
_BODY = "The passage states its rule, gives an example and names the exception. " * 10
_USAGE = {"input_tokens": 2_000, "output_tokens": 1_500}


@dataclass(slots=True)
class Results:
    """Where results are kept, and how long the answers in them are in characters (0: short)."""

    folder: Path
    characters: int = 0

    def file(self, batch_id: str) -> Path:
        """The results file of a batch."""
        return self.folder / f"{batch_id}.jsonl"


_results = Results(Path())
_counts: dict[str, int] = {}  # requests of each batch
_prose = "\n\n".join(pydoc_data.topics.topics.values()) * 2  # real text: quotes, newlines, code


def answer(body: bytes) -> str:
    """The JSON answer to a prompt: the requested units, or a closing."""
    units: list[dict[str, Any]] = [
        {"unit_id": unit.decode(), "heading": "A heading", "body": _BODY, "citations": [], "confidence": 0.9}
        for unit in dict.fromkeys(_ASKED.findall(body))
    ]
    closing = {"overview": "The whole.", "key_points": ["One."]} if b"<write_closing" in body else None
    return json.dumps({"outline": [], "units": units, "closing": closing})


def long_answer(body: bytes, number: int, characters: int) -> str:
    """The same with prose of that length in all, other passages for each number, and quotes from it."""
    read = json.loads(answer(body))
    share = characters // max(len(read["units"]), 1)
    for position, unit in enumerate(read["units"]):
        start = (number * 7_919 + position * share) % (len(_prose) // 2)
        quotes = [_prose[at : at + 150] for at in range(start, start + 600, 200)]
        unit["citations"] = [{"source": "source.md", "quote": quote} for quote in quotes]
        unit["body"] = _prose[start : start + share - 450]
    return json.dumps(read, ensure_ascii=False)


def message(text: str) -> dict[str, Any]:
    """A Messages answer."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": _USAGE,
    }


def stream(text: str) -> bytes:
    """The same answer as server-sent events, its text in pieces of 1,000 characters."""
    empty: dict[str, Any] = message("") | {"content": [], "stop_reason": None, "usage": _USAGE | {"output_tokens": 1}}
    block = {"type": "text", "text": ""}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": empty},
        {"type": "content_block_start", "index": 0, "content_block": block},
    ]
    for start in range(0, len(text), 1_000):
        delta = {"type": "text_delta", "text": text[start : start + 1_000]}
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    events += [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": _USAGE["output_tokens"]}},
        {"type": "message_stop"},
    ]
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def batch(batch_id: str, host: str) -> dict[str, Any]:
    """A batch that has ended."""
    moment = datetime.now(UTC).isoformat()
    return {
        "id": batch_id,
        "type": "message_batch",
        "processing_status": "ended",
        "request_counts": {
            "processing": 0,
            "succeeded": _counts[batch_id],
            "errored": 0,
            "canceled": 0,
            "expired": 0,
        },
        "created_at": moment,
        "ended_at": moment,
        "expires_at": moment,
        "archived_at": None,
        "cancel_initiated_at": None,
        "results_url": f"http://{host}/v1/messages/batches/{batch_id}/results",
    }


def create(body: bytes) -> str:
    """A new batch, answered: its results lie in their file."""
    batch_id = f"msgbatch_{len(_counts)}"
    requests = json.loads(body)["requests"]
    with _results.file(batch_id).open("wb") as file:
        for number, item in enumerate(requests):
            asked = json.dumps(_instruction(item["params"])).encode()
            text = long_answer(asked, number, _results.characters) if _results.characters else answer(asked)
            result = {"type": "succeeded", "message": message(text)}
            file.write(json.dumps({"custom_id": item["custom_id"], "result": result}).encode() + b"\n")
    _counts[batch_id] = len(requests)
    return batch_id


def _instruction(params: dict[str, Any]) -> Any:
    """What the last block asks; a prompt that is one text asks somewhere in it."""
    content = params["messages"][0]["content"]
    return content if isinstance(content, str) else content[-1]


def respond(method: str, path: str, host: str, body: bytes) -> tuple[str, bytes | Path]:
    """Content type and body of the answer to one request; the body may be a file."""
    route = path.split("?", maxsplit=1)[0].removeprefix("/v1/messages")
    if method == "POST" and route == "":
        if b'"stream":true' in body:
            return "text/event-stream", stream(answer(body))
        return "application/json", json.dumps(message(answer(body))).encode()
    if method == "POST" and route == "/batches":
        return "application/json", json.dumps(batch(create(body), host)).encode()
    if path.startswith("/v1/models/"):
        known = {"id": path.split("/")[3], "type": "model", "display_name": "", "created_at": "2026-01-01T00:00:00Z"}
        return "application/json", json.dumps(known | {"capabilities": None, "max_tokens": None}).encode()
    if route == "/batches":
        page: dict[str, Any] = {"data": [], "has_more": False, "first_id": None, "last_id": None}
        return "application/json", json.dumps(page).encode()
    batch_id = route.split("/")[2]
    if route.endswith("/results"):
        return "application/x-jsonl", _results.file(batch_id)
    return "application/json", json.dumps(batch(batch_id, host)).encode()


async def send(writer: asyncio.StreamWriter, kind: str, content: bytes | Path) -> None:
    """One answer, a file straight from the disk."""
    if isinstance(content, bytes):
        writer.write(_head(kind, len(content)) + content)
        await writer.drain()
        return
    with content.open("rb") as file:
        writer.write(_head(kind, file.seek(0, 2)))
        await writer.drain()
        file.seek(0)
        await asyncio.get_running_loop().sendfile(writer.transport, file)


def _head(kind: str, length: int) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n".encode()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One keep-alive connection."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            request, *fields = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, path, _ = request.split(" ")
            await send(writer, *respond(method, path, headers["host"], body))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Serve on a free loopback port until stdin closes; print the address once."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**26)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as own:
        _results.folder = Path(sys.argv[1] if len(sys.argv) > 1 else own)
        _results.characters = int(sys.argv[2]) if len(sys.argv) > 2 else 0
        asyncio.run(main())
