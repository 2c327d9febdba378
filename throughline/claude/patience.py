"""Waiting for a busy API: with jitter, a cap on what a server may ask for, and an end."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from throughline.errors import Retryable

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to go on asking. A `retry-after` above `longest_wait_s` ends the waiting at once."""

    tries: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0

    def wait_s(self, tried: int, error: Retryable, jitter: float) -> float | None:
        """Seconds to wait after that many tries; None to give up. `jitter` is between 0 and 1."""
        if tried >= self.tries:
            return None
        if error.retry_after_s is not None:
            return error.retry_after_s if error.retry_after_s <= self.longest_wait_s else None
        backoff = min(self.longest_wait_s, self.first_wait_s * 2 ** (tried - 1))
        return backoff * (0.5 + jitter / 2)


async def patiently(ask: Callable[[], Awaitable[T]], patience: Patience) -> T:
    """The answer of `ask`, asked again while it raises `Retryable` and patience lasts."""
    tried = 0
    while True:
        try:
            return await ask()
        except Retryable as error:
            tried += 1
            wait_s = patience.wait_s(tried, error, random.random())
            if wait_s is None:
                raise
            await asyncio.sleep(wait_s)
