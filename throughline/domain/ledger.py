"""The states of money: every paid request walks these arrows, and only these.

    batch   intended ──> submitted ──> ended ──> ingested
               │  └────> unknown ────────┘ (found by listing: back to submitted)
               │            └──> abandoned (proved never to have been accepted)
               └──> abandoned

    call    intended ──> sent ──> received ──> recorded
               │          └──> lost      (the answer never reached us: paid perhaps, never knowable)
               └──> abandoned            (never sent)

An answer in hand beats a belief: a lost call whose answer turns up after all is recorded, and an abandoned
batch whose id turns up is submitted.

A batch's calls stay `intended` until the batch is submitted. A call outside a batch is committed as `sent`
just before its request leaves. `recorded` means usage, cost and every complete unit are in the ledger.
"""

from enum import StrEnum


class BatchState(StrEnum):
    """Where a submission to the Message Batches API stands."""

    INTENDED = "intended"
    SUBMITTED = "submitted"
    UNKNOWN = "unknown"
    ENDED = "ended"
    INGESTED = "ingested"
    ABANDONED = "abandoned"


class CallState(StrEnum):
    """Where one paid request stands."""

    INTENDED = "intended"
    SENT = "sent"
    RECEIVED = "received"
    RECORDED = "recorded"
    LOST = "lost"
    ABANDONED = "abandoned"


BATCH_MOVES: dict[BatchState, frozenset[BatchState]] = {
    BatchState.INTENDED: frozenset({BatchState.SUBMITTED, BatchState.UNKNOWN, BatchState.ABANDONED}),
    BatchState.UNKNOWN: frozenset({BatchState.SUBMITTED, BatchState.ABANDONED}),
    BatchState.SUBMITTED: frozenset({BatchState.ENDED}),
    BatchState.ENDED: frozenset({BatchState.INGESTED}),
    BatchState.INGESTED: frozenset(),
    BatchState.ABANDONED: frozenset({BatchState.SUBMITTED}),
}
CALL_MOVES: dict[CallState, frozenset[CallState]] = {
    CallState.INTENDED: frozenset({CallState.SENT, CallState.ABANDONED}),
    CallState.SENT: frozenset({CallState.RECEIVED, CallState.RECORDED, CallState.LOST}),
    CallState.RECEIVED: frozenset({CallState.RECORDED}),
    CallState.RECORDED: frozenset(),
    CallState.LOST: frozenset({CallState.RECORDED}),
    CallState.ABANDONED: frozenset({CallState.SENT}),
}


def batch_sources(target: BatchState) -> tuple[BatchState, ...]:
    """The states from which a batch may go to `target`."""
    return tuple(state for state, targets in BATCH_MOVES.items() if target in targets)


def call_sources(target: CallState) -> tuple[CallState, ...]:
    """The states from which a call may go to `target`."""
    return tuple(state for state, targets in CALL_MOVES.items() if target in targets)
