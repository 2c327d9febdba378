"""A batch that was posted and has no id: looked for in the API's list, adopted, or given up, never posted blindly.

What is found must hold one of our own custom ids: no other batch can. What is not found is given up only by a look
that began when every POST of it must have arrived, and only if nobody has let it be posted meanwhile.
"""

import asyncio
import logging
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from storage import batches, calls
from storage.batches import Batch
from storage.engine import Tx
from tasks import runtime
from tasks.saving import read, saved
from throughline.domain.doubt import LOOKED_FOR, earliest, is_due_again, is_surely_absent, is_too_late
from throughline.domain.job import BatchId, CallId
from throughline.domain.ledger import BatchState
from throughline.errors import Elsewhere, ResultsExpired, Retryable, ThroughlineError

if TYPE_CHECKING:
    from throughline.claude.remote import RemoteBatch

logger = logging.getLogger(__name__)
_TELLING_LINES = 5
_UNREAD = 3  # candidates, each with all patience, before an API that gives no results is left alone for this look
_LATE_LOOKS = 20  # in one pass, each through the list: an outage may have left many, and answers must not wait for them
_FIRST_PAUSE_S = 1.0
_DOUBTFUL = (BatchState.INTENDED, BatchState.UNKNOWN)
_known_strangers: deque[tuple[BatchId, str]] = deque(maxlen=1_000)  # their results need not be read at every look


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at the API's list told. `found` is the id of the remote batch that holds our requests, or empty."""

    found: str = ""
    undecided: bool = False  # a batch that may be ours does not tell yet
    expired: bool = False  # one that may be ours will never tell: its results are deleted


async def settle_doubt(batch_id: BatchId) -> bool:
    """Whether the batch exists, for the worker that holds its jobs: looked for until that is known."""
    settings = runtime.current().settings
    pause_s = min(_FIRST_PAUSE_S, settings.batch_poll_s)
    while True:
        batch = await read(lambda tx: batches.get(tx, batch_id))
        if batch.state not in _DOUBTFUL:
            return batch.state is not BatchState.ABANDONED
        if not await settle_now(batch):
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, settings.batch_poll_s)


async def settle_now(batch: Batch) -> bool:
    """Adopt the batch, give it up, or count it as lost, if one look can tell which; whether it could."""
    looked_from = runtime.now()
    seen = await look(batch) if batch.post_until is not None else Look()
    if seen.found:
        logger.info("batch adopted batch_id=%s remote_id=%s", batch.id, seen.found)
        await adopt(batch.id, seen.found)
        return True
    settle = timedelta(seconds=runtime.current().settings.batch_settle_s)
    if seen.undecided or not is_surely_absent(post_until=batch.post_until, looked_from=looked_from, settle=settle):
        return False
    if batch.post_until is not None:
        _require_the_same_key(batch)
    if seen.expired:
        logger.warning("batch counted as lost, results of one that may be it are deleted batch_id=%s", batch.id)
        return await saved(lambda tx: _count_as_lost(tx, batch))
    return await saved(lambda tx: _give_up(tx, batch, looked_from))


def _count_as_lost(tx: Tx, batch: Batch) -> bool:
    """It may have been answered, and nobody can read the answers any more: paid perhaps, and never knowable."""
    note = "the results of a batch that may have been this one were deleted before they could be read"
    was_open = batches.expire(tx, batch, note=note, now=runtime.now())
    if was_open:
        calls.mark_sent(tx, batch.id)
        calls.lose_rest(tx, batch.id)
    return was_open


def _give_up(tx: Tx, batch: Batch, looked_at: datetime) -> bool:
    note = "not found by listing: it was not accepted" if batch.post_until else "it was never posted"
    given_up = batches.give_up(tx, batch, looked_at=looked_at, note=note)
    if given_up:
        calls.abandon(tx, batch.id)
    return given_up


async def find_late() -> int:
    """Look again for what was given up in the last day; says how many batches turned up after all.

    They are paid, so they are adopted: the answers are used if the work still needs them, and shown as waste if not.
    """
    rt = runtime.current()
    now = runtime.now()
    given_up = await read(
        lambda tx: batches.given_up(
            tx,
            since=now - LOOKED_FOR,
            host=rt.claude.host,
            key_fingerprint=rt.claude.key_fingerprint,
            simulated=rt.simulated,
        )
    )
    due = sorted((batch for batch in given_up if _is_due_again(batch, now)), key=lambda batch: batch.looked_at or now)
    return sum([await _is_found_late(batch, now) for batch in due[:_LATE_LOOKS]])


