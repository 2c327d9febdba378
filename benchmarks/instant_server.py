"""A Claude endpoint that answers at once: what remains of a call's time is the client's own.

Plain asyncio and prepared bytes, one process of its own, so that the server's share of a measurement is
as small as it can be. It writes the units that a prompt asks for, and nothing else of the API.
"""

import asyncio
import json
import re
import sys
from datetime import UTC, datetime
from typing import Any

_ASKED = re.compile(rb'<unit id=\\"(u\d+)\\"')
_BODY = "The passage states its rule, gives an example and names the exception. " * 10
_USAGE = {"input_tokens": 2_000, "output_tokens": 1_500}
_batches: dict[str, list[dict[str, Any]]] = {}  # Any: request JSON


def answer(body: bytes) -> str:
    """The JSON answer to a prompt: the requested units, or a closing."""
    units: list[dict[str, Any]] = [
        {"unit_id": unit.decode(), "heading": "A heading", "body": _BODY, "citations": [], "confidence": 0.9}
        for unit in dict.fromkeys(_ASKED.findall(body))
    ]
    closing = {"overview": "The whole.", "key_points": ["One."]} if b"<write_closing" in body else None
    return json.dumps({"outline": [], "units": units, "closing": closing})


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
            "succeeded": len(_batches[batch_id]),
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


def results(batch_id: str) -> bytes:
    """The results file of a batch."""
    lines = (
        {
            "custom_id": item["custom_id"],
            "result": {"type": "succeeded", "message": message(answer(json.dumps(item["params"]).encode()))},
        }
        for item in _batches[batch_id]
    )
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def respond(method: str, path: str, host: str, body: bytes) -> tuple[str, bytes]:
    """Content type and body of the answer to one request."""
    route = path.split("?", maxsplit=1)[0].removeprefix("/v1/messages")
    if method == "POST" and route == "":
        if b'"stream":true' in body:
            return "text/event-stream", stream(answer(body))
        return "application/json", json.dumps(message(answer(body))).encode()
    if method == "POST" and route == "/batches":
        batch_id = f"msgbatch_{len(_batches)}"
        _batches[batch_id] = json.loads(body)["requests"]
        return "application/json", json.dumps(batch(batch_id, host)).encode()
    if path.startswith("/v1/models/"):
        known = {"id": path.split("/")[3], "type": "model", "display_name": "", "created_at": "2026-01-01T00:00:00Z"}
        return "application/json", json.dumps(known | {"capabilities": None, "max_tokens": None}).encode()
    if route == "/batches":
        page: dict[str, Any] = {"data": [], "has_more": False, "first_id": None, "last_id": None}
        return "application/json", json.dumps(page).encode()
    batch_id = route.split("/")[2]
    if route.endswith("/results"):
        return "application/x-jsonl", results(batch_id)
    return "application/json", json.dumps(batch(batch_id, host)).encode()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One keep-alive connection."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            request, *fields = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, path, _ = request.split(" ")
            kind, content = respond(method, path, headers["host"], body)
            head_out = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n\r\n"
            writer.write(head_out.encode() + content)
            await writer.drain()
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
    asyncio.run(main())
