"""An end to work that waits for others, whatever they do: a server may send a byte a minute, for ever."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def within(timeout_s: float, work: Callable[[], T]) -> T:
    """What the work returns or raises; `TimeoutError` when it takes longer, and then nobody waits for it."""
    future: Future[T] = Future()

    def carry_out() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where `within` was called
            future.set_exception(error)

    threading.Thread(target=carry_out, daemon=True, name="reading a source").start()
    return future.result(timeout_s)
