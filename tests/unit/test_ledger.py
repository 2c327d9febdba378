"""Money walks forward only: every state is reached, none is left twice, and an end is an end."""

import pytest

from throughline.domain.job import AttemptStatus, JobStatus
from throughline.domain.ledger import (
    ATTEMPT_MOVES,
    BATCH_MOVES,
    CALL_MOVES,
    JOB_MOVES,
    BatchState,
    CallState,
    batch_sources,
    call_sources,
    is_past,
    sources,
)

STATES = [*BatchState, *CallState]


def moves_from(state: BatchState | CallState) -> frozenset[BatchState] | frozenset[CallState]:
    return BATCH_MOVES[state] if isinstance(state, BatchState) else CALL_MOVES[state]


def sources_of(state: BatchState | CallState) -> tuple[BatchState, ...] | tuple[CallState, ...]:
    return batch_sources(state) if isinstance(state, BatchState) else call_sources(state)


def name(state: BatchState | CallState) -> str:
    return f"{type(state).__name__}.{state.name}"


@pytest.mark.parametrize("state", STATES, ids=name)
def test_every_state_but_the_first_is_reached_from_another(state: BatchState | CallState):
    assert bool(sources_of(state)) is (state.name != "INTENDED")


@pytest.mark.parametrize("state", STATES, ids=name)
def test_the_sources_of_a_state_are_those_that_move_to_it(state: BatchState | CallState):
    assert all(state in moves_from(source) for source in sources_of(state))


@pytest.mark.parametrize("state", STATES, ids=name)
def test_no_way_leads_back(state: BatchState | CallState):
    seen: set[str] = set()
    waiting = [*moves_from(state)]
    while waiting:
        reached = waiting.pop()
        seen.add(reached)
        waiting += moves_from(reached)
    assert state not in seen


@pytest.mark.parametrize("end", [BatchState.INGESTED, CallState.RECORDED], ids=name)
def test_what_is_settled_stays_settled(end: BatchState | CallState):
    assert not moves_from(end)


def test_an_answer_in_hand_beats_the_belief_that_it_was_lost():
    assert CALL_MOVES[CallState.LOST] == {CallState.RECORDED}


def test_an_id_in_hand_beats_the_belief_that_a_batch_was_never_accepted():
    assert BATCH_MOVES[BatchState.ABANDONED] == {BatchState.SUBMITTED}
    assert CALL_MOVES[CallState.ABANDONED] == {CallState.SENT}


def test_what_may_have_been_accepted_is_never_silently_abandoned():
    assert CallState.ABANDONED not in CALL_MOVES[CallState.SENT]
    assert BatchState.ABANDONED not in BATCH_MOVES[BatchState.SUBMITTED]


def test_a_batch_is_only_ingested_once_it_ended():
    assert batch_sources(BatchState.INGESTED) == (BatchState.ENDED,)


def test_only_a_call_that_was_sent_can_be_lost():
    assert call_sources(CallState.LOST) == (CallState.SENT, CallState.RECEIVED)


def test_a_call_is_received_only_after_it_was_sent():
    assert call_sources(CallState.RECEIVED) == (CallState.SENT,)


def test_a_batch_is_past_every_state_on_its_way():
    assert is_past(BatchState.INGESTED, BatchState.SUBMITTED)
    assert is_past(BatchState.ENDED, BatchState.ENDED)
    assert not is_past(BatchState.SUBMITTED, BatchState.ENDED)


@pytest.mark.parametrize("state", [BatchState.INTENDED, BatchState.UNKNOWN, BatchState.ABANDONED])
def test_a_batch_of_no_known_id_is_past_nothing(state: BatchState):
    assert not any(is_past(state, other) or is_past(other, state) for other in BatchState)


STAY = (JobStatus.DONE, JobStatus.REJECTED)


@pytest.mark.parametrize("end", STAY)
def test_what_is_done_or_rejected_stays_so(end: JobStatus):
    assert not JOB_MOVES[end]


@pytest.mark.parametrize("status", [status for status in JobStatus if status not in STAY])
def test_every_other_job_can_be_cancelled(status: JobStatus):
    assert status is JobStatus.CANCELLED or JobStatus.CANCELLED in JOB_MOVES[status]


@pytest.mark.parametrize("end", [JobStatus.ESCALATED, JobStatus.FAILED, JobStatus.BUDGET, JobStatus.CANCELLED])
def test_from_every_other_end_a_person_can_go_on(end: JobStatus):
    assert {JobStatus.QUEUED, JobStatus.RUNNING} <= JOB_MOVES[end]


def test_a_job_becomes_done_by_running_or_by_a_decision():
    assert sources(JOB_MOVES, JobStatus.DONE) == (JobStatus.RUNNING, JobStatus.ESCALATED, JobStatus.BUDGET)


def test_a_person_is_asked_where_a_decision_is_taken():
    asking = {status for status in JobStatus if status.asks}
    assert asking == {JobStatus.ESCALATED, JobStatus.BUDGET} == set(sources(JOB_MOVES, JobStatus.REJECTED))


def test_only_a_person_rejects():
    assert sources(JOB_MOVES, JobStatus.REJECTED) == (JobStatus.ESCALATED, JobStatus.BUDGET)


def test_an_attempt_ends_once():
    assert all(not ATTEMPT_MOVES[end] for end in AttemptStatus if end is not AttemptStatus.RUNNING)
    assert ATTEMPT_MOVES[AttemptStatus.RUNNING] == set(AttemptStatus) - {AttemptStatus.RUNNING}