def _is_due_again(batch: Batch, now: datetime) -> bool:
    assert batch.post_until is not None, "what was never posted is not looked for"
    return is_due_again(post_until=batch.post_until, looked_at=batch.looked_at, now=now)


async def _is_found_late(batch: Batch, now: datetime) -> bool:
    seen = await look(batch)
    if seen.found:
        logger.warning("batch accepted late batch_id=%s remote_id=%s", batch.id, seen.found)
        await adopt(batch.id, seen.found)
    elif not seen.undecided:
        await saved(lambda tx: batches.looked_in_vain(tx, batch.id, at=now))
    return bool(seen.found)


async def look(batch: Batch) -> Look:
    """Go through the API's list for the batch that holds our requests."""
    require_its_host(batch)
    undecided = expired = False
    unread = 0
    for candidate in await _candidates(batch):
        try:
            is_ours = await _is_ours(batch, candidate) if candidate.ended else None
        except ResultsExpired:
            expired = True
            continue
        except ThroughlineError as error:  # one that cannot be read must not hide another
            logger.warning("candidate not read batch_id=%s reason=%s", batch.id, error)
            is_ours = None
            unread += isinstance(error, Retryable)
        if is_ours:
            return Look(found=candidate.id)
        undecided |= is_ours is None
        if unread == _UNREAD:
            break
    return Look(undecided=undecided, expired=expired)


def require_its_host(batch: Batch) -> None:
    """Another endpoint knows nothing of the batch, whatever it answers."""
    host = runtime.current().claude.host
    if batch.host != host:
        raise Elsewhere(
            f"A batch of this job may have been sent to {batch.host}, and now {host} is configured. Run the "
            "job with the endpoint and key that it began with, so that the batch is found and not paid twice."
        )


def _require_the_same_key(batch: Batch) -> None:
    """Another key may belong to another workspace, whose listing proves nothing."""
    if batch.key_fingerprint not in ("", runtime.current().claude.key_fingerprint):
        raise Elsewhere(
            "A batch of this job may have been sent with another API key, and this one does not list it. Run the job "
            "once with the key that it began with, so that the batch is found and not paid twice."
        )


async def _candidates(batch: Batch) -> "list[RemoteBatch]":
    rt = runtime.current()
    assert batch.post_until is not None, "what was never posted is not looked for"
    owned = await read(batches.owned_remote_ids)
    return [
        found
        async for found in rt.claude.batches_since(earliest(batch.intended_at))
        if found.id not in owned
        and found.request_count == batch.request_count
        and not is_too_late(found.created_at, post_until=batch.post_until)
    ]


async def _is_ours(batch: Batch, candidate: "RemoteBatch") -> bool | None:
    """Whether its results carry one of our custom ids, as no other batch's can; None where they do not tell.

    A stray line, or a file that ends too soon, is no proof that it is another's: that takes several ids which are
    not ours, or, where there are few, as many as it has requests, all found by a second reading as well.
    """
    if (batch.id, candidate.id) in _known_strangers:
        return False
    ours = await read(lambda tx: frozenset(batches.call_ids(tx, batch.id)))
    strange = await _strange_ids(candidate, ours)
    if strange is not None and len(strange) < _TELLING_LINES:
        again = await _strange_ids(candidate, ours)
        strange = None if again is None else strange & again
    if strange is None:
        return True
    if len(strange) < min(_TELLING_LINES, candidate.request_count):
        logger.warning("results tell too little remote_id=%s ids=%d", candidate.id, len(strange))
        return None
    _known_strangers.append((batch.id, candidate.id))
    return False


async def _strange_ids(candidate: "RemoteBatch", ours: frozenset[CallId]) -> frozenset[CallId] | None:
    """The first ids of its results that are not ours, as many as tell; None once one of ours is among them."""
    strange: set[CallId] = set()
    async with aclosing(runtime.current().claude.results(candidate.id)) as lines:
        async for item in lines:
            if item.call_id in ours:
                return None
            strange.add(item.call_id)
            if len(strange) == _TELLING_LINES:
                break
    return frozenset(strange)


async def adopt(batch_id: BatchId, remote_id: str) -> None:
    """Put down which remote batch this is: the one that was just accepted, or the one that was found."""

    def write(tx: Tx) -> None:
        batches.move(tx, batch_id, BatchState.SUBMITTED, remote_id=remote_id, now=runtime.now())
        calls.mark_sent(tx, batch_id)

    await saved(write)
    logger.info("batch submitted batch_id=%s remote_id=%s", batch_id, remote_id)
