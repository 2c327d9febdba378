"""Saving what an ended batch brings: its results are read line by line and saved in groups, as often as it takes."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from storage import batches, calls
from storage.engine import Tx
from tasks import batches as batch_steps
from tasks import runtime
from tasks.saving import read, saved, saved_aside
from throughline.claude.patience import patiently
from throughline.domain.ask import ItemResult, Reply
from throughline.domain.job import BatchId, CallId, Kind
from throughline.domain.ledger import BatchState
from throughline.domain.salvage import Answer, read_answer
from throughline.errors import Ambiguous, ResultsExpired, Retryable
from throughline.failpoints import Failpoint, reach

logger = logging.getLogger(__name__)
_GROUP_ITEMS = 32
_GROUP_CHARACTERS = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One result of a batch of ours. `answer` is what its text was read as, if it brought a text."""

    item: ItemResult
    kind: Kind
    answer: Answer | None


Save = Callable[[Tx, Arrived], None]
"""Settles one result; called again with the same result it does nothing."""


async def ingest(batch_id: BatchId, save: Save) -> None:
    """Stream the results and save each as it arrives; results that are not ours are passed over.

    Reading costs nothing and saving twice changes nothing, so a broken reading is simply begun again.
    """
    last = False

    async def once() -> None:
        await _ingest_once(batch_id, save, is_last=last)

    try:
        await patiently(once, runtime.patience(runtime.current().settings))
    except Retryable:
        last = True
        await once()


async def _ingest_once(batch_id: BatchId, save: Save, *, is_last: bool) -> None:
    """Read the results once. Only the last try takes a missing line for one that will never come."""
    rt = runtime.current()
    batch = await batch_steps.load(batch_id)
    if batch.state is not BatchState.ENDED:
        return
    kinds = await read(lambda tx: batches.kinds(tx, batch_id))
    seen: set[CallId] = set()
    group: list[Arrived] = []
    saving: asyncio.Task[None] | None = None  # a group is saved while the next one is read
    try:
        async with aclosing(rt.claude.results(batch_steps.remote_id_of(batch))) as results:
            async for item in results:
                seen.add(item.call_id)
                if item.call_id not in kinds:
                    logger.warning("foreign result batch_id=%s custom_id=%s", batch_id, item.call_id)
                    continue
                group.append(_read(item, kinds[item.call_id]))
                if _is_full(group):
                    if saving is not None:
                        await saving
                    saving, group = asyncio.create_task(_save_group(group, save)), []
    except Ambiguous as error:
        raise Retryable(str(error)) from error
    except ResultsExpired as error:
        logger.warning("results expired, what was not read is lost batch_id=%s reason=%s", batch_id, error)
        await saved(lambda tx: _ingested(tx, batch_id))
        return
    finally:
        if saving is not None:
            await saving
        await _save_group(group, save)
    missing = len(kinds.keys() - seen)
    # A file that is cut between two lines looks whole; a line that came twice stands for no other.
    if missing and not (is_last and len(seen) >= batch.request_count):
        raise Retryable(f"The results of {batch.remote_id} lack {missing} of {batch.request_count} requests.")
    reach(Failpoint.INGEST_BEFORE_DONE)
    await saved(lambda tx: _ingested(tx, batch_id))
    reach(Failpoint.BATCH_INGESTED)
    logger.info("batch ingested batch_id=%s answers=%d of %d", batch_id, len(kinds) - missing, len(kinds))


def _ingested(tx: Tx, batch_id: BatchId) -> None:
    calls.lose_rest(tx, batch_id)
    batches.move(tx, batch_id, BatchState.INGESTED, now=runtime.now())


def _read(item: ItemResult, kind: Kind) -> Arrived:
    """Read its text before the transaction that saves it: others that write need not wait for that."""
    answer = read_answer(item.result.text, kind) if isinstance(item.result, Reply) else None
    return Arrived(item=item, kind=kind, answer=answer)


def _is_full(group: Sequence[Arrived]) -> bool:
    characters = sum(len(each.item.result.text) for each in group if isinstance(each.item.result, Reply))
    return len(group) >= _GROUP_ITEMS or characters >= _GROUP_CHARACTERS


async def _save_group(group: Sequence[Arrived], save: Save) -> None:
    """Save the group. One commit for several lines: a lost group is simply read again."""
    if not group:
        return
    reach(Failpoint.INGEST_BEFORE_RECORD)

    def save_all(tx: Tx) -> None:
        for arrived in group:
            save(tx, arrived)

    await saved_aside(save_all)
    reach(Failpoint.INGEST_AFTER_RECORD)
