"""Chains as the ledger has them: a planted overhead of each sort makes its kind the first of the ranking."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from storage import attempts, checks, jobs, overheads, reviews
from storage.attempts import Attempt
from storage.checks import CheckRow
from storage.engine import Engine, Tx, transaction
from tests.storage.support import NOW, PLAN, SPEC, begin, intend, intend_batch, record, source
from throughline.domain.chain import Link, LinkKind
from throughline.domain.job import AttemptStatus, Kind, Path, Role
from throughline.domain.overhead import LEAST_JOBS, Burden, Chain, Purpose, burdens
from throughline.domain.review import Choice, Origin

RATE = Decimal(60)
ONCE = PLAN.single_pass.input_tokens
KINDS = (Kind.SUMMARY, Kind.SYNTHESIS, Kind.CODE_REVIEW)


def chained(
    tx: Tx,
    key: str,
    kind: Kind = Kind.SUMMARY,
    *,
    simulated: bool = False,
    role: Role = Role.PRIMARY,
    forecast: int = PLAN.chunked.output_tokens,
) -> Attempt:
    """An ended chain of two parts that share the sources out, and of a closing."""
    job = jobs.register(
        tx,
        key=key,
        spec=SPEC.model_copy(update={"kind": kind}),
        title=key,
        documents=[source()],
        left_out=[],
        simulated=simulated,
        now=NOW,
    )
    plan = replace(PLAN, chunked=replace(PLAN.chunked, output_tokens=forecast))
    jobs.save_plan(tx, job.id, plan, None, NOW)
    attempt = begin(tx, job.id, role=role)
    for link in (LinkKind.PART, LinkKind.PART, LinkKind.CLOSING):
        send(tx, attempt, link)
    attempts.finish(tx, attempt.id, AttemptStatus.COMPLETE, now=NOW)
    return attempt


def send(tx: Tx, attempt: Attempt, kind: LinkKind = LinkKind.PART, *, tokens: int = 300, usd: str = "0.01") -> None:
    record(tx, intend(tx, attempt, link=Link(kind=kind)), usd, input_tokens=tokens, output_tokens=100)


def read_again(tx: Tx, attempt: Attempt) -> None:
    send(tx, attempt, tokens=80_000, usd="0.5")
    send(tx, attempt, tokens=80_000, usd="0.5")


def add_glue(tx: Tx, attempt: Attempt) -> None:
    send(tx, attempt, LinkKind.OUTLINE, usd="0.5")


def write_again(tx: Tx, attempt: Attempt) -> None:
    repair = begin(tx, attempt.job_id, role=Role.REPAIR, continues=attempt.id)
    send(tx, repair, usd="0.5")


def say_twice(tx: Tx, attempt: Attempt) -> None:
    record(tx, intend(tx, attempt), "0.5", output_tokens=100_000)
    repeating(tx, attempt, exactly=30, nearly=20)


def repeating(tx: Tx, attempt: Attempt, *, exactly: int, nearly: int) -> None:
    measures = {"statements": 100, "repeated_exactly": exactly, "repeated_nearly": nearly}
    row = CheckRow(name="repetition", passed=True, evidence={"findings": [], "measures": measures})
    checks.save(tx, attempt.id, results=[row], quotes=[], now=NOW)


def take_minutes(tx: Tx, attempt: Attempt) -> None:
    review = reviews.request(tx, attempt.job_id, now=NOW, expires_at=None)
    reviews.decide(
        tx,
        review.id,
        choice=Choice.APPROVE,
        reviewer="Ada",
        reason="",
        minutes=3.0,
        came_from=Origin.PAGE,
        now=NOW,
    )


def ranked(tx: Tx) -> tuple[Burden, ...]:
    return burdens(overheads.chains(tx, simulated=False), RATE)


def only(tx: Tx) -> Chain:
    (found,) = overheads.chains(tx, simulated=False)
    return found


@pytest.mark.parametrize("plant", [read_again, add_glue, write_again, say_twice, take_minutes])
def test_a_planted_overhead_ranks_first(ledger: Engine, plant: Callable[[Tx, Attempt], None]):
    with transaction(ledger) as tx:
        for kind in KINDS:
            for number in range(LEAST_JOBS):
                attempt = chained(tx, f"{kind}-{number}", kind)
                if kind is Kind.SYNTHESIS:
                    plant(tx, attempt)
        found = ranked(tx)
    assert [(row.rank, row.jobs) for row in found] == [(1, LEAST_JOBS), (2, LEAST_JOBS), (3, LEAST_JOBS)]
    assert found[0].kind == "synthesis"
    assert found[0].overhead.total_usd > 3 * found[1].overhead.total_usd


def test_an_overhead_of_too_few_jobs_stands_last(ledger: Engine):
    with transaction(ledger) as tx:
        for number in range(LEAST_JOBS):
            chained(tx, f"summary-{number}")
        for number in range(LEAST_JOBS - 1):
            add_glue(tx, chained(tx, f"synthesis-{number}", Kind.SYNTHESIS))
        found = ranked(tx)
    assert [(row.kind, row.rank) for row in found] == [("summary", 1), ("synthesis", None)]


def test_a_single_pass_beside_the_chain_says_what_one_reading_is(ledger: Engine):
    with transaction(ledger) as tx:
        chain = chained(tx, "both", role=Role.COMPARISON)
        assert (only(tx).single_pass_tokens, only(tx).once_counted) == (ONCE, False)
        single = begin(tx, chain.job_id, Path.SINGLE_PASS, Role.PRIMARY)
        record(tx, intend(tx, single, batch_id=intend_batch(tx)), input_tokens=100, cache_read_tokens=323)
        assert (only(tx).single_pass_tokens, only(tx).once_counted) == (423, True)


def test_a_repair_belongs_to_the_chain_that_it_makes_good(ledger: Engine):
    with transaction(ledger) as tx:
        write_again(tx, chained(tx, "repaired"))
        again = [each.group for each in only(tx).calls if each.purpose is Purpose.AGAIN]
    assert [(group.calls, group.paid_usd) for group in again] == [(1, Decimal("0.5"))]


def test_the_share_that_repeats_is_what_the_check_measured(ledger: Engine):
    with transaction(ledger) as tx:
        attempt = chained(tx, "repeating")
        assert only(tx).repeated_share is None
        repeating(tx, attempt, exactly=30, nearly=20)
        assert only(tx).repeated_share == 0.5


def test_a_fallback_and_a_chain_that_still_runs_are_none_of_them(ledger: Engine):
    with transaction(ledger) as tx:
        job = chained(tx, "ended").job_id
        single = begin(tx, job, Path.SINGLE_PASS, Role.COMPARISON)
        fallback = begin(tx, job, role=Role.FALLBACK, continues=single.id)
        send(tx, fallback)
        attempts.finish(tx, fallback.id, AttemptStatus.COMPLETE, now=NOW)
        running = jobs.register(
            tx, key="runs", spec=SPEC, title="", documents=[source()], left_out=[], simulated=False, now=NOW
        )
        jobs.save_plan(tx, running.id, PLAN, None, NOW)
        send(tx, begin(tx, running.id))
        assert sum(each.group.calls for each in only(tx).calls) == 3


def test_real_and_simulated_chains_are_never_in_one_ranking(ledger: Engine):
    with transaction(ledger) as tx:
        chained(tx, "real")
        chained(tx, "simulated", simulated=True)
        assert len(overheads.chains(tx, simulated=False)) == len(overheads.chains(tx, simulated=True)) == 1


def test_a_kind_or_a_time_may_be_named(ledger: Engine):
    with transaction(ledger) as tx:
        chained(tx, "one")
        chained(tx, "two", Kind.SYNTHESIS)
        assert [each.kind for each in overheads.chains(tx, simulated=False, kind=Kind.SYNTHESIS)] == ["synthesis"]
        assert len(overheads.chains(tx, simulated=False, since=NOW)) == 2
        assert overheads.chains(tx, simulated=False, since=NOW + timedelta(seconds=1)) == []


def test_the_size_class_is_that_of_the_forecast(ledger: Engine):
    with transaction(ledger) as tx:
        chained(tx, "long", forecast=70_000)
        assert [row.size for row in ranked(tx)] == ["64K and more"]
