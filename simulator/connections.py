"""Breaking connections on purpose, and noticing when the client broke one.

ASGI has no word for either, so the protocol keeps its open transports where the application finds them.
"""

import asyncio

from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

_open: dict[tuple[str, int], asyncio.Transport] = {}


class TrackedProtocol(H11Protocol):
    """The server's protocol, with its transport on record under the client's address."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # as in the base
        super().connection_made(transport)
        if self.client is not None:
            _open[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client is not None:
            _open.pop(self.client, None)
        super().connection_lost(exc)


def is_gone(request: Request) -> bool:
    """Whether the client has left: what is written now reaches nobody."""
    transport = _open.get(_peer(request))
    return transport is None or transport.is_closing()


def break_off(request: Request) -> None:
    """Close after what was already written, without ending the response."""
    transport = _open.get(_peer(request))
    if transport is not None:
        transport.close()


def _peer(request: Request) -> tuple[str, int]:
    client = request.client
    return ("", 0) if client is None else (client.host, client.port)
