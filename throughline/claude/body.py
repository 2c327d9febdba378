"""The body of a batch, encoded on the disk: 256 MB of documents take no memory."""

import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from throughline.claude import wire
from throughline.domain.ask import Ask
from throughline.domain.job import CallId

_BATCH_CACHE_TTL = "1h"  # items of a batch start minutes apart
_BEGIN, _END = b'{"requests":[', b"]}"
_PIECE_BYTES = 1_000_000


class BatchBody:
    """Requests, written one after another; what an undone transaction wrote is taken back with `cut`."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._file.write(_BEGIN)
        self.requests = 0

    def __enter__(self) -> "BatchBody":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def place(self) -> tuple[int, int]:
        """Where the next request goes."""
        return self._file.tell(), self.requests

    def cut(self, place: tuple[int, int]) -> None:
        """Forget what was added since that place was the next."""
        at, self.requests = place
        self._file.seek(at)
        self._file.truncate()

    def add(self, call_id: CallId, ask: Ask) -> None:
        """One more request."""
        self._file.write(b"," if self.requests else b"")
        self._file.write(_encoded(call_id, ask))
        self.requests += 1

    @property
    def length(self) -> int:
        """The whole body's length in bytes."""
        return self._file.tell() + len(_END)

    async def pieces(self, before_end: Callable[[], Awaitable[None]]) -> AsyncGenerator[bytes]:
        """The whole body, from its beginning; `before_end` is awaited ahead of its last bytes."""
        end = self._file.tell()
        try:
            self._file.seek(0)
            while piece := self._file.read(_PIECE_BYTES):
                yield piece
            await before_end()
            yield _END
        finally:
            self._file.seek(end)


def encoded_bytes(ask: Ask) -> int:
    """The request's share of a body."""
    return len(_encoded(CallId("x" * 36), ask)) + 1


def _encoded(call_id: CallId, ask: Ask) -> bytes:
    """One item."""
    item: dict[str, Any] = {"custom_id": call_id, "params": wire.params(ask, cache_ttl=_BATCH_CACHE_TTL)}  # Any: JSON
    return wire.encoded(item)
