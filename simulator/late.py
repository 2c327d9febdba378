"""Requests whose sender is gone and which wait on their way: accepted after a time, or when a test says so."""

import asyncio
from collections.abc import Awaitable, Callable

Accept = Callable[[], Awaitable[object]]


class LateRequests:
    """Holds requests back; none that is held at a reset is ever accepted."""

    def __init__(self) -> None:
        self._held: list[Accept] = []
        self._timed: set[asyncio.Task[None]] = set()

    def hold(self, accept: Accept, seconds: float | None) -> None:
        """Accept it after so many seconds; without them, when it is released."""
        if seconds is None:
            self._held.append(accept)
            return
        task = asyncio.create_task(_later(accept, seconds))
        self._timed.add(task)
        task.add_done_callback(self._timed.discard)

    async def release(self) -> int:
        """Accept everything that waits for this; how many those were."""
        held, self._held = self._held, []
        for accept in held:
            await accept()
        return len(held)

    def clear(self) -> None:
        self._held.clear()
        for task in self._timed:
            task.cancel()


async def _later(accept: Accept, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await accept()
