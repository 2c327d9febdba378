"""What finished jobs teach beside their sizes: read back without the corrections that their plans had made."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from storage import attempts, ids, jobs, outcomes
from storage.attempts import Attempt
from storage.engine import Engine, Tx, transaction
from storage.reviews import request as ask
from storage.tables import attempts as attempt_rows
from storage.tables import plans, reviews
from tests.storage.support import NOW, PLAN, begin, intend, record, register
from throughline.domain.chain import Link, LinkKind
from throughline.domain.job import AttemptStatus, JobId, JobStatus, Path, ReviewMode, Role
from throughline.domain.learning.rates import JobOutcome, PathOutcome, Rate, Rates
from throughline.domain.models import Tokenizer
from throughline.domain.plan import Plan, to_json
from throughline.domain.tokens import LocalCount

CHUNKED = PathOutcome(path=Path.CHUNKED, assumed_hours=0.1, hours=2.0, planned_usd=0.0123456789, repairs_usd=0.0)


def planned(tx: Tx, key: str = "key", plan: Plan = PLAN, *, simulated: bool = False) -> JobId:
    job = register(tx, key, simulated=simulated)
    jobs.save_plan(tx, job.id, plan, None, NOW)
    return job.id


def ran(tx: Tx, job_id: JobId, path: Path = Path.CHUNKED, role: Role = Role.PRIMARY, **changed: Any) -> Attempt:
    """An attempt that took two hours."""
    attempt = begin(tx, job_id, path, role, **changed)
    attempts.finish(tx, attempt.id, AttemptStatus.COMPLETE, now=NOW)
    times = {"started_at": NOW, "finished_at": NOW + timedelta(hours=2)}
    tx.execute(update(attempt_rows).where(attempt_rows.c.id == attempt.id).values(**times))
    return attempt


def paid(tx: Tx, attempt: Attempt, usd: str, kind: LinkKind = LinkKind.PART, **usage: int) -> None:
    call = intend(tx, attempt, link=Link(kind=kind))
    assert record(tx, call, usd, **usage)


def ended(tx: Tx, job_id: JobId, review: ReviewMode = ReviewMode.AUTO) -> None:
    spec = jobs.get(tx, job_id).spec.model_copy(update={"review": review})
    jobs.save_spec(tx, job_id, spec)
    jobs.set_status(tx, job_id, JobStatus.RUNNING, now=NOW)
    jobs.set_status(tx, job_id, JobStatus.DONE, now=NOW)


def read(tx: Tx, job_id: JobId, minutes: float | None) -> None:
    tx.execute(
        insert(reviews).values(id=ids.new_id(), job_id=job_id, minutes=minutes, requested_at=NOW, decided_at=NOW)
    )


def outcome(tx: Tx, **given: Any) -> JobOutcome:
    (found,) = outcomes.recent(tx, simulated=False, **given).outcomes
    return found


def test_a_path_comes_back_with_its_time_beside_what_was_assumed(ledger: Engine):
    with transaction(ledger) as tx:
        job_id = planned(tx)
        ran(tx, job_id)
        ended(tx, job_id)
        assert outcome(tx).paths == (CHUNKED,)


def test_what_a_plan_had_corrected_already_is_taken_off_again(ledger: Engine):
    rates = Rates(chunked_hours=Rate(value=4.0, jobs=9), reading=Rate(value=1.5), reviewed=Rate(value=0.2))
    with transaction(ledger) as tx:
        job_id = planned(tx, plan=replace(PLAN, rates=rates))
        ran(tx, job_id)
        ended(tx, job_id)
        found = outcome(tx)
    assert found.paths[0].assumed_hours == pytest.approx(0.025)
    assert found.assumed_minutes == pytest.approx(4.5 / 0.2 / 1.5)


def test_a_plan_of_before_there_were_rates_assumed_them(ledger: Engine):
    with transaction(ledger) as tx:
        job_id = planned(tx)
        ended(tx, job_id)
        old = {name: value for name, value in to_json(PLAN).items() if name != "rates"}
        tx.execute(update(plans).values(plan=old))
        assert outcome(tx).assumed_minutes == pytest.approx(45)


def test_repairs_and_links_that_write_again_are_told_from_the_first_draft(ledger: Engine):
    with transaction(ledger) as tx:
        job_id = planned(tx)
        draft = ran(tx, job_id)
        paid(tx, draft, "0.5")
        paid(tx, draft, "0.25", LinkKind.CONTINUATION)
        paid(tx, ran(tx, job_id, role=Role.REPAIR, continues=draft.id), "0.125")
        ended(tx, job_id)
        (found,) = outcome(tx).paths
    assert (found.repairs_usd, found.hours) == (pytest.approx(0.375), 4.0)


@pytest.mark.parametrize(("stop_reason", "repairs_usd"), [("max_tokens", 0.0), ("end_turn", 0.5), (None, 0.5)])
def test_a_chain_after_a_cut_is_rework_and_after_any_other_shortfall_a_repair(
    ledger: Engine, stop_reason: str | None, repairs_usd: float
):
    with transaction(ledger) as tx:
        job_id = planned(tx)
        draft = ran(tx, job_id, Path.SINGLE_PASS)
        tx.execute(update(attempt_rows).where(attempt_rows.c.id == draft.id).values(stop_reason=stop_reason))
        paid(tx, ran(tx, job_id, role=Role.FALLBACK, continues=draft.id), "0.5")
        ended(tx, job_id)
        (found,) = outcome(tx).paths
    assert (found.path, found.hours, found.repairs_usd) == (Path.SINGLE_PASS, 4.0, repairs_usd)


def test_a_simulated_jobs_times_say_nothing(ledger: Engine):
    with transaction(ledger) as tx:
        job_id = planned(tx, simulated=True)
        ran(tx, job_id)
        ended(tx, job_id)
        assert outcomes.recent(tx, simulated=False).outcomes == ()
        (found,) = outcomes.recent(tx, simulated=True).outcomes
    assert found.paths == (replace(CHUNKED, hours=None),)


@pytest.mark.parametrize(
    ("review", "minutes", "asked", "assumed"),
    [
        pytest.param(ReviewMode.AUTO, [], False, 45.0, id="nobody had to"),
        pytest.param(ReviewMode.AUTO, [None], True, 45.0, id="asked, not timed"),
        pytest.param(ReviewMode.ALWAYS, [3.0, 4.0], None, 4.5, id="always, read twice"),
        pytest.param(ReviewMode.NEVER, [], None, 0.0, id="never"),
    ],
)
def test_reading_is_told_with_whether_it_was_asked_for(
    ledger: Engine, review: ReviewMode, minutes: list[float | None], asked: bool | None, assumed: float
):
    with transaction(ledger) as tx:
        job_id = planned(tx)
        for each in minutes:
            read(tx, job_id, each)
        ended(tx, job_id, review)
        found = outcome(tx)
    assert (found.asked, found.assumed_minutes) == (asked, pytest.approx(assumed))
    assert found.minutes == (sum(each for each in minutes if each) or None)


def test_a_job_that_went_on_after_its_budget_stopped_it_asked_nobody_to_read(ledger: Engine):
    with transaction(ledger) as tx:
        job_id = planned(tx)
        ask(tx, job_id, now=NOW, expires_at=None)
        ended(tx, job_id)
        assert outcome(tx).asked is False


def test_a_job_that_still_waits_for_a_person_was_asked_about(ledger: Engine):
    with transaction(ledger) as tx:
        job_id = planned(tx)
        jobs.set_status(tx, job_id, JobStatus.RUNNING, now=NOW)
        jobs.set_status(tx, job_id, JobStatus.ESCALATED, now=NOW)
        ask(tx, job_id, now=NOW, expires_at=None)
        assert outcome(tx).asked is True


LOCAL = LocalCount(tokenizer=Tokenizer.CLAUDE_NEW, prose=6_000, code=0)
COUNTED = replace(
    PLAN,
    corpus=replace(PLAN.corpus, local=LOCAL, tokens=replace(PLAN.corpus.tokens, expected=8_400)),
    chunked=replace(PLAN.chunked, calls=1, input_tokens=9_400),
)


def test_a_billed_prompt_is_told_without_its_own_words(ledger: Engine):
    with transaction(ledger) as tx:
        job_id = planned(tx, plan=COUNTED)
        paid(tx, ran(tx, job_id), "0.5", input_tokens=10_000, cache_read_tokens=500)
        ended(tx, job_id)
        (found,) = outcomes.recent(tx, simulated=False).prompts
    assert (found.tokenizer, found.prose_local_tokens, found.code_local_tokens) == (Tokenizer.CLAUDE_NEW, 6_000, 0)
    assert found.claude_tokens == 9_500


def test_a_chain_that_sent_its_sources_in_more_calls_than_planned_tells_nothing_of_tokens(ledger: Engine):
    with transaction(ledger) as tx:
        job_id = planned(tx, plan=COUNTED)
        draft = ran(tx, job_id)
        paid(tx, draft, "0.5", input_tokens=10_000)
        paid(tx, draft, "0.5", input_tokens=10_000)
        ended(tx, job_id)
        assert outcomes.recent(tx, simulated=False).prompts == ()


def test_only_the_newest_finished_jobs_are_read_the_oldest_first(ledger: Engine):
    with transaction(ledger) as tx:
        for place, key in enumerate(("first", "running", "second", "third")):
            job_id = planned(tx, key, replace(PLAN, chunked=replace(PLAN.chunked, hours=float(place))))
            ran(tx, job_id)
            if key != "running":
                ended(tx, job_id)
        found = outcomes.recent(tx, simulated=False, limit=2).outcomes
    assert [job.paths[0].assumed_hours for job in found] == [2.0, 3.0]
