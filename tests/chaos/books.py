"""What the simulator billed against what the ledger says, row by row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, select

from simulator.bill import fingerprint
from storage import attempts, jobs, reports
from storage.engine import connect, reading
from storage.tables import attempts as attempt_table
from storage.tables import calls
from storage.tables import jobs as job_table
from tests.faults.support import MESSAGES, Sent
from tests.servers import Simulator
from throughline.domain.ask import StopReason
from throughline.domain.job import AttemptId, JobId, JobStatus
from throughline.domain.ledger import CallState
from throughline.domain.report import JobReport
from throughline.domain.settlement import TOO_LATE

FOREIGN = "foreign-"
Billed = Mapping[str, Any]  # Any: JSON
CallRow = Row[Any]  # Any: the table knows its columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The two sides, and where they differ."""

    billed: tuple[Billed, ...]
    calls: tuple[CallRow, ...]
    continued: Mapping[str, str] = field(default_factory=dict[str, str])
    """By attempt, the one whose output it completes."""

    asked: Mapping[str, str] = field(default_factory=dict[str, str])
    """By the bill's fingerprint of a message, what it asked for, in the words of `_asked_by`."""

    @property
    def shown_by_none(self) -> list[str]:
        """Billed answers that are not recorded, and that no lost call which asked for the same accounts for."""
        lost = Counter(_asked_by(call.max_tokens, call.link["unit_ids"]) for call in self.lost)
        messages = [row for row in self.unrecorded if row["kind"] == "message"]
        return list((Counter(self.asked[row["fingerprint"]] for row in messages) - lost).elements())

    @property
    def dearer_than_reserved(self) -> list[str]:
        """Billed answers that are not recorded and cost more than any lost call that may be theirs had reserved."""
        most: dict[str, Decimal] = {}
        for call in self.lost:
            asked = _asked_by(call.max_tokens, call.link["unit_ids"])
            most[asked] = max(call.reserved_usd, most.get(asked, Decimal(0)))
        messages = [(self.asked[row["fingerprint"]], row) for row in self.unrecorded if row["kind"] == "message"]
        return [asked for asked, row in messages if Decimal(row["cost_usd"]) > most.get(asked, Decimal(0))]

    @property
    def units_paid_twice(self) -> list[tuple[str, str]]:
        """Units that two paid answers brought for one output, in whatever words they were asked for."""
        times = Counter(
            (self._output_of(call.attempt_id), unit_id)
            for call in self.calls
            if call.errors != [TOO_LATE]
            for unit_id in call.delivered or ()
        )
        return [which for which, count in times.items() if count > 1]

    @property
    def answered_twice(self) -> list[str]:
        """Single passes with two answers of use: each needs one, whatever the two requests said."""
        times = Counter(call.attempt_id for call in self.calls if call.batch_id and call.outcome == "answered")
        return [attempt_id for attempt_id, count in times.items() if count > 1]

    def _output_of(self, attempt_id: str) -> str:
        while (earlier := self.continued.get(attempt_id)) is not None:
            attempt_id = earlier
        return attempt_id

    @property
    def bill_usd(self) -> Decimal:
        return sum((Decimal(row["cost_usd"]) for row in self.billed), Decimal(0))

    @property
    def ledger_usd(self) -> Decimal:
        return sum((call.cost_usd for call in self.calls if call.cost_usd is not None), Decimal(0))

    @property
    def lost(self) -> list[CallRow]:
        """Calls that the ledger shows as lost: paid perhaps, at most what they reserved."""
        return [call for call in self.calls if call.state == CallState.LOST]

    @property
    def lost_at_most_usd(self) -> Decimal:
        return sum((call.reserved_usd for call in self.lost), Decimal(0))

    @property
    def unrecorded(self) -> list[Billed]:
        """Billed answers whose text and cost are not in the ledger."""
        return [row for row in self.billed if self._call_of(row) is None]

    def _told_of_the_unrecorded(self) -> str:
        states = {call.id: (call.job_id, call.state, call.outcome, call.cost_usd, call.errors) for call in self.calls}
        items = [
            (row["custom_id"], row["cost_usd"], row["delivered"], states.get(row["custom_id"])) for row in self.unfound
        ]
        messages = sum(row["kind"] == "message" for row in self.unrecorded)
        return f"items {items}, {messages} messages with {len(self.lost)} calls shown as lost"

    @property
    def unfound(self) -> list[Billed]:
        """Answers of batches that the ledger does not know (yet)."""
        return [row for row in self.unrecorded if row["kind"] == "batch_item"]

    @property
    def came_late(self) -> int:
        """Answers that are recorded as paid and of no use: their batch was accepted after it had been given up."""
        return sum(call.errors == [TOO_LATE] for call in self.calls)

    @property
    def paid_results_lost(self) -> int:
        """Billed batch items that are not recorded, and broken answers beyond those that are shown as lost."""
        items = len(self.unfound)
        return items + max(0, len(self.unrecorded) - items - len(self.lost))

    @property
    def paid_twice(self) -> int:
        """How often the same request was billed again though the first answer was there and whole."""
        return sum(self._needless(rows) for rows in self._by_request())

    def _by_request(self) -> list[list[Billed]]:
        """What was billed for the same words of the same job.

        A closing reads what its own attempt wrote, and the simulator writes alike: two attempts may ask the same.
        """
        groups: dict[tuple[str, str], list[Billed]] = {}
        for row in self.billed:
            call = self._call_of(row)
            asker = "" if call is None else call.attempt_id if call.link["kind"] == "closing" else call.job_id
            groups.setdefault((asker, row["fingerprint"]), []).append(row)
        return list(groups.values())

    def _needless(self, rows: Sequence[Billed]) -> int:
        return max(0, len(rows) - 1 - sum(map(self._is_worth_asking_again, rows)))

    def _is_worth_asking_again(self, row: Billed) -> bool:
        """Whether its answer never came, or was no good: it broke off, was wrong, or had nothing of what was asked."""
        call = self._call_of(row)
        if call is None or (call.errors and call.errors != [TOO_LATE]):
            return True
        asked_for_units = bool(call.link["unit_ids"])
        return StopReason(call.stop_reason).truncated or (asked_for_units and not call.delivered)

    def _call_of(self, row: Billed) -> CallRow | None:
        """The recorded call of a billed answer, if it was recorded at that cost."""
        item = row["kind"] == "batch_item"
        for call in self.calls:
            same = call.id == row["custom_id"] if item else call.request_id == row["request_id"]
            if same and call.state == CallState.RECORDED and call.cost_usd == Decimal(row["cost_usd"]):
                return call
        return None

    def is_troubled(self, job_id: str) -> bool:
        """Whether something went wrong on the job's way that was not its own doing."""
        spoilt = {call.job_id for row in self.billed if row["fault"] and (call := self._call_of(row)) is not None}
        broken = {call.job_id for call in self.calls if call.errors or call.outcome is None}
        return job_id in spoilt | broken

    def faults(self) -> list[str]:
        """Everything that must not be."""
        found: list[str] = []
        if self.paid_twice:
            twice = [self._call_of(row) for rows in self._by_request() if self._needless(rows) for row in rows]
            said = [(call.id, call.attempt_id, call.intended_at, call.link, call.delivered) for call in twice if call]
            found.append(f"{self.paid_twice} requests paid twice: {said}")
        if self.shown_by_none:
            found.append(f"billed, not recorded, and shown as lost by no call: {self.shown_by_none}")
        if self.dearer_than_reserved:
            found.append(f"lost answers that cost more than was reserved: {self.dearer_than_reserved}")
        if self.units_paid_twice:
            found.append(f"units paid twice: {self.units_paid_twice}")
        if self.answered_twice:
            found.append(f"single passes answered twice: {self.answered_twice}")
        if self.paid_results_lost:
            found.append(f"{self.paid_results_lost} paid results lost: {self._told_of_the_unrecorded()}")
        unknown = self.bill_usd - self.ledger_usd
        if unknown != sum((Decimal(row["cost_usd"]) for row in self.unrecorded), Decimal(0)):
            found.append(f"the ledger says {self.ledger_usd}, the bill {self.bill_usd}")
        if not 0 <= unknown <= self.lost_at_most_usd:
            found.append(f"{unknown} of the bill is unknown, and only {self.lost_at_most_usd} shown as lost")
        under_way = Counter(str(call.state) for call in self.calls if call.state in reports.OPEN)
        if under_way:
            found.append(f"calls still open: {dict(under_way)}")
        items = Counter(row["custom_id"] for row in self.billed if row["kind"] == "batch_item")
        if any(count > 1 for count in items.values()):
            found.append("a batch item was billed twice")
        return found


