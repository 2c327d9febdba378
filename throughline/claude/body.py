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
        self._end = self._file.write(_BEGIN)  # not the file's own place: a reading of it may be broken off anywhere
        self.requests = 0

    def __enter__(self) -> "BatchBody":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def place(self) -> tuple[int, int]:
        """Where the next request goes."""
        return self._end, self.requests

    def cut(self, place: tuple[int, int]) -> None:
        """Forget what was added since that place was the next."""
        self._end, self.requests = place
        self._file.truncate(self._end)

    def add(self, call_id: CallId, ask: Ask) -> None:
        """One more request."""
        self._file.seek(self._end)
        self._end += self._file.write(b"," if self.requests else b"")
        self._end += self._file.write(_encoded(call_id, ask))
        self.requests += 1

    @property
    def length(self) -> int:
        """The whole body's length in bytes."""
        return self._end + len(_END)

    async def pieces(self, before_end: Callable[[], Awaitable[None]]) -> AsyncGenerator[bytes]:
        """The whole body, from its beginning; `before_end` is awaited ahead of its last bytes."""
        for start in range(0, self._end, _PIECE_BYTES):
            self._file.seek(start)
            yield self._file.read(min(_PIECE_BYTES, self._end - start))
        await before_end()
        yield _END


def encoded_bytes(ask: Ask) -> int:
    """The request's share of a body."""
    return len(_encoded(CallId("x" * 36), ask)) + 1


def _encoded(call_id: CallId, ask: Ask) -> bytes:
    """One item."""
    item: dict[str, Any] = {"custom_id": call_id, "params": wire.params(ask, cache_ttl=_BATCH_CACHE_TTL)}  # Any: JSON
    return wire.encoded(item)
