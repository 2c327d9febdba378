"""Batches: written down before they are paid for, and never moved against the arrows."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from storage import batches
from storage.engine import Engine, reading, transaction
from storage.tables import batches as batch_table
from tests.storage.support import NOW, begin, begun, intend, intend_batch, row_of
from throughline.domain.job import BatchId, Path
from throughline.domain.ledger import BATCH_MOVES, BatchState, IllegalMove, is_past

LATER = NOW + timedelta(minutes=5)


def test_an_intent_has_no_remote_batch_yet(ledger: Engine):
    with transaction(ledger) as tx:
        batch = batches.get(tx, intend_batch(tx, 3))
        assert batches.owned_remote_ids(tx) == frozenset()
    assert (batch.state, batch.remote_id, batch.request_count) == (BatchState.INTENDED, None, 3)
    assert batch.intended_at == NOW


def test_a_batch_that_is_not_there_is_said_so(ledger: Engine):
    with reading(ledger) as tx, pytest.raises(LookupError):
        batches.get(tx, BatchId("nobody"))


@pytest.mark.parametrize("target", BatchState)
def test_a_batch_is_moved_only_along_the_arrows(ledger: Engine, target: BatchState):
    with transaction(ledger) as tx:
        for state in BatchState:
            batch_id = intend_batch(tx)
            tx.execute(update(batch_table).where(batch_table.c.id == batch_id).values(state=state))
            if target in BATCH_MOVES[state] or state is target:
                batches.move(tx, batch_id, target, now=LATER)
                assert batches.get(tx, batch_id).state is target, f"from {state}"
            elif is_past(state, target):  # another process was quicker
                batches.move(tx, batch_id, target, now=LATER)
                assert batches.get(tx, batch_id).state is state
            else:
                with pytest.raises(IllegalMove, match=f"from {state} to {target}"):
                    batches.move(tx, batch_id, target, now=LATER)
                assert batches.get(tx, batch_id).state is state


def test_a_move_that_was_made_before_changes_nothing(ledger: Engine):
    with transaction(ledger) as tx:
        batch_id = intend_batch(tx)
        batches.move(tx, batch_id, BatchState.SUBMITTED, remote_id="msgbatch_1", now=NOW)
        batches.move(tx, batch_id, BatchState.SUBMITTED, now=LATER, note="again")
        row = row_of(tx, batch_table, batch_id)
    assert (row.remote_id, row.submitted_at, row.note) == ("msgbatch_1", NOW, None)


def test_the_life_of_a_batch_is_kept_with_its_times(ledger: Engine):
    with transaction(ledger) as tx:
        batch_id = intend_batch(tx)
        batches.move(tx, batch_id, BatchState.UNKNOWN, note="the connection broke", now=NOW)
        batches.move(tx, batch_id, BatchState.SUBMITTED, remote_id="msgbatch_1", now=NOW + timedelta(minutes=1))
        batches.move(tx, batch_id, BatchState.ENDED, now=NOW + timedelta(minutes=2))
        batches.move(tx, batch_id, BatchState.INGESTED, now=NOW + timedelta(minutes=3))
        row = row_of(tx, batch_table, batch_id)
    times = [row.intended_at, row.submitted_at, row.ended_at, row.ingested_at]
    assert times == [NOW + timedelta(minutes=minutes) for minutes in range(4)]
    assert row.note == "the connection broke"


def test_a_remote_batch_has_one_owner(ledger: Engine):
    with transaction(ledger) as tx:
        first, second = intend_batch(tx), intend_batch(tx)
        batches.move(tx, first, BatchState.SUBMITTED, remote_id="msgbatch_1", now=NOW)
        assert batches.owned_remote_ids(tx) == {"msgbatch_1"}
    with pytest.raises(IntegrityError), transaction(ledger) as tx:
        batches.move(tx, second, BatchState.SUBMITTED, remote_id="msgbatch_1", now=NOW)


def test_a_batch_knows_its_requests_by_their_custom_ids(ledger: Engine):
    with transaction(ledger) as tx:
        attempt, batch, other = begun(tx), intend_batch(tx, 2), intend_batch(tx)
        made = [intend(tx, attempt, batch_id=batch) for _ in range(2)]
        intend(tx, attempt, batch_id=other)
        intend(tx, attempt)
        assert batches.call_ids(tx, batch) == made


def test_the_latest_batch_of_an_attempt_is_the_one_made_last(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        other = begin(tx, attempt.job_id, Path.SINGLE_PASS)
        assert batches.latest_of(tx, attempt.id) is None
        first, second, third = intend_batch(tx), intend_batch(tx), intend_batch(tx)
        intend(tx, attempt, batch_id=second)
        intend(tx, attempt, batch_id=second)
        intend(tx, attempt, batch_id=first)
        intend(tx, other, batch_id=third)
        latest = batches.latest_of(tx, attempt.id)
    assert latest is not None
    assert latest.id == second
