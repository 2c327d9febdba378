"""Calls: every move of the state machine, and the money that they reserve."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from storage import calls
from storage.engine import Engine, Tx, reading, transaction
from storage.tables import calls as call_table
from tests.storage.support import (
    ASK,
    LINK,
    MODEL,
    NOW,
    begin,
    begun,
    intend,
    intend_batch,
    of_attempt,
    put,
    record,
    register,
    reply,
    row_of,
)
from throughline.domain.job import CallId, JobId, Path
from throughline.domain.ledger import CALL_MOVES, CallState, IllegalMove

REPEATED = {CallState.RECORDED}  # where asking for the same move again is fine and changes nothing


def unanswered(tx: Tx, call_id: CallId, outcome: str = "expired") -> None:
    calls.record_unanswered(tx, call_id, outcome=outcome, error="it took too long", now=NOW)


# The moves.


@pytest.mark.parametrize("state", CallState)
@pytest.mark.parametrize("settle", [record, unanswered], ids=["with an answer", "without an answer"])
def test_only_a_call_that_was_sent_is_settled(ledger: Engine, state: CallState, settle: Callable[[Tx, CallId], object]):
    with transaction(ledger) as tx:
        call_id = intend(tx, begun(tx))
        put(tx, call_id, state)
        if CallState.RECORDED in CALL_MOVES[state] or state in REPEATED:
            settle(tx, call_id)
            assert row_of(tx, call_table, call_id).state == CallState.RECORDED
        else:
            with pytest.raises(IllegalMove, match=f"from {state} to recorded"):
                settle(tx, call_id)
            assert row_of(tx, call_table, call_id).state == state


def send(tx: Tx, call: CallId) -> None:
    calls.mark_sent(tx, row_of(tx, call_table, call).batch_id)


def abandon(tx: Tx, call: CallId) -> None:
    calls.abandon(tx, row_of(tx, call_table, call).batch_id)


def lose(tx: Tx, call: CallId) -> None:
    calls.lose_one(tx, call, "it broke off")


@pytest.mark.parametrize(
    ("move", "target"),
    [
        pytest.param(send, CallState.SENT, id="sent"),
        pytest.param(abandon, CallState.ABANDONED, id="abandoned"),
        pytest.param(lose, CallState.LOST, id="lost"),
    ],
)
def test_a_call_is_moved_only_from_where_the_way_leads(
    ledger: Engine, move: Callable[[Tx, CallId], None], target: CallState
):
    with transaction(ledger) as tx:
        attempt, batch = begun(tx), intend_batch(tx)
        for state in CallState:
            call_id = intend(tx, attempt, batch_id=batch)
            put(tx, call_id, state)
            move(tx, call_id)
            expected = target if target in CALL_MOVES[state] else state
            assert row_of(tx, call_table, call_id).state == expected, f"from {state}"
            put(tx, call_id, CallState.RECORDED)  # out of the way of the next


def test_a_batch_sends_and_abandons_only_its_own_calls(ledger: Engine):
    with transaction(ledger) as tx:
        attempt, ours, other = begun(tx), intend_batch(tx), intend_batch(tx)
        first = intend(tx, attempt, state=CallState.INTENDED, batch_id=ours)
        second = intend(tx, attempt, state=CallState.INTENDED, batch_id=other)
        calls.mark_sent(tx, ours)
        calls.abandon(tx, other)
        assert of_attempt(tx, attempt.id) == {first: CallState.SENT, second: CallState.ABANDONED}


def test_a_process_that_died_loses_its_sent_calls_but_not_those_of_a_batch(ledger: Engine):
    """The answers of a batch wait for whoever comes next."""
    with transaction(ledger) as tx:
        attempt = begun(tx)
        other = begin(tx, attempt.job_id, Path.SINGLE_PASS)
        sent, settled = intend(tx, attempt), intend(tx, attempt)
        record(tx, settled)
        batched, elsewhere = intend(tx, attempt, batch_id=intend_batch(tx)), intend(tx, other)
        assert calls.lose(tx, attempt.id) == [sent]
        assert of_attempt(tx, attempt.id) == {
            sent: CallState.LOST,
            settled: CallState.RECORDED,
            batched: CallState.SENT,
        }
        assert of_attempt(tx, other.id) == {elsewhere: CallState.SENT}
        assert calls.lose(tx, attempt.id) == []


def test_what_the_results_of_a_batch_do_not_mention_is_lost(ledger: Engine):
    with transaction(ledger) as tx:
        attempt, batch = begun(tx), intend_batch(tx, 2)
        mentioned, missing = (intend(tx, attempt, batch_id=batch) for _ in range(2))
        elsewhere = intend(tx, attempt, batch_id=intend_batch(tx))
        record(tx, mentioned)
        calls.lose_rest(tx, batch)
        assert of_attempt(tx, attempt.id) == {
            mentioned: CallState.RECORDED,
            missing: CallState.LOST,
            elsewhere: CallState.SENT,
        }


# What is kept.


def test_an_intent_says_what_will_be_sent(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        call_id = intend(tx, attempt, "0.000000000001", simulated=True)
        row = row_of(tx, call_table, call_id)
        (call,) = calls.of_attempt(tx, attempt.id)
        assert calls.get(tx, call_id) == call
    assert (row.fingerprint, row.model, row.max_tokens) == (ASK.fingerprint, MODEL, ASK.max_tokens)
    assert (row.reserved_usd, row.cost_usd, row.simulated) == (Decimal("1e-12"), None, True)
    assert (call.link, call.state, call.batch_id, call.outcome) == (LINK, CallState.SENT, None, None)


def test_a_call_that_is_not_ours_is_none(ledger: Engine):
    with reading(ledger) as tx:
        assert calls.get(tx, CallId("of-another-batch")) is None


def test_settling_a_call_that_is_not_ours_is_refused(ledger: Engine):
    with pytest.raises(IllegalMove), transaction(ledger) as tx:
        record(tx, CallId("of-another-batch"))


def test_an_answer_is_kept_as_it_came_with_its_cost_and_price(ledger: Engine):
    text = 'cut in the middle of a character: "\ud83d'
    usage = {"input_tokens": 10, "output_tokens": 20, "thinking_tokens": 5, "cache_read_tokens": 7}
    usage |= {"cache_write_5m_tokens": 3, "cache_write_1h_tokens": 4}
    answer = reply(text, **usage)
    with transaction(ledger) as tx:
        attempt = begun(tx)
        call_id = intend(tx, attempt)
        assert calls.record(
            tx,
            call_id,
            reply=answer,
            cost=calls.Price(usd=Decimal("0.123456789012"), row="the price row"),
            settled=calls.Settled(delivered=["u001"], errors=["u002 is missing"], wasted_tokens=6),
            now=NOW,
        )
        row = row_of(tx, call_table, call_id)
        call = calls.get(tx, call_id)
    assert (row.response_text, row.usage, row.stop_reason) == (text, answer.raw_usage, "end_turn")
    assert (row.cost_usd, row.price_row, row.request_id) == (Decimal("0.123456789012"), "the price row", "req_1")
    assert (row.input_tokens, row.output_tokens, row.thinking_tokens, row.wasted_tokens) == (10, 20, 5, 6)
    assert (row.cache_read_tokens, row.cache_write_tokens, row.received_at) == (7, 7, NOW)
    assert call is not None
    assert (call.outcome, call.delivered, call.errors) == ("answered", {"u001"}, ("u002 is missing",))


def test_a_result_that_comes_twice_is_settled_once(ledger: Engine):
    with transaction(ledger) as tx:
        call_id = intend(tx, begun(tx))
        assert record(tx, call_id, "0.25")
    with transaction(ledger) as tx:
        assert not record(tx, call_id, "0.75")
        assert row_of(tx, call_table, call_id).cost_usd == Decimal("0.25")


def test_a_paid_answer_is_not_overwritten_by_a_failure(ledger: Engine):
    with transaction(ledger) as tx:
        call_id = intend(tx, begun(tx))
        record(tx, call_id, "0.25")
        unanswered(tx, call_id)
        row = row_of(tx, call_table, call_id)
    assert (row.outcome, row.cost_usd) == ("answered", Decimal("0.25"))


def test_calls_stand_in_the_order_of_their_intents(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        made = [intend(tx, attempt) for _ in range(50)]
        assert list(of_attempt(tx, attempt.id)) == made


# Money.


def spent(tx: Tx, job_id: JobId) -> Decimal:
    return calls.spent_usd(tx, call_table.c.job_id == job_id)


@pytest.mark.parametrize("state", [CallState.INTENDED, CallState.SENT, CallState.RECEIVED, CallState.LOST])
def test_a_call_of_unknown_cost_counts_with_all_that_it_may_cost(ledger: Engine, state: CallState):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        put(tx, intend(tx, attempt, "1.5"), state)
        assert spent(tx, attempt.job_id) == Decimal("1.5")


def test_a_settled_call_counts_with_its_cost(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        record(tx, intend(tx, attempt, "1.5"), "0.25")
        unanswered(tx, intend(tx, attempt, "1.5"))
        assert spent(tx, attempt.job_id) == Decimal("0.25")


def test_an_abandoned_call_counts_for_nothing(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        put(tx, intend(tx, attempt, "1.5"), CallState.ABANDONED)
        assert spent(tx, attempt.job_id) == 0


def test_nothing_is_spent_without_a_call(ledger: Engine):
    with transaction(ledger) as tx:
        assert spent(tx, register(tx).id) == 0


def test_sums_of_spent_money_are_exact(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        for _ in range(3):
            record(tx, intend(tx, attempt), "0.1")
            intend(tx, attempt, "0.000000000001")
        assert spent(tx, attempt.job_id) == Decimal("0.300000000003")
