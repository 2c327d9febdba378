"""A batch's life against the API: intent, submission, adoption after a doubt, waiting, ingestion.

    intend (commit) -> POST -> submitted (commit)
                         |
                         +-- doubt -> look for it: adopt it, or prove that there is none, then intend anew

No function here posts a batch while one that it may have posted before can still exist.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from storage import batches, calls
from storage.batches import Batch
from storage.engine import Tx, reading, transaction
from tasks import runtime
from throughline.claude.patience import patiently
from throughline.domain.ask import Ask, ItemResult, Reply
from throughline.domain.job import BatchId, CallId
from throughline.domain.ledger import BatchState
from throughline.errors import Ambiguous, BadInput, Retryable, ThroughlineError
from throughline.failpoints import Failpoint, reach

if TYPE_CHECKING:
    from throughline.claude.client import RemoteBatch

logger = logging.getLogger(__name__)
_CLOCK_SKEW = timedelta(hours=24)  # custom ids decide; the time only bounds the search
_FIRST_POLL_S = 1.0
_GROUP_ITEMS = 32
_GROUP_CHARACTERS = 4_000_000


Intend = Callable[[Tx, BatchId], tuple[CallId, Ask]]
"""Writes down the intent of one request, and returns the request as it may be sent."""
Save = Callable[[Tx, ItemResult], None]
"""Settles one result; called again with the same result it does nothing."""


async def submit(intents: Sequence[Intend]) -> BatchId:
    """Submit these requests as one batch, exactly once. The intent is committed before the POST."""
    rt = runtime.current()
    reach(Failpoint.BATCH_BEFORE_INTENT)
    with transaction(rt.engine) as tx:
        batch_id = batches.intend(
            tx,
            host=rt.claude.host,
            request_count=len(intents),
            simulated=rt.simulated,
            now=runtime.now(),
        )
        requests = [intend(tx, batch_id) for intend in intents]
    reach(Failpoint.BATCH_AFTER_INTENT)
    try:
        # Only a refusal with a status is asked again: it proves that nothing was accepted.
        post = partial(rt.claude.create_batch, requests)
        remote_id = await patiently(post, runtime.patience(rt.settings))
    except Ambiguous as error:
        logger.warning("batch in doubt batch_id=%s reason=%s", batch_id, error)
        _move(batch_id, BatchState.UNKNOWN, note=str(error))
    except ThroughlineError as error:
        _abandon(batch_id, note=str(error))
        raise
    else:
        reach(Failpoint.BATCH_AFTER_POST)
        _submitted(batch_id, remote_id)
        reach(Failpoint.BATCH_AFTER_SUBMITTED)
    return batch_id


async def settle_doubt(batch_id: BatchId) -> bool:
    """Whether the batch exists. A batch in doubt is looked for until that is known, and adopted if found."""
    batch = load(batch_id)
    if batch.state not in (BatchState.INTENDED, BatchState.UNKNOWN):
        return batch.state is not BatchState.ABANDONED
    host = runtime.current().claude.host
    if batch.host != host:
        raise BadInput(
            f"A batch of this job may have been sent to {batch.host}, and now {host} is configured. Run the job with "
            "the endpoint and key that it began with, so that the batch is found and not paid twice."
        )
    remote_id = await _find(batch)
    if remote_id is None:
        _abandon(batch_id, note="not found by listing: it was never accepted")
        return False
    logger.info("batch adopted batch_id=%s remote_id=%s", batch_id, remote_id)
    _submitted(batch_id, remote_id)
    return True


async def wait(batch_id: BatchId) -> None:
    """Poll until the batch has ended, with growing pauses up to the setting."""
    rt = runtime.current()
    pause_s = min(_FIRST_POLL_S, rt.settings.batch_poll_s)
    while (batch := load(batch_id)).state is BatchState.SUBMITTED:
        reach(Failpoint.BATCH_POLLING)
        if (await rt.claude.batch(_remote_id(batch))).ended:
            _move(batch_id, BatchState.ENDED)
            reach(Failpoint.BATCH_AFTER_ENDED)
            return
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, rt.settings.batch_poll_s)


async def ingest(batch_id: BatchId, save: Save) -> None:
    """Stream the results and save each as it arrives; results that are not ours are passed over.

    Reading costs nothing and saving twice changes nothing, so a broken reading is simply begun again.
    """
    try:
        await patiently(partial(_ingest_once, batch_id, save), runtime.patience(runtime.current().settings))
    except Retryable:
        await _ingest_once(batch_id, save, is_last=True)


async def _ingest_once(batch_id: BatchId, save: Save, *, is_last: bool = False) -> None:
    """Read the results once. Only the last try takes a missing line for one that will never come."""
    rt = runtime.current()
    batch = load(batch_id)
    if batch.state is not BatchState.ENDED:
        return
    with reading(rt.engine) as tx:
        ours = frozenset(batches.call_ids(tx, batch_id))
    lines = 0
    seen: set[CallId] = set()
    group: list[ItemResult] = []
    try:
        async for item in rt.claude.results(_remote_id(batch)):
            lines += 1
            seen.add(item.call_id)
            if item.call_id not in ours:
                logger.warning("foreign result batch_id=%s custom_id=%s", batch_id, item.call_id)
                continue
            group.append(item)
            if _is_full(group):
                _save_group(group, save)
    except Ambiguous as error:
        raise Retryable(str(error)) from error
    finally:
        _save_group(group, save)
    missing = len(ours - seen)
    if missing and not (is_last and lines >= batch.request_count):  # a file cut between two lines looks whole
        raise Retryable(f"The results of {batch.remote_id} lack {missing} of {batch.request_count} requests.")
    reach(Failpoint.INGEST_BEFORE_DONE)
    with transaction(rt.engine) as tx:
        calls.lose_rest(tx, batch_id)
        batches.move(tx, batch_id, BatchState.INGESTED, now=runtime.now())
    reach(Failpoint.BATCH_INGESTED)


def _is_full(group: Sequence[ItemResult]) -> bool:
    characters = sum(len(item.result.text) for item in group if isinstance(item.result, Reply))
    return len(group) >= _GROUP_ITEMS or characters >= _GROUP_CHARACTERS


def _save_group(group: list[ItemResult], save: Save) -> None:
    """Save and empty the group. One commit for several lines: a lost group is simply read again."""
    if group:
        reach(Failpoint.INGEST_BEFORE_RECORD)
        with transaction(runtime.current().engine) as tx:
            for item in group:
                save(tx, item)
        group.clear()
        reach(Failpoint.INGEST_AFTER_RECORD)


def load(batch_id: BatchId) -> Batch:
    """The batch as the ledger has it now."""
    with reading(runtime.current().engine) as tx:
        return batches.get(tx, batch_id)


async def _find(batch: Batch) -> str | None:
    """The remote batch that holds our requests; None once it is certain that there is none."""
    rt = runtime.current()
    settled = False
    while True:
        candidates = await _candidates(batch)
        for candidate in candidates:
            if candidate.ended and await _is_ours(batch, candidate):
                return candidate.id
        if all(candidate.ended for candidate in candidates):
            if settled:
                return None
            settled = True  # one more look: a request that was under way may still be accepted
            await asyncio.sleep(rt.settings.batch_settle_s)
        else:
            await asyncio.sleep(min(_FIRST_POLL_S, rt.settings.batch_poll_s))


async def _candidates(batch: Batch) -> "list[RemoteBatch]":
    rt = runtime.current()
    with reading(rt.engine) as tx:
        owned = batches.owned_remote_ids(tx)
    return [
        found
        async for found in rt.claude.batches_since(batch.intended_at - _CLOCK_SKEW)
        if found.id not in owned and found.request_count == batch.request_count
    ]


async def _is_ours(batch: Batch, candidate: "RemoteBatch") -> bool:
    """Whether the first result line carries one of our custom ids: no other batch can."""
    rt = runtime.current()
    with reading(rt.engine) as tx:
        ours = frozenset(batches.call_ids(tx, batch.id))
    async with aclosing(rt.claude.results(candidate.id)) as lines:
        async for item in lines:
            return item.call_id in ours
    return False


def _submitted(batch_id: BatchId, remote_id: str) -> None:
    with transaction(runtime.current().engine) as tx:
        batches.move(tx, batch_id, BatchState.SUBMITTED, remote_id=remote_id, now=runtime.now())
        calls.mark_sent(tx, batch_id)


def _abandon(batch_id: BatchId, *, note: str) -> None:
    with transaction(runtime.current().engine) as tx:
        batches.move(tx, batch_id, BatchState.ABANDONED, note=note, now=runtime.now())
        calls.abandon(tx, batch_id)


def _move(batch_id: BatchId, target: BatchState, *, note: str | None = None) -> None:
    with transaction(runtime.current().engine) as tx:
        batches.move(tx, batch_id, target, note=note, now=runtime.now())


def _remote_id(batch: Batch) -> str:
    if batch.remote_id is None:
        raise LookupError(f"batch {batch.id} in state {batch.state} has no remote id")
    return batch.remote_id