def _asked_by(max_tokens: int, unit_ids: Sequence[str]) -> str:
    return f"{max_tokens} tokens for {' '.join(unit_ids)}"


def read_books(simulator: Simulator, database_url: str) -> Books:
    """Both sides as they are now."""
    billed = [row for row in simulator.bill()["rows"] if not (row["custom_id"] or "").startswith(FOREIGN)]
    bodies = [each["body"] for each in simulator.requests("POST", MESSAGES) if each["path"] == MESSAGES]
    engine = connect(database_url)
    try:
        with reading(engine) as tx:
            rows = tx.execute(select(calls).order_by(calls.c.id)).all()
            completing = attempt_table.c.continues_attempt_id.is_not(None) & attempt_table.c.rewrites.is_(None)
            continued = tx.execute(
                select(attempt_table.c.id, attempt_table.c.continues_attempt_id).where(completing)
            ).all()
            return Books(
                billed=tuple(billed),
                calls=tuple(rows),
                asked={fingerprint(body): _asked_by(body["max_tokens"], Sent(body).units) for body in bodies},
                continued={row.id: row.continues_attempt_id for row in continued},
            )
    finally:
        engine.dispose()


def read_jobs(database_url: str) -> list[JobReport]:
    """Every job of the ledger, oldest first."""
    engine = connect(database_url)
    try:
        with reading(engine) as tx:
            ids = tx.execute(select(job_table.c.id).order_by(job_table.c.id)).scalars()
            return [reports.job(tx, JobId(job_id)) for job_id in ids]
    finally:
        engine.dispose()


def read_statuses(database_url: str) -> dict[JobId, JobStatus]:
    """Where every job stands, which is cheaper to ask often."""
    engine = connect(database_url)
    try:
        with reading(engine) as tx:
            rows = tx.execute(select(job_table.c.id, job_table.c.status).order_by(job_table.c.id))
            return {JobId(row.id): JobStatus(row.status) for row in rows}
    finally:
        engine.dispose()


def lacking(database_url: str, job: JobReport) -> list[str]:
    """What the published output lacks of its own outline."""
    if job.published_attempt_id is None:
        return ["an output"]
    engine = connect(database_url)
    try:
        with reading(engine) as tx:
            attempt = attempts.get(tx, AttemptId(job.published_attempt_id))
            spec = jobs.get(tx, job.id).spec
            written: Sequence[str] = list(attempts.written_units(tx, attempt, spec.kind))
            closing = attempts.closing(tx, attempt, spec.kind)
    finally:
        engine.dispose()
    if attempt.outline is None:
        return ["an outline"]
    missing = [unit_id for unit_id in attempt.outline.unit_ids if unit_id not in written]
    return missing + ([] if closing is not None else ["the closing"])
