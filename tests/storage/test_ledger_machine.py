"""Two processes on one ledger, doing whatever they like in any order: only drawn arrows happen, and money adds up.

A pure model beside the ledger (`ledger_model.py`) knows the arrows of `throughline.domain.ledger`; the rules, here
and in `ledger_rules.py`, know what each operation should do. After every step the ledger, read by one process or
the other, must equal the model.
"""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from storage import attempts, calls, leases
from storage.calls import Budget
from storage.engine import Engine, Tx
from tests.storage.ledger_model import DOLLARS, PICKS, PROCESSES, Call, Died, chosen, when
from tests.storage.ledger_rules import BatchRules, JobRules
from tests.storage.support import NOW, intend, record, unit
from throughline.domain.job import AttemptStatus
from throughline.domain.ledger import ATTEMPT_MOVES, CallState, IllegalMove


class Ledger(JobRules, BatchRules):
    """Calls and attempts as well, and what a death leaves."""

    @initialize()
    def begin(self) -> None:
        """Two jobs that share a batch which is on its way."""
        for _ in range(2):
            self.register(0)
        self.intend_batch(0, [0, 1], Decimal(1))
        self.submitted(0, 0, right_id=True)

    # Calls.

    @rule(process=PROCESSES, pick=PICKS, usd=DOLLARS)
    @when(lambda self: len(self.calls) < 8)
    def intend_link(self, process: int, pick: int, usd: Decimal) -> None:
        attempt_id, _ = chosen(self.attempts, pick)
        call_id = self.do(process, lambda tx: intend(tx, attempts.get(tx, attempt_id), str(usd), CallState.SENT))
        self.calls[call_id] = Call(attempt_id, None, usd, CallState.SENT)

    @rule(process=PROCESSES, pick=PICKS)
    @when(lambda self: self.calls)
    def a_unit_arrives(self, process: int, pick: int) -> None:
        call_id, call = chosen(self.calls, pick)
        if call.state not in (CallState.SENT, CallState.RECEIVED) or call.batch is not None:
            return
        attempt = self.attempts[call.attempt]
        name = f"u{attempt.units:03d}"

        def work(tx: Tx) -> None:
            calls.mark_received(tx, call_id)
            attempts.save_units(tx, call.attempt, call_id, [unit(name)])

        self.do(process, work)
        attempt.units += 1
        call.saved.append(name)
        call.state = CallState.RECEIVED

    @rule(process=PROCESSES, pick=PICKS)
    @when(lambda self: self.calls)
    def first_unit_is_announced(self, process: int, pick: int) -> None:
        call_id, call = chosen(self.calls, pick)
        self.do(process, lambda tx: calls.mark_received(tx, call_id))
        if call.can(CallState.RECEIVED):
            call.state = CallState.RECEIVED

    @rule(process=PROCESSES, pick=PICKS, usd=DOLLARS)
    @when(lambda self: self.calls)
    def record(self, process: int, pick: int, usd: Decimal) -> None:
        call_id, call = chosen(self.calls, pick)
        if call.state is CallState.RECORDED:
            assert self.do(process, lambda tx: record(tx, call_id, str(usd))) is False
        elif not call.can(CallState.RECORDED):
            with pytest.raises(IllegalMove):
                self.do(process, lambda tx: record(tx, call_id, str(usd)))
        else:
            assert self.do(process, lambda tx: record(tx, call_id, str(usd))) is True
            self._settle(call, usd)

    @rule(pick=PICKS, costs=st.tuples(DOLLARS, DOLLARS))
    @when(lambda self: any(call.can(CallState.RECORDED) for call in self.calls.values()))
    def record_at_once(self, pick: int, costs: tuple[Decimal, Decimal]) -> None:
        """The same answer in both processes: one of them settles it."""
        open_ones = {key: call for key, call in self.calls.items() if call.can(CallState.RECORDED)}
        call_id, call = chosen(open_ones, pick)
        settled = self.at_once(lambda process: self.do(process, lambda tx: record(tx, call_id, str(costs[process]))))
        assert sorted(settled) == [False, True]
        self._settle(call, costs[settled.index(True)])

    @rule(process=PROCESSES, pick=PICKS)
    @when(lambda self: self.calls)
    def nothing_came(self, process: int, pick: int) -> None:
        call_id, call = chosen(self.calls, pick)
        settled_before = call.state is CallState.RECORDED
        self.move(
            process,
            lambda tx: calls.record_unanswered(tx, call_id, outcome="expired", error="too late", now=self.now),
            legal=settled_before or call.can(CallState.RECORDED),
            then=lambda: None if settled_before else self._settle(call, Decimal(0), delivered=[]),
        )

    def _settle(self, call: Call, usd: Decimal, delivered: Sequence[str] = ("u001",)) -> None:
        call.state, call.cost, call.delivered = CallState.RECORDED, usd, list(delivered)
        call.settled += 1
        assert call.settled == 1

    @rule(process=PROCESSES, pick=PICKS)
    @when(lambda self: self.calls)
    def lose_one(self, process: int, pick: int) -> None:
        call_id, call = chosen(self.calls, pick)
        self.do(process, lambda tx: calls.lose_one(tx, call_id, "it broke off"))
        if call.can(CallState.LOST):
            call.state, call.delivered = CallState.LOST, list(call.saved)

    @rule(process=PROCESSES, pick=PICKS)
    def take_up(self, process: int, pick: int) -> None:
        """What the process before had under way is lost; what it had in batches is not."""
        attempt_id, _ = chosen(self.attempts, pick)
        lost = [
            call
            for call in self.calls.values()
            if call.attempt == attempt_id and call.batch is None and call.can(CallState.LOST)
        ]
        assert len(self.do(process, lambda tx: calls.lose(tx, attempt_id))) == len(lost)
        for call in lost:
            call.state, call.delivered = CallState.LOST, list(call.saved)

    # Attempts.

    @rule(process=PROCESSES, pick=PICKS, to=st.sampled_from(AttemptStatus))
    def finish(self, process: int, pick: int, to: AttemptStatus) -> None:
        attempt_id, attempt = chosen(self.attempts, pick)
        self.move(
            process,
            lambda tx: attempts.finish(tx, attempt_id, to, now=self.now),
            legal=to is attempt.status or to in ATTEMPT_MOVES[attempt.status],
            then=lambda: setattr(attempt, "status", to),
        )

    # Death.

    @rule(process=PROCESSES, pick=PICKS)
    @when(lambda self: self.calls and self.batches)
    def dies_before_its_commit(self, process: int, pick: int) -> None:
        job_id, _ = chosen(self.jobs, pick)
        call_id, call = chosen(self.calls, pick)
        batch_id, _ = chosen(self.batches, pick)

        def work(tx: Tx) -> None:
            leases.take_away(tx, job_id)
            calls.lose_one(tx, call_id, "never committed")
            calls.mark_sent(tx, batch_id)
            calls.abandon(tx, batch_id)
            if call.can(CallState.RECORDED) or call.state is CallState.RECORDED:
                record(tx, call_id, "3.5")
            raise Died

        with pytest.raises(Died):
            self.do(process, work)

    @rule(process=PROCESSES, pick=PICKS)
    def what_may_be_reserved_is_the_budget_without_what_is_spent(self, process: int, pick: int) -> None:
        job_id, _ = chosen(self.jobs, pick)
        budget = Budget(job_usd=Decimal(5), day_usd=Decimal(9), day_start=NOW)
        left = self.do(process, lambda tx: calls.remaining(tx, job_id, budget, simulated=False))
        of_job = Decimal(5) - self.spent(job_id)
        of_day = Decimal(9) - sum((call.spent for call in self.calls.values()), Decimal(0))
        assert left == (min(of_job, of_day), of_day < of_job)


def test_two_processes_on_one_ledger(ledger: Engine, elsewhere: Engine):
    class Here(Ledger):
        def __init__(self) -> None:
            super().__init__([ledger, elsewhere])

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=20 if ledger.dialect.name == "sqlite" else 8,
            stateful_step_count=90,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # shrinking takes minutes; do it by hand with Phase.shrink
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
