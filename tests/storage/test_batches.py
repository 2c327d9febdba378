"""Batches: written down before they are paid for, and never moved against the arrows."""

from datetime import datetime, timedelta

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


def test_an_attempt_waits_for_its_older_batch_while_the_newer_one_was_given_up(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        first, second = intend_batch(tx), intend_batch(tx)
        intend(tx, attempt, batch_id=first)
        intend(tx, attempt, batch_id=second)
        batches.move(tx, second, BatchState.ABANDONED, now=NOW)
        latest = batches.latest_of(tx, attempt.id)
    assert latest is not None
    assert latest.id == first


def test_nothing_is_added_to_a_batch_that_another_process_has_settled(ledger: Engine):
    with transaction(ledger) as tx:
        batch_id = intend_batch(tx)
        batches.require_intended(tx, batch_id)
        batches.move(tx, batch_id, BatchState.ABANDONED, now=NOW)
        with pytest.raises(IllegalMove, match="settled as abandoned"):
            batches.require_intended(tx, batch_id)


def test_a_request_is_under_way_only_in_a_batch_that_may_still_be_answered(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        given_up, found = intend_batch(tx), intend_batch(tx)
        assert not batches.is_under_way(tx, attempt.id)
        intend(tx, attempt, batch_id=given_up)
        assert batches.is_under_way(tx, attempt.id)
        batches.move(tx, given_up, BatchState.ABANDONED, now=NOW)
        assert not batches.is_under_way(tx, attempt.id)
        intend(tx, attempt, batch_id=found)
        assert batches.is_under_way_elsewhere(tx, given_up)
        assert not batches.is_under_way_elsewhere(tx, found)


# Leave to post.


def test_leave_to_post_is_written_down_with_its_end(ledger: Engine):
    with transaction(ledger) as tx:
        batch_id = intend_batch(tx)
        assert batches.get(tx, batch_id).post_until is None
        assert batches.let_post(tx, batch_id, until=LATER)
        assert batches.get(tx, batch_id).post_until == LATER


@pytest.mark.parametrize("state", [state for state in BatchState if state is not BatchState.INTENDED])
def test_nobody_gets_leave_to_post_a_batch_that_was_settled_or_is_in_doubt(ledger: Engine, state: BatchState):
    with transaction(ledger) as tx:
        batch_id = intend_batch(tx)
        tx.execute(update(batch_table).where(batch_table.c.id == batch_id).values(state=state))
        assert not batches.let_post(tx, batch_id, until=LATER)
        assert batches.get(tx, batch_id).post_until is None


@pytest.mark.parametrize("before", [None, NOW], ids=["never let go", "let go before"])
def test_a_batch_that_was_let_go_since_it_was_read_is_not_given_up(ledger: Engine, before: datetime | None):
    with transaction(ledger) as tx:
        batch_id = intend_batch(tx)
        if before is not None:
            batches.let_post(tx, batch_id, until=before)
        seen = batches.get(tx, batch_id)
        batches.let_post(tx, batch_id, until=LATER)
        assert not batches.give_up(tx, seen, looked_at=LATER, note="not found")
        assert batches.get(tx, batch_id).state is BatchState.INTENDED
        assert batches.give_up(tx, batches.get(tx, batch_id), looked_at=LATER, note="not found")
        assert batches.get(tx, batch_id).state is BatchState.ABANDONED


def test_a_batch_that_was_found_meanwhile_is_not_given_up(ledger: Engine):
    with transaction(ledger) as tx:
        batch_id = intend_batch(tx)
        batches.in_doubt(tx, batch_id, note="the connection broke", now=NOW)
        seen = batches.get(tx, batch_id)
        batches.move(tx, batch_id, BatchState.SUBMITTED, remote_id="msgbatch_1", now=LATER)
        assert not batches.give_up(tx, seen, looked_at=LATER, note="not found")
        assert batches.get(tx, batch_id).state is BatchState.SUBMITTED


def test_a_doubt_begins_when_its_sender_is_done_with_it(ledger: Engine):
    with transaction(ledger) as tx:
        batch_id = intend_batch(tx)
        batches.let_post(tx, batch_id, until=LATER)
        batches.in_doubt(tx, batch_id, note="the connection broke", now=NOW)
        assert batches.get(tx, batch_id).post_until == NOW


def test_only_what_was_posted_with_this_key_in_the_given_time_is_looked_for_again(ledger: Engine):
    def found(*, since: datetime = NOW - timedelta(days=1), key: str = "0123456789abcdef") -> list[BatchId]:
        with reading(ledger) as tx:
            rows = batches.given_up(tx, since=since, host="api.anthropic.com", key_fingerprint=key, simulated=False)
        return [batch.id for batch in rows]

    with transaction(ledger) as tx:
        posted, refused, open_one = intend_batch(tx), intend_batch(tx), intend_batch(tx)
        for batch_id in (posted, refused, open_one):
            batches.let_post(tx, batch_id, until=NOW)
        batches.none_on_its_way(tx, refused)
        for batch_id in (posted, refused):
            assert batches.give_up(tx, batches.get(tx, batch_id), looked_at=LATER, note="not found")
    assert found() == [posted]
    assert found(since=LATER) == []
    assert found(key="another") == []
