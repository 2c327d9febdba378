"""Saving what an ended batch brings: its results are read line by line and saved in groups, as often as it takes."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from storage import batches, calls
from storage.engine import UNUSABLE, Tx
from tasks import batches as batch_steps
from tasks import doubts, runtime
from tasks.saving import read, saved, saved_aside
from throughline.claude.patience import patiently
from throughline.domain.ask import ItemResult, Reply
from throughline.domain.job import BatchId, CallId, Kind
from throughline.domain.ledger import BatchState
from throughline.domain.salvage import Answer, read_answer
from throughline.errors import Ambiguous, Incomplete, ResultsExpired, Retryable
from throughline.failpoints import Failpoint, reach

logger = logging.getLogger(__name__)
GROUP_ITEMS = 32
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

    Reading costs nothing and saving twice changes nothing. So a reading that breaks is begun again, with patience, and
    one that came to its end without a line for each request, once: the file may be large. Then `Retryable` says what
    is lacking, and the batch stays open: what the API still keeps is never taken for lost.
    """
    try:
        await _ingest_patiently(batch_id, save)
    except Incomplete as error:
        logger.warning("results read once more batch_id=%s reason=%s", batch_id, error)
        await asyncio.sleep(runtime.current().settings.api_first_wait_s)
        try:
            await _ingest_patiently(batch_id, save)
        except Incomplete as again:
            raise Retryable(str(again)) from again


async def _ingest_patiently(batch_id: BatchId, save: Save) -> None:
    async def once() -> Retryable | None:
        try:
            await _ingest_once(batch_id, save)
        except Incomplete:
            raise
        except Ambiguous as error:
            raise Retryable(str(error)) from error
        except Retryable as error:  # whoever raised it has been patient already: it is not asked again at once
            return error
        return None

    gave_up = await patiently(once, runtime.patience(runtime.current().settings))
    if gave_up is not None:
        raise gave_up


async def _ingest_once(batch_id: BatchId, save: Save) -> None:
    """Read the results once, to their end if that can be."""
    batch = await batch_steps.load(batch_id)
    if batch.state is not BatchState.ENDED:
        return
    doubts.require_its_host(batch)
    kinds = await read(lambda tx: batches.kinds(tx, batch_id))
    saver = _Saver(save)
    try:
        seen = await _save_results(batch, kinds, saver)
    except ResultsExpired as error:
        logger.warning("results expired, what was not read is lost batch_id=%s reason=%s", batch_id, error)
        await saved(lambda tx: _ingested(tx, batch_id))
        return
    if saver.failed is not None:
        raise Retryable(f"A result of {batch.remote_id} cannot be saved: {saver.failed}") from saver.failed
    # A file that is cut between two lines looks whole; a foreign line, or one that came twice, stands for no other.
    if missing := len(kinds.keys() - seen):
        raise Incomplete(f"The results of {batch.remote_id} lack {missing} of {batch.request_count} requests.")
    reach(Failpoint.INGEST_BEFORE_DONE)
    await saved(lambda tx: _ingested(tx, batch_id))
    reach(Failpoint.BATCH_INGESTED)
    logger.info("batch ingested batch_id=%s answers=%d", batch_id, len(kinds))


async def _save_results(batch: batches.Batch, kinds: Mapping[CallId, Kind], saver: "_Saver") -> set[CallId]:
    """Hand each of our results on as it is read; the ids of those that came."""
    seen: set[CallId] = set()
    try:
        async with aclosing(runtime.current().claude.results(batch_steps.remote_id_of(batch))) as results:
            async for item in results:
                if item.call_id not in kinds:
                    logger.warning("foreign result batch_id=%s custom_id=%s", batch.id, item.call_id)
                    continue
                seen.add(item.call_id)
                await saver.add(_read(item, kinds[item.call_id]))
    except Incomplete as error:  # a line that nobody can read is missed only if it was one of ours
        logger.warning("results not all read batch_id=%s reason=%s", batch.id, error)
    finally:
        await saver.finish()
    return seen


def _ingested(tx: Tx, batch_id: BatchId) -> None:
    calls.lose_rest(tx, batch_id)
    batches.move(tx, batch_id, BatchState.INGESTED, now=runtime.now())


def _read(item: ItemResult, kind: Kind) -> Arrived:
    """Read its text before the transaction that saves it: others that write need not wait for that."""
    answer = read_answer(item.result.text, kind) if isinstance(item.result, Reply) else None
    return Arrived(item=item, kind=kind, answer=answer)


def _is_full(group: Sequence[Arrived]) -> bool:
    characters = sum(len(each.item.result.text) for each in group if isinstance(each.item.result, Reply))
    return len(group) >= GROUP_ITEMS or characters >= _GROUP_CHARACTERS


class _Saver:
    """Saves results in groups, one while the next is read; a commit for several lines, as a lost one is read again.

    A result that cannot be saved keeps no other from being saved. `failed` is why the first of them could not.
    """

    def __init__(self, save: Save) -> None:
        self.failed: Exception | None = None
        self._save = save
        self._group: list[Arrived] = []
        self._saving: asyncio.Task[None] | None = None

    async def add(self, arrived: Arrived) -> None:
        """Save it with the others of its group, once the group is full."""
        self._group.append(arrived)
        if _is_full(self._group):
            if self._saving is not None:
                await self._saving
            self._saving, self._group = asyncio.create_task(self._save_group(self._group)), []

    async def finish(self) -> None:
        """Save what is left."""
        if self._saving is not None:
            await self._saving
        if self._group:
            await self._save_group(self._group)

    async def _save_group(self, group: Sequence[Arrived]) -> None:
        reach(Failpoint.INGEST_BEFORE_RECORD)

        def save_all(tx: Tx) -> None:
            for arrived in group:
                self._save(tx, arrived)

        try:
            await saved_aside(save_all)
        except UNUSABLE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one result, the others are paid for as well
            await self._save_each(group, error)
        reach(Failpoint.INGEST_AFTER_RECORD)

    async def _save_each(self, group: Sequence[Arrived], error: Exception) -> None:
        if len(group) > 1:
            for arrived in group:
                await self._save_group([arrived])
            return
        logger.warning("result not saved call_id=%s", group[0].item.call_id, exc_info=error)
        self.failed = self.failed or error
