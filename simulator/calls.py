"""What every endpoint does before and after its own work: body, log, key, scripted faults, errors."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from simulator.bill import Row
from simulator.connections import break_off, is_gone
from simulator.errors import STATUS_BY_TYPE, ApiError, invalid, not_found
from simulator.faults import Fault
from simulator.world import World

MESSAGES_LIMIT_BYTES = 32 * 1024 * 1024
BATCH_LIMIT_BYTES = 256 * 1024 * 1024

_PAGE = "<html><body>Back soon.</body></html>"  # of a gateway, with status 200: the request went no further
_TYPE_BY_STATUS = {status: type_ for type_, status in STATUS_BY_TYPE.items()}


@dataclass(slots=True, kw_only=True)
class Call:
    """One request being answered; `rows` are what it was charged for."""

    request: Request
    world: World
    raw: bytes
    body: Any
    fault: Fault | None
    request_id: str
    rows: list[Row] = field(default_factory=list[Row])

    def is_struck_by(self, what: str) -> bool:
        return self.fault is not None and self.fault.what == what

    def json_object(self) -> dict[str, Any]:
        if not isinstance(self.body, dict):
            raise invalid("The request body is not valid JSON" if self.body is None else "Input should be an object")
        return cast("dict[str, Any]", self.body)

    def json(self, content: Any) -> Response:
        return json_response(content, request_id=self.request_id)


Handler = Callable[[Call], Awaitable[ASGIApp]]


class _TooLarge(Exception):
    """The body is larger than the endpoint takes."""


class BrokenConnection:
    """An answer that never comes: the connection closes without a byte."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await break_after(Request(scope), receive)


class _TooLargeResponse:
    """Answers at once, then swallows the rest: a client that still sends must be able to read the refusal."""

    def __init__(self, refusal: Response) -> None:
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 413, "headers": self._refusal.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": self._refusal.body, "more_body": True})
        message = await receive()
        while message["type"] == "http.request" and message.get("more_body"):
            message = await receive()
        await send({"type": "http.response.body", "body": b""})


async def break_after(request: Request, receive: Receive) -> None:
    """Close the connection, and return only when the server knows that it is closed."""
    break_off(request)
    await until_gone(receive)


async def until_gone(receive: Receive) -> None:
    """Return when the connection is closed, by whomever."""
    while (await receive())["type"] != "http.disconnect":
        pass


def json_response(content: Any, *, request_id: str, status: int = 200) -> Response:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return Response(body, status, {"request-id": request_id}, media_type="application/json")


def error_response(error: ApiError, request_id: str) -> Response:
    response = json_response(error.body(request_id), request_id=request_id, status=error.status)
    if error.retry_after is not None:
        response.headers["retry-after"] = error.retry_after
    return response


class Endpoint:
    """A handler as an ASGI application, under the name by which faults strike it."""

    def __init__(self, name: str, handler: Handler, *, limit_bytes: int = MESSAGES_LIMIT_BYTES) -> None:
        self._name = name
        self._handler = handler
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        request_id = f"req_{uuid4().hex}"
        try:
            response = await _answer(self._name, self._handler, request, request_id, self._limit_bytes)
        except ApiError as error:
            response = error_response(error, request_id)
        except ClientDisconnect:
            return  # who asked died while it sent: nobody to answer, nothing accepted
        except _TooLarge:
            message = f"Request exceeds the maximum size of {self._limit_bytes} bytes"
            refusal = ApiError("request_too_large", message)
            response = _TooLargeResponse(error_response(refusal, request_id))
        await response(scope, receive, send)


async def _answer(name: str, handler: Handler, request: Request, request_id: str, limit_bytes: int) -> ASGIApp:
    world: World = request.app.state.world
    raw = await _read_body(request, limit_bytes)
    body = _parsed(raw)
    world.log.add(request, body)
    if not world.options.is_local_server:
        _require_key(request)
    fault = world.faults.take(name, raw)
    if fault is not None and fault.what == "drop_before_accept":
        return BrokenConnection()
    if fault is not None and fault.what == "page":
        return Response(str(fault.args.get("body", _PAGE)), media_type=fault.args.get("type", "text/html"))
    _refuse(fault)
    call = Call(request=request, world=world, raw=raw, body=body, fault=fault, request_id=request_id)
    if fault is not None and fault.what == "accept_late":
        world.late.hold(lambda: handler(call), fault.args.get("seconds"))
        return BrokenConnection()
    return await _hold(call, await handler(call))


async def _hold(call: Call, response: ASGIApp) -> ASGIApp:
    """The request was accepted: what happens to its answer?"""
    if call.is_struck_by("drop_after_accept"):
        _lose(call)
        return BrokenConnection()
    if call.fault is not None and call.is_struck_by("hang"):
        await asyncio.sleep(float(call.fault.args.get("seconds", 1.0)))
        if is_gone(call.request):
            _lose(call)
            return BrokenConnection()
    return response


def _lose(call: Call) -> None:
    for row in call.rows:
        call.world.bill.lose(row)


def _refuse(fault: Fault | None) -> None:
    if fault is None:
        return
    if fault.what == "not_found":
        raise not_found(str(fault.args.get("message", "Not found")))
    if fault.what == "status":
        raise _scripted_status(fault.args)


def _scripted_status(args: dict[str, Any]) -> ApiError:
    status = int(args.get("status", 500))
    retry_after = args.get("retry_after")
    return ApiError(
        str(args.get("type") or _TYPE_BY_STATUS.get(status, "api_error")),
        str(args.get("message", "A scripted failure")),
        status=status,
        retry_after=None if retry_after is None else str(retry_after),
        error_code=args.get("error_code"),
    )


async def _read_body(request: Request, limit_bytes: int) -> bytes:
    if int(request.headers.get("content-length") or 0) > limit_bytes:
        raise _TooLarge
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit_bytes:
            raise _TooLarge
        chunks.append(chunk)
    return b"".join(chunks)


def _parsed(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _require_key(request: Request) -> None:
    key = request.headers.get("x-api-key")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        key = token
    if not key:
        raise ApiError("authentication_error", "x-api-key header is required")
    if not key.startswith("sim-"):
        raise ApiError("authentication_error", "invalid x-api-key")
