"""Sums made by the database: every call once, under the path that it was made for, real and simulated apart."""

from datetime import timedelta
from decimal import Decimal

from storage import attempts, jobs, reviews, spending
from storage.attempts import Attempt
from storage.engine import Engine, Tx, transaction
from storage.spending import By, Scope
from tests.storage.support import NOW, begin, begun, intend, intend_batch, put, record, register, unit
from throughline.domain.job import AttemptStatus, Path, Role
from throughline.domain.ledger import CallState
from throughline.domain.review import Choice, Origin
from throughline.domain.spending import by_key, summed

REAL = Scope(simulated=False)


def paid(tx: Tx, scope: Scope = REAL, by: By = By.PATH) -> dict[str, Decimal]:
    return {key[0]: found.paid_usd for key, found in by_key(spending.groups(tx, scope, [by])).items()}


def test_a_fallback_and_what_repairs_it_belong_to_the_single_pass(ledger: Engine):
    with transaction(ledger) as tx:
        single = begun_single(tx)
        fallback = begin(tx, single.job_id, role=Role.FALLBACK, continues=single.id)
        repair = begin(tx, single.job_id, role=Role.REPAIR, continues=fallback.id)
        for attempt in (single, fallback, repair):
            record(tx, intend(tx, attempt), "0.5")
        assert paid(tx) == {"single_pass": Decimal("1.5")}


def begun_single(tx: Tx) -> Attempt:
    return begin(tx, register(tx).id, Path.SINGLE_PASS)


def test_a_repair_belongs_to_the_path_that_it_makes_good(ledger: Engine):
    with transaction(ledger) as tx:
        chain = begun(tx)
        repair = begin(tx, chain.job_id, role=Role.REPAIR, continues=chain.id)
        record(tx, intend(tx, chain), "0.5")
        record(tx, intend(tx, repair), "0.25")
        assert paid(tx) == {"chunked": Decimal("0.75")}


def test_real_and_simulated_jobs_are_never_in_one_sum(ledger: Engine):
    with transaction(ledger) as tx:
        record(tx, intend(tx, begun(tx, "real")), "0.5")
        record(tx, intend(tx, begun(tx, "sim", simulated=True), simulated=True), "0.125")
        assert paid(tx) == {"chunked": Decimal("0.5")}
        assert paid(tx, Scope(simulated=True)) == {"chunked": Decimal("0.125")}


def test_a_week_begins_on_monday(ledger: Engine):
    """The 22nd of November 2026 is a Sunday."""
    with transaction(ledger) as tx:
        attempt = begun(tx)
        record(tx, intend(tx, attempt), "0.5")
        record(tx, intend(tx, attempt, now=NOW + timedelta(hours=12)), "0.25")
        assert paid(tx, by=By.WEEK) == {"2026-11-16": Decimal("0.5"), "2026-11-23": Decimal("0.25")}


