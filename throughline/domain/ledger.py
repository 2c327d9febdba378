"""The states of the ledger: every paid request, attempt and job walks these arrows, and only these.

    batch   intended ──> submitted ──> ended ──> ingested
               │  │         ^  ^
               │  │         │  └──────────┐ (accepted late: looked for another day)
               │  └────> unknown ──> abandoned (in the API's list nowhere)
               └────────────────────────^ (refused, or never posted)

    call    intended ──> sent ──> received ──> recorded
               │          └───────┴──> lost      (the answer never reached us: paid perhaps, never knowable)
               └──> abandoned            (never sent)

An answer in hand beats a belief: a lost call whose answer turns up after all is recorded, and an abandoned
batch whose id turns up is submitted.

A batch's calls stay `intended` until the batch is submitted. A call outside a batch is committed as `sent`
just before its request leaves, and is `received` once units of its streamed answer are saved while the rest
still comes. `recorded` means usage, cost and every complete unit are in the ledger.

    attempt running ──> complete | short | failed

    job     registered ──> queued ──> running ──> waiting (a batch is on its way, no process holds the job)
                              ^          │           │
                              ├──────────┴───────────┘ (its batch is ingested, or its process died)
                              └── escalated | failed | budget | cancelled   (ends from which a person goes on)
                                         │
                                         └──> done, rejected (the ends that stay)

An escalated job waits for a person, who publishes it (`done`) or rejects it.

A job may be cancelled from every state but those that stay. What was paid for it is still ingested. Only a person who
asks for it takes a cancelled job up again: no sweep that had claimed it, and no flow run that is woken.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from throughline.domain.job import AttemptStatus, JobStatus
from throughline.errors import ThroughlineError

S = TypeVar("S", bound=StrEnum)


class IllegalMove(ThroughlineError):
    """The ledger refuses a step that its state machine does not have."""


class BatchState(StrEnum):
    """Where a submission to the Message Batches API stands."""

    INTENDED = "intended"
    SUBMITTED = "submitted"
    UNKNOWN = "unknown"
    ENDED = "ended"
    INGESTED = "ingested"
    ABANDONED = "abandoned"


OPEN_BATCH = (BatchState.INTENDED, BatchState.UNKNOWN, BatchState.SUBMITTED, BatchState.ENDED)
"""States of a batch that may still bring answers."""


class CallState(StrEnum):
    """Where one paid request stands."""

    INTENDED = "intended"
    SENT = "sent"
    RECEIVED = "received"
    RECORDED = "recorded"
    LOST = "lost"
    ABANDONED = "abandoned"


OPEN_CALL = (CallState.INTENDED, CallState.SENT, CallState.RECEIVED)
"""States of a call that may still be answered."""

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
    CallState.RECEIVED: frozenset({CallState.RECORDED, CallState.LOST}),
    CallState.RECORDED: frozenset(),
    CallState.LOST: frozenset({CallState.RECORDED}),
    CallState.ABANDONED: frozenset({CallState.SENT}),
}

ATTEMPT_MOVES: dict[AttemptStatus, frozenset[AttemptStatus]] = {
    AttemptStatus.RUNNING: frozenset({AttemptStatus.COMPLETE, AttemptStatus.SHORT, AttemptStatus.FAILED}),
    AttemptStatus.COMPLETE: frozenset(),
    AttemptStatus.SHORT: frozenset(),
    AttemptStatus.FAILED: frozenset(),
}
_ENDS = frozenset({JobStatus.ESCALATED, JobStatus.FAILED, JobStatus.BUDGET, JobStatus.CANCELLED})
_TAKEN_UP = frozenset({JobStatus.QUEUED, JobStatus.RUNNING})
JOB_MOVES: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.REGISTERED: _TAKEN_UP | {JobStatus.CANCELLED, JobStatus.FAILED, JobStatus.BUDGET},
    JobStatus.QUEUED: frozenset(
        {JobStatus.RUNNING, JobStatus.WAITING, JobStatus.FAILED, JobStatus.BUDGET, JobStatus.CANCELLED}
    ),
    JobStatus.RUNNING: _ENDS | {JobStatus.WAITING, JobStatus.QUEUED, JobStatus.DONE},
    JobStatus.WAITING: _TAKEN_UP | {JobStatus.CANCELLED, JobStatus.FAILED},
    JobStatus.ESCALATED: _TAKEN_UP | {JobStatus.DONE, JobStatus.REJECTED, JobStatus.CANCELLED},
    JobStatus.BUDGET: _TAKEN_UP | {JobStatus.DONE, JobStatus.REJECTED, JobStatus.CANCELLED},
    JobStatus.FAILED: _TAKEN_UP | {JobStatus.CANCELLED},
    JobStatus.CANCELLED: _TAKEN_UP | {JobStatus.CANCELLED},
    JobStatus.DONE: frozenset(),
    JobStatus.REJECTED: frozenset(),
}


def sources(moves: Mapping[S, frozenset[S]], target: S) -> tuple[S, ...]:
    """The states from which one may go to `target`."""
    return tuple(state for state, targets in moves.items() if target in targets)


def batch_sources(target: BatchState) -> tuple[BatchState, ...]:
    """The states from which a batch may go to `target`."""
    return sources(BATCH_MOVES, target)


def call_sources(target: CallState) -> tuple[CallState, ...]:
    """The states from which a call may go to `target`."""
    return sources(CALL_MOVES, target)


def is_past(state: BatchState, target: BatchState) -> bool:
    """Whether a batch in `state` has been through `target`: another process was quicker."""
    order = (BatchState.SUBMITTED, BatchState.ENDED, BatchState.INGESTED)
    return state in order and target in order and order.index(state) >= order.index(target)
