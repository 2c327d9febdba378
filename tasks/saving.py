"""Saving what was paid for: a database that is locked, full or away for a while must not lose an answer in hand."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from storage.engine import UNUSABLE, Tx, reading, transaction
from tasks import runtime

logger = logging.getLogger(__name__)
T = TypeVar("T")
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 15.0
_TURN_EVERY_S = 0.01
_turn_at = 0.0


async def saved(work: Callable[[Tx], T], *, durable: bool = True) -> T:
    """Run `work` in one transaction, again from its start while the database cannot be used, with patience.

    `work` may run several times and commits at most once. Other errors pass through at once.
    """

    async def here() -> T:
        return _in_transaction(work, durable=durable)

    return await _patiently(here)


async def saved_beside(work: Callable[[Tx], T]) -> T:
    """As `saved`, but the disk is forced beside what the caller does next: for an answer, while the next is asked for.

    The commit survives the death of this process at once, and a power cut about a millisecond later.
    """
    disk = runtime.current().disk
    if disk is None or disk.take_failure():
        return await saved(work)
    result = await saved(work, durable=False)
    disk.soon()
    return result


async def saved_aside(work: Callable[[Tx], T]) -> T:
    """As `saved`, in a thread: for much data, whose compressing and writing need not stop the reading of more."""
    return await _patiently(lambda: asyncio.to_thread(_in_transaction, work, durable=True))


async def try_saved(work: Callable[[Tx], T]) -> T | None:
    """Run `work` in one transaction once; None when the database cannot be used. For what is saved again later."""
    try:
        return _in_transaction(work, durable=True)
    except UNUSABLE as error:
        logger.warning("not saved now reason=%s", error.orig)
        return None


async def read(work: Callable[[Tx], T]) -> T:
    """Run `work` on one consistent view of the ledger, with the same patience."""

    async def here() -> T:
        return _in_view(work)

    return await _patiently(here)


async def read_aside(work: Callable[[Tx], T]) -> T:
    """As `read`, in a thread: for pages over many jobs, beside which others go on."""
    return await _patiently(lambda: asyncio.to_thread(_in_view, work))


def _in_transaction(work: Callable[[Tx], T], *, durable: bool) -> T:
    with transaction(runtime.current().engine, durable=durable) as tx:
        return work(tx)


def _in_view(work: Callable[[Tx], T]) -> T:
    with reading(runtime.current().engine) as tx:
        return work(tx)


async def _give_turn() -> None:
    """Transactions do not await: without a turn now and then a long loop of them starves the renewing of leases."""
    global _turn_at  # noqa: PLW0603 - one event loop at a time works in a process
    if time.monotonic() - _turn_at > _TURN_EVERY_S:
        await asyncio.sleep(0)
        _turn_at = time.monotonic()


async def _patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    wait_s = _FIRST_WAIT_S
    give_up_at = time.monotonic() + runtime.current().settings.database_patience_s
    await _give_turn()
    while True:
        try:
            return await attempt()
        except UNUSABLE as error:
            if time.monotonic() + wait_s > give_up_at:
                raise
            logger.warning("database not usable, waiting wait_s=%.1f reason=%s", wait_s, error.orig)
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