def test_only_what_was_intended_in_the_time_counts(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        record(tx, intend(tx, attempt), "0.5")
        record(tx, intend(tx, attempt, now=NOW + timedelta(hours=12)), "0.25")
        assert paid(tx, Scope(simulated=False, since=NOW + timedelta(hours=1))) == {"chunked": Decimal("0.25")}
        assert paid(tx, Scope(simulated=False, until=NOW + timedelta(hours=1))) == {"chunked": Decimal("0.5")}


def test_a_scope_may_name_a_kind_or_jobs(ledger: Engine):
    with transaction(ledger) as tx:
        one, other = begun(tx, "one"), begun(tx, "other")
        record(tx, intend(tx, one), "0.5")
        record(tx, intend(tx, other), "0.25")
        assert paid(tx, Scope(simulated=False, job_ids=[other.job_id]), By.JOB) == {other.job_id: Decimal("0.25")}
        assert paid(tx, Scope(simulated=False, kind="synthesis")) == {}
        assert paid(tx, Scope(simulated=False, kind="summary"), By.KIND) == {"summary": Decimal("0.75")}


def test_tokens_of_a_group_are_summed_and_its_way_of_sending_kept(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        in_batch = intend(tx, attempt, batch_id=intend_batch(tx))
        record(tx, in_batch, "0.5", wasted=7, input_tokens=10, cache_read_tokens=20, output_tokens=30)
        record(tx, intend(tx, attempt), "0.25", input_tokens=1)
        found = {group.batch: group for group in spending.groups(tx, REAL, [By.ATTEMPT])}
    assert (found[True].prompt_tokens, found[True].output_tokens, found[True].wasted_tokens) == (30, 30, 7)
    assert (found[True].longest_prompt_tokens, found[True].paid_usd) == (30, Decimal("0.5"))
    assert (found[False].prompt_tokens, found[False].calls, found[False].key) == (1, 1, (attempt.id,))


def test_requests_of_other_price_bands_are_other_groups(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        for tokens in (100_000, 100_001, 200_001):
            record(tx, intend(tx, attempt), input_tokens=tokens)
        found = spending.groups(tx, REAL, [By.KIND])
    assert sorted(group.longest_prompt_tokens for group in found) == [100_000, 100_001, 200_001]


def test_an_attempt_that_ended_without_a_unit_is_fruitless(ledger: Engine):
    with transaction(ledger) as tx:
        wrote, wrote_not, runs = begun(tx, "one"), begun(tx, "two"), begun(tx, "three")
        calls = {attempt.id: intend(tx, attempt) for attempt in (wrote, wrote_not, runs)}
        attempts.save_units(tx, wrote.id, calls[wrote.id], [unit()])
        for call in calls.values():
            record(tx, call)
        for ended in (wrote, wrote_not):
            attempts.finish(tx, ended.id, AttemptStatus.SHORT, now=NOW)
        found = {group.key[0]: group.fruitless for group in spending.groups(tx, REAL, [By.ATTEMPT])}
    assert found == {wrote.id: False, wrote_not.id: True, runs.id: False}


def test_open_and_lost_calls_are_unknown_and_abandoned_ones_nothing(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = begun(tx)
        for state in (CallState.SENT, CallState.LOST, CallState.ABANDONED):
            put(tx, intend(tx, attempt, "2"), state)
        (group,) = spending.groups(tx, REAL, [By.KIND])
    assert (group.calls, group.paid_usd, group.unknown_usd) == (2, 0, Decimal(4))


def test_a_job_of_two_attempts_counts_once(ledger: Engine):
    with transaction(ledger) as tx:
        chain = begun(tx)
        single = begin(tx, chain.job_id, Path.SINGLE_PASS, Role.COMPARISON)
        for attempt in (chain, single):
            intend(tx, attempt)
        assert spending.counts(tx, REAL, [By.KIND]) == {("summary",): spending.Count(jobs=1, attempts=2)}
        assert spending.counts(tx, REAL, []) == {(): spending.Count(jobs=1, attempts=2)}


def decided(tx: Tx, job_id: str, minutes: float | None, choice: Choice = Choice.APPROVE) -> None:
    review = reviews.request(tx, job_id, now=NOW, expires_at=None)  # pyright: ignore[reportArgumentType]
    reviews.decide(
        tx, review.id, choice=choice, reviewer="Ada", reason="", minutes=minutes, came_from=Origin.PAGE, now=NOW
    )


def test_minutes_belong_to_the_path_that_was_published(ledger: Engine):
    with transaction(ledger) as tx:
        chain = begun(tx)
        single = begin(tx, chain.job_id, Path.SINGLE_PASS, Role.COMPARISON)
        jobs.publish(tx, chain.job_id, single.id)
        decided(tx, chain.job_id, 12.5)
        assert spending.readings(tx, REAL, [By.PATH]) == {("single_pass",): spending.Reading(reviews=1, minutes=12.5)}


def test_minutes_of_a_rejected_job_belong_to_its_first_attempt(ledger: Engine):
    with transaction(ledger) as tx:
        chain = begun(tx)
        decided(tx, chain.job_id, 3.0, Choice.REJECT)
        assert spending.readings(tx, REAL, [By.PATH]) == {("chunked",): spending.Reading(reviews=1, minutes=3.0)}


def test_a_decision_without_minutes_took_none_that_are_known(ledger: Engine):
    with transaction(ledger) as tx:
        decided(tx, begun(tx).job_id, None)
        assert spending.readings(tx, REAL, [By.KIND]) == {("summary",): spending.Reading(reviews=1, minutes=0.0)}


def test_the_sum_over_any_key_is_the_same(ledger: Engine):
    with transaction(ledger) as tx:
        for key, usd in (("one", "0.1"), ("two", "0.000000000001"), ("three", "7")):
            record(tx, intend(tx, begun(tx, key)), usd)
        totals = {by: summed(by_key(spending.groups(tx, REAL, [by])).values()).paid_usd for by in By}
    assert set(totals.values()) == {Decimal("7.100000000001")}
