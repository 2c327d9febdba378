"""Message Batches over HTTP."""

import json
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from simulator.batches import ResultLine
from simulator.calls import Call, break_after
from simulator.connections import is_gone
from simulator.errors import invalid
from simulator.models import OUTPUT_300K_BETA

_WRITE_BYTES = 256 * 1024


async def create(call: Call) -> ASGIApp:
    betas = [beta.strip() for value in call.request.headers.getlist("anthropic-beta") for beta in value.split(",")]
    has_300k_beta = OUTPUT_300K_BETA in betas
    batch = call.world.batches.create(call.json_object(), call.world.faults, has_300k_beta=has_300k_beta)
    return call.json(batch.describe(_base_url(call)))


async def retrieve(call: Call) -> ASGIApp:
    shown = call.world.batches.get(_batch_id(call)).describe(_base_url(call))
    if call.fault is not None and call.is_struck_by("foreign_results_url"):
        shown["results_url"] = call.fault.args.get("url", "http://127.0.0.2:9/v1/messages/batches/x/results")
    if call.is_struck_by("no_results_url"):
        shown["results_url"] = None
    if call.fault is not None and shown["ended_at"] is not None and call.is_struck_by("archived"):
        shown |= {"archived_at": shown["ended_at"], "results_url": None}
    return call.json(shown)


async def list_page(call: Call) -> ASGIApp:
    limit, after_id, before_id = page_params(call)
    batches, has_more = call.world.batches.page(limit, after_id, before_id)
    return call.json(page(batches, [batch.describe(_base_url(call)) for batch in batches], has_more=has_more))


async def cancel(call: Call) -> ASGIApp:
    return call.json(call.world.batches.cancel(_batch_id(call)).describe(_base_url(call)))


async def delete(call: Call) -> ASGIApp:
    batch_id = _batch_id(call)
    call.world.batches.delete(batch_id)
    return call.json({"id": batch_id, "type": "message_batch_deleted"})


async def results(call: Call) -> ASGIApp:
    return ResultsFile(call, call.world.batches.results(_batch_id(call)))


def page_params(call: Call) -> tuple[int, str | None, str | None]:
    query = call.request.query_params
    raw_limit = query.get("limit", "20")
    limit = int(raw_limit) if raw_limit.isdecimal() else 0
    if not 1 <= limit <= 1000:
        raise invalid("limit: Input should be between 1 and 1000")
    return limit, query.get("after_id"), query.get("before_id")


def page(items: list[Any], shown: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    return {
        "data": shown,
        "has_more": has_more,
        "first_id": items[0].id if items else None,
        "last_id": items[-1].id if items else None,
    }


def _batch_id(call: Call) -> str:
    return str(call.request.path_params["batch_id"])


def _base_url(call: Call) -> str:
    return str(call.request.base_url).rstrip("/")


class ResultsFile:
    """JSON lines, in large pieces; a line counts as delivered once it was sent whole."""

    def __init__(self, call: Call, lines: list[ResultLine]) -> None:
        self._call = call
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        headers = [(b"content-type", b"application/x-jsonl"), (b"request-id", self._call.request_id.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        sent_bytes = 0
        for piece in _pieces(self._body()):
            if is_gone(request):
                break
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            sent_bytes += len(piece)
        self._deliver(sent_bytes)
        if self._cut is not None and not self._cut.get("clean", False):
            await break_after(request, receive)
            return
        await send({"type": "http.response.body", "body": b""})

    @property
    def _cut(self) -> dict[str, Any] | None:
        fault = self._call.fault
        return fault.args if fault is not None and fault.what == "cut_stream" else None

    def _body(self) -> bytes:
        lines = [line.line for line in self._lines]
        fault = self._call.fault
        kept = lines[:-1] if fault is not None and fault.args.get("instead_of_last") else lines
        if self._call.is_struck_by("duplicate_results"):
            lines = [*kept, lines[0]]
        if self._call.is_struck_by("foreign_custom_id"):
            lines = [json.dumps({**json.loads(lines[0]), "custom_id": "of-another-batch"}), *kept]
        if self._call.is_struck_by("odd_line"):
            lines = ["{odd", *kept]
        body = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
        return body if self._cut is None else body[: int(self._cut.get("after_bytes", len(body) // 2))]

    def _deliver(self, sent_bytes: int) -> None:
        delivered: set[str] = set()
        end = 0
        for line in self._lines:
            end += len(line.line.encode("utf-8", "surrogatepass")) + 1
            if end <= sent_bytes:
                delivered.add(line.request_id)
        self._call.world.bill.deliver(delivered)


def _pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), _WRITE_BYTES):
        yield body[start : start + _WRITE_BYTES]
