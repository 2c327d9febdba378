"""A batch's life against the API: intent, submission, waiting. What it brings is saved by `tasks/ingesting.py`.

    intend (commit) -> POST, all but its last bytes -> last look (commit) -> its last bytes -> submitted (commit)
                                                                               |
                        doubt -> look for it (tasks/doubts.py): adopt it, or prove that there is none, then intend anew

No function here posts a batch while one that it may have posted before can still exist.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from storage import batches, calls
from storage.batches import Batch
from storage.calls import Today
from storage.engine import Tx
from tasks import doubts, leasing, runtime
from tasks.saving import read, saved
from throughline.claude.patience import patiently
from throughline.domain.ask import Ask
from throughline.domain.job import BatchId, CallId, JobId
from throughline.domain.ledger import BatchState, IllegalMove
from throughline.errors import (
    AccessRefused,
    Ambiguous,
    BatchUnknown,
    JobBusy,
    NotFound,
    Retryable,
    ThroughlineError,
    UnderWay,
)
from throughline.failpoints import Failpoint, reach

if TYPE_CHECKING:
    from throughline.claude.body import BatchBody

logger = logging.getLogger(__name__)
_LONGEST_POST_S = 10.0  # between the last look at the ledger and the last bytes of a request
_FIRST_POLL_S = 1.0
_INTENTS_A_COMMIT = 200  # so that other writers get their turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One request of a job: `write` puts it into the ledger and returns it as it may be sent.

    It holds no document: of ten thousand that wait for their batch, only the one that is written is in memory.
    """

    job_id: JobId
    write: Callable[[Tx, BatchId, Today], tuple[CallId, Ask]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A batch that was posted, and the jobs that are not in it, each with the reason."""

    batch_id: BatchId
    left_out: tuple[tuple[JobId, ThroughlineError], ...]


async def submit(intents: Sequence[Intent]) -> Submission:
    """Submit these requests as one batch, exactly once. Every intent is committed before the POST.

    A job that was taken over meanwhile, or whose budget is spent, is left out and harms no other.
    """
    from throughline.claude.body import BatchBody  # stays unimported where nothing is sent, as the client

    reach(Failpoint.BATCH_BEFORE_INTENT)
    batch_id = await saved(lambda tx: _intend_batch(tx, len(intents)))
    left_out: list[tuple[JobId, ThroughlineError]] = []
    with BatchBody() as body:
        for start in range(0, len(intents), _INTENTS_A_COMMIT):
            group = _Group(intents[start : start + _INTENTS_A_COMMIT], body.place)
            left_out += await saved(lambda tx, group=group: _write(tx, group, batch_id, body))
        if left_out:
            await saved(lambda tx: batches.set_request_count(tx, batch_id, body.requests))
        reach(Failpoint.BATCH_AFTER_INTENT)
        if body.requests:
            await _post(batch_id, body)
        else:
            await _abandon(batch_id, note="nothing was left to send")
    return Submission(batch_id=batch_id, left_out=tuple(left_out))


async def _post(batch_id: BatchId, body: "BatchBody") -> None:
    """Send the committed batch, and put down what became of it."""
    rt = runtime.current()

    async def post() -> str:
        # Sending a large body, and waiting for a busy API, take minutes: whether the batch may still be sent is
        # looked up when all of it but its last bytes is sent.
        try:
            return await rt.claude.create_batch(body, before_end=lambda: _last_look(batch_id))
        except Retryable:
            await saved(lambda tx: batches.none_on_its_way(tx, batch_id))
            raise

    try:
        # Only a refusal with a status is asked again: it proves that nothing was accepted.
        remote_id = await patiently(post, runtime.patience(rt.settings))
    except Ambiguous as error:
        logger.warning("batch in doubt batch_id=%s reason=%s", batch_id, error)
        note = str(error)
        await saved(lambda tx: batches.in_doubt(tx, batch_id, note=note, now=runtime.now()))
    except ThroughlineError as error:
        await _abandon(batch_id, note=str(error))
        raise
    else:
        reach(Failpoint.BATCH_AFTER_POST)
        await doubts.adopt(batch_id, remote_id)
        reach(Failpoint.BATCH_AFTER_SUBMITTED)


def _intend_batch(tx: Tx, request_count: int) -> BatchId:
    rt = runtime.current()
    return batches.intend(
        tx,
        host=rt.claude.host,
        key_fingerprint=rt.claude.key_fingerprint,
        request_count=request_count,
        simulated=rt.simulated,
        now=runtime.now(),
    )


@dataclass(frozen=True, slots=True)
class _Group:
    """Intents of one commit, the place of their first in the body, and the calls that were made of them so far."""

    intents: Sequence[Intent]
    place: tuple[int, int]
    made: list[CallId] = field(default_factory=list[CallId])


def _write(tx: Tx, group: _Group, batch_id: BatchId, body: "BatchBody") -> list[tuple[JobId, ThroughlineError]]:
    """Write these down, in the ledger and in the body; returns the jobs that are refused."""
    body.cut(group.place)  # a transaction that is run again begins again here, too
    try:
        batches.require_intended(tx, batch_id)
    except IllegalMove as error:  # this process was held up, and taken for dead
        raise JobBusy(str(error)) from error
    calls.take_back(tx, group.made)
    today = Today()
    refused: list[tuple[JobId, ThroughlineError]] = []
    for intent in group.intents:
        try:
            call_id, ask = intent.write(tx, batch_id, today)
        except ThroughlineError as error:
            refused.append((intent.job_id, error))
        else:
            group.made.append(call_id)
            body.add(call_id, ask)
    return refused


async def _last_look(batch_id: BatchId) -> None:
    """Let the POST go for a moment, which the ledger knows; looked again if this process was held up past it.

    Raise `JobBusy` if another worker has settled what became of the batch, or holds one of its jobs; `UnderWay` if an
    earlier request for the same work turned up meanwhile.
    """
    reach(Failpoint.BATCH_BEFORE_POST)
    while True:
        until = await saved(lambda tx: _let_post(tx, batch_id))
        reach(Failpoint.BATCH_MAY_POST)
        if runtime.now() < until:
            return
        logger.warning("held up before a post, looking again batch_id=%s", batch_id)


def _let_post(tx: Tx, batch_id: BatchId) -> datetime:
    window_s = min(_LONGEST_POST_S, runtime.current().settings.lease_s / 4)
    until = runtime.now() + timedelta(seconds=window_s)
    leasing.renew(tx)
    leasing.require_batch(tx, batch_id)
    if batches.is_under_way_elsewhere(tx, batch_id):
        raise UnderWay(
            f"Work of batch {batch_id} is done, or under way in another batch; it is not sent a second time."
        )
    if not batches.let_post(tx, batch_id, until=until):
        state = batches.get(tx, batch_id).state
        raise JobBusy(f"Batch {batch_id} was settled as {state} by another process; this process does not send it.")
    return until


async def wait(batch_id: BatchId) -> None:
    """Poll until the batch has ended, with growing pauses up to the setting, through any outage.

    Raises `BatchUnknown` when the API denies for long to know the batch. It is never sent again for that.
    """
    settings = runtime.current().settings
    pause_s = min(_FIRST_POLL_S, settings.batch_poll_s)
    denied_since: float | None = None
    while True:
        try:
            if await has_ended(batch_id):
                return
            denied_since = None
        except BatchUnknown:
            denied_since = denied_since or time.monotonic()
            if time.monotonic() - denied_since > settings.batch_unknown_s:
                raise
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, settings.batch_poll_s)


async def has_ended(batch_id: BatchId) -> bool:
    """Ask once whether the batch has ended, and put it down. An API that does not answer is no news."""
    batch = await load(batch_id)
    if batch.state is not BatchState.SUBMITTED:
        return batch.state not in (BatchState.INTENDED, BatchState.UNKNOWN)
    doubts.require_its_host(batch)
    reach(Failpoint.BATCH_POLLING)
    try:
        remote = await runtime.current().claude.batch(remote_id_of(batch))
    except Retryable as error:
        if isinstance(error.__cause__, NotFound):
            raise BatchUnknown(
                f"The API does not know batch {batch.remote_id} at the moment. It stays what it is, submitted and "
                "perhaps paid; nothing is sent again. Try later, and ask Anthropic's support if this lasts."
            ) from error
        logger.warning("no news of the batch batch_id=%s reason=%s", batch_id, error)
        return False
    if remote.ended:
        await saved(lambda tx: batches.move(tx, batch_id, BatchState.ENDED, now=runtime.now()))
        reach(Failpoint.BATCH_AFTER_ENDED)
    return remote.ended


async def load(batch_id: BatchId) -> Batch:
    """The batch as the ledger has it now."""
    return await read(lambda tx: batches.get(tx, batch_id))


async def cancel(remote_id: str) -> None:
    """Ask the API to stop a batch that nobody wants any more; what it finished is still ingested."""
    try:
        await runtime.current().claude.cancel_batch(remote_id)
    except AccessRefused:
        raise
    except ThroughlineError as error:  # it may have ended by itself; the next look tells
        logger.warning("batch not cancelled remote_id=%s reason=%s", remote_id, error)


async def _abandon(batch_id: BatchId, *, note: str) -> None:
    """Nothing of the batch was accepted: the API said so, or nothing was sent."""

    def write(tx: Tx) -> None:
        batches.none_on_its_way(tx, batch_id)
        batches.move(tx, batch_id, BatchState.ABANDONED, note=note, now=runtime.now())
        calls.abandon(tx, batch_id)

    await saved(write)


def remote_id_of(batch: Batch) -> str:
    """The id that the API gave the batch; `LookupError` while it has none."""
    if batch.remote_id is None:
        raise LookupError(f"batch {batch.id} in state {batch.state} has no remote id")
    return batch.remote_id
