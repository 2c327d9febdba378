"""Attempts and the units that they wrote."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from storage import attempts
from storage.engine import Engine, reading, transaction
from storage.tables import units
from tests.storage.support import NOW, OUTLINE, answered, begin, begun, count, intend, register, unit
from throughline.domain.job import AttemptId, AttemptStatus, Kind, Path, Role
from throughline.domain.ledger import IllegalMove
from throughline.domain.outline import Outline
from throughline.domain.output import Closing

LATER = NOW + timedelta(minutes=5)
CLOSING = Closing(overview="All of it.", key_points=["One", "Two"])


def test_an_attempt_is_begun_once(ledger: Engine):
    """Whoever begins it again gets it as it is."""
    with transaction(ledger) as tx:
        first = begun(tx)
    with transaction(ledger) as tx:
        again = begin(tx, first.job_id, outline=None, now=LATER)
    assert again == first
    assert (first.outline, first.status, first.ended, first.started_at) == (OUTLINE, AttemptStatus.RUNNING, False, NOW)


def test_each_path_and_each_role_has_an_attempt_of_its_own(ledger: Engine):
    with transaction(ledger) as tx:
        job = register(tx)
        made = [
            begin(tx, job.id, Path.SINGLE_PASS),
            begin(tx, job.id, Path.CHUNKED, Role.FALLBACK),
            begin(tx, job.id, Path.CHUNKED, Role.COMPARISON),
        ]
        assert attempts.of_job(tx, job.id) == made
    assert len({attempt.id for attempt in made}) == 3


def test_attempts_of_other_jobs_stay_apart(ledger: Engine):
    with transaction(ledger) as tx:
        first, second = begun(tx, "first"), begun(tx, "second")
        assert first.id != second.id
        assert attempts.of_job(tx, first.job_id) == [first]


def test_an_attempt_that_is_not_there_is_said_so(ledger: Engine):
    with reading(ledger) as tx, pytest.raises(LookupError):
        attempts.get(tx, AttemptId("nobody"))


def test_an_outline_written_by_the_model_is_kept(ledger: Engine):
    with transaction(ledger) as tx:
        job = register(tx)
        attempt = begin(tx, job.id, outline=None)
        assert attempt.outline is None
        attempts.save_outline(tx, attempt.id, OUTLINE)
        assert attempts.get(tx, attempt.id).outline == OUTLINE


def test_units_come_back_as_they_were_written(ledger: Engine):
    first, second = unit("u001"), unit("u002", body="Grüße 你好 🚢\r\n\t\u2028\x7f")
    with transaction(ledger) as tx:
        attempt = begun(tx)
        attempts.save_units(tx, attempt.id, intend(tx, attempt), [first, second])
    with reading(ledger) as tx:
        assert attempts.unit_ids(tx, attempt.id) == {"u001", "u002"}
        assert attempts.written_units(tx, attempt, Kind.SUMMARY) == {"u001": first, "u002": second}


def test_the_units_of_a_whole_answer_are_read_from_it_and_not_written_twice(ledger: Engine):
    both = [unit("u001"), unit("u002", body='"Grüße" 你好 🚢\r\n\t\u2028\x7f')]
    with transaction(ledger) as tx:
        attempt = begun(tx)
        answered(tx, attempt, both)
    with reading(ledger) as tx:
        assert attempts.written_units(tx, attempt, Kind.SUMMARY) == {each.unit_id: each for each in both}
        assert tx.execute(select(units.c.content)).scalars().all() == [None, None]


def test_a_unit_that_was_saved_before_its_answer_was_whole_stays_beside_those_that_are_read_from_it(ledger: Engine):
    early, rest = unit("u001", body="Early."), unit("u002")
    with transaction(ledger) as tx:
        attempt = begun(tx)
        call = intend(tx, attempt)
        attempts.save_units(tx, attempt.id, call, [early])
        answered(tx, attempt, [early, rest], call)
    with reading(ledger) as tx:
        assert attempts.written_units(tx, attempt, Kind.SUMMARY) == {"u001": early, "u002": rest}
        assert count(tx, units) == 2


def test_each_unit_is_read_from_the_answer_of_its_own_call(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        answered(tx, attempt, [unit("u001", body="One.")])
        answered(tx, attempt, [unit("u002", body="Another, longer.")])
    with reading(ledger) as tx:
        written = attempts.written_units(tx, attempt, Kind.SUMMARY)
    assert {each.unit_id: each.body for each in written.values()} == {"u001": "One.", "u002": "Another, longer."}


def test_nothing_written_is_nothing_saved(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        attempts.save_units(tx, attempt.id, intend(tx, attempt), [])
        assert attempts.unit_ids(tx, attempt.id) == frozenset()


def test_a_unit_that_an_attempt_has_stays_as_it_was_first_written(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        call = intend(tx, attempt)
        attempts.save_units(tx, attempt.id, call, [unit("u001")])
    with transaction(ledger) as tx:
        attempts.save_units(tx, attempt.id, call, [unit("u002"), unit("u001", body="Again.")])
    with reading(ledger) as tx:
        assert attempts.written_units(tx, attempt, Kind.SUMMARY) == {"u001": unit("u001"), "u002": unit("u002")}
        assert attempts.saved_by(tx, call) == {"u001", "u002"}


def test_a_chain_that_completes_a_single_pass_has_the_units_of_both(ledger: Engine):
    with transaction(ledger) as tx:
        job = register(tx)
        short = begin(tx, job.id, Path.SINGLE_PASS)
        chain = begin(tx, job.id, Path.CHUNKED, Role.FALLBACK, continues=short.id)
        attempts.save_units(tx, short.id, intend(tx, short), [unit("u001")])
        attempts.save_units(tx, chain.id, intend(tx, chain), [unit("u002")])
    with reading(ledger) as tx:
        assert chain.continues_attempt_id == short.id
        assert set(attempts.written_units(tx, chain, Kind.SUMMARY)) == {"u001", "u002"}
        assert set(attempts.written_units(tx, short, Kind.SUMMARY)) == {"u001"}
        assert attempts.unit_ids(tx, chain.id) == {"u002"}


def test_a_chain_takes_over_a_closing_until_it_has_its_own(ledger: Engine):
    with transaction(ledger) as tx:
        job = register(tx)
        short = begin(tx, job.id, Path.SINGLE_PASS)
        chain = begin(tx, job.id, Path.CHUNKED, Role.FALLBACK, continues=short.id)
        assert attempts.closing(tx, chain, Kind.SUMMARY) is None
        attempts.save_closing(tx, short.id, CLOSING)
        assert attempts.closing(tx, chain, Kind.SUMMARY) == CLOSING
        own = Closing(overview="Written anew.", key_points=[])
        attempts.save_closing(tx, chain.id, own)
        assert attempts.closing(tx, chain, Kind.SUMMARY) == own
        assert attempts.closing(tx, short, Kind.SUMMARY) == CLOSING


def test_an_attempt_is_finished_once(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        attempts.finish(tx, attempt.id, AttemptStatus.SHORT, now=LATER, stop_reason="max_tokens", reason="cut")
        attempts.finish(tx, attempt.id, AttemptStatus.SHORT, now=LATER + timedelta(days=1), reason="again")
        with pytest.raises(IllegalMove, match="from short to complete"):
            attempts.finish(tx, attempt.id, AttemptStatus.COMPLETE, now=LATER + timedelta(days=1))
        found = attempts.get(tx, attempt.id)
    assert found.ended
    assert (found.status, found.stop_reason, found.reason) == (AttemptStatus.SHORT, "max_tokens", "cut")
    assert found.finished_at == LATER


def test_a_finished_attempt_is_not_begun_anew(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        attempts.finish(tx, attempt.id, AttemptStatus.FAILED, now=LATER)
        assert begin(tx, attempt.job_id).status is AttemptStatus.FAILED


def test_an_outline_without_units_is_not_a_missing_one(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begin(tx, register(tx).id, outline=Outline(units=()))
    assert attempt.outline == Outline(units=())
