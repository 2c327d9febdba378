"""What the pages show of a job, read from the ledger in one view each."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from review import quotes
from review.quotes import Quoted
from storage import attempts, checks, jobs, reports, reviews
from storage.attempts import Attempt
from storage.checks import CheckRow
from storage.engine import Tx
from storage.reviews import Review
from tasks.checking import load_output
from throughline.domain.checks.material import quote_parts
from throughline.domain.citations import CheckedCitation
from throughline.domain.comparison import path_of, published_of
from throughline.domain.document import Output
from throughline.domain.job import AttemptId, JobId, Path
from throughline.domain.output import Unit
from throughline.domain.policy import CLOSING
from throughline.domain.report import AttemptReport, JobReport
from throughline.domain.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Something that is wrong with one unit; `unit_id` is None for the closing and the whole output."""

    unit_id: str | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a job stopped: in one sentence, the first places, and what may be done about it."""

    sentence: str
    places: tuple[Place, ...] = ()
    ask: str = ""


def why(report: JobReport) -> Why | None:
    """The job's reason, taken apart where the verdict that it begins with has places; None without a reason."""
    if not report.reason:
        return None
    for attempt in report.attempts:
        told = "" if attempt.verdict is None else attempt.verdict.sentence
        if attempt.verdict is not None and told and report.reason.startswith(told):
            sentence, *places = attempt.verdict.reasons
            ask = report.reason.removeprefix(told).strip()
            return Why(sentence=sentence, places=tuple(map(_place, places)), ask=ask)
    return Why(sentence=report.reason)


def _place(reason: str) -> Place:
    """A verdict's reason begins with the unit where it is."""
    unit_id, _, what = reason.partition(": ")
    return Place(unit_id=unit_id, what=what) if what and unit_id != CLOSING else Place(unit_id=None, what=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A row of the inbox."""

    report: JobReport
    review: Review
    minutes: float

    @property
    def has_both(self) -> bool:
        """Whether both paths wrote something, to be compared blind before any is read by name."""
        return pair_of(self.report) is not None

    @property
    def why(self) -> Why | None:
        """Why it waits."""
        return why(self.report)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One finding of a check, as it is stored."""

    check: str
    severity: str
    what: str
    part: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One attempt's output with its citations and flags. Flags of no unit stand under "closing" or "job"."""

    attempt: AttemptReport
    output: Output
    quoted: Quoted
    checks: tuple[CheckRow, ...]
    flags: Mapping[str, tuple[Flag, ...]]

    def part(self, unit: Unit) -> list[tuple[str, str, str, CheckedCitation | None]]:
        """Each citation of the unit: the part that holds it, its source, its words, and what was found."""
        found = self.quoted.of(unit.unit_id)
        stated = list(zip(quote_parts(unit), unit.all_citations(), strict=True))
        checked = found if len(found) == len(stated) else (None,) * len(stated)
        return [(part, quote.source, quote.quote, what) for (part, quote), what in zip(stated, checked, strict=True)]

    def errors(self, where: str) -> int:
        """How many proven errors that unit has."""
        return sum(flag.severity == "error" for flag in self.flags.get(where, ()))

    def warnings(self, where: str) -> int:
        """How many things to look at that unit has."""
        return len(self.flags.get(where, ())) - self.errors(where)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job with its review; `review` is None for a job that nobody was asked about."""

    report: JobReport
    review: Review | None
    minutes: float

    @property
    def waits(self) -> bool:
        """Whether a decision is waited for."""
        return self.review is not None and self.review.decided_at is None and self.report.status.asks

    @property
    def why(self) -> Why | None:
        """Why the job stopped or ended as it did."""
        return why(self.report)

    @property
    def readable(self) -> tuple[AttemptReport, ...]:
        """The attempts that wrote something."""
        return readable(self.report)

    @property
    def shown(self) -> AttemptReport | None:
        """The output that a reader gets first: the published one, else what would be, else the fullest."""
        first = self.report.published_attempt_id or published_of(self.report)
        chosen = [attempt for attempt in self.readable if attempt.id == first]
        return (chosen or [max(self.readable, key=lambda a: a.units, default=None)])[0]

    @property
    def pair(self) -> tuple[AttemptReport, AttemptReport] | None:
        """The newest output of each path, the single pass first, when both wrote something."""
        return pair_of(self.report)


def readable(report: JobReport) -> tuple[AttemptReport, ...]:
    """The attempts that wrote something."""
    return tuple(attempt for attempt in report.attempts if attempt.units)


def pair_of(report: JobReport) -> tuple[AttemptReport, AttemptReport] | None:
    """The newest output of each path, the single pass first, when both wrote something."""
    newest = {path_of(attempt, report): attempt for attempt in readable(report)}
    if len(newest) < len(Path):
        return None
    return newest[Path.SINGLE_PASS], newest[Path.CHUNKED]


def inbox(tx: Tx) -> list[Waiting]:
    """Every review that waits, the oldest first, with its job."""
    return [
        Waiting(report=reports.job(tx, review.job_id), review=review, minutes=reviews.minutes_read(tx, review.id))
        for review in reviews.waiting(tx)
    ]


def recent(tx: Tx, limit: int, before: JobId | None = None) -> list[JobReport]:
    """The newest jobs first, or those before one of them."""
    return [reports.job(tx, job_id) for job_id in jobs.recent(tx, limit, before=before)]


def view(tx: Tx, job_id: JobId) -> JobView:
    """The job and its newest review; `LookupError` if there is no such job."""
    review = reviews.latest_of(tx, job_id)
    minutes = 0.0 if review is None else reviews.minutes_read(tx, review.id)
    return JobView(report=reports.job(tx, job_id), review=review, minutes=minutes)


def read_attempt(tx: Tx, report: JobReport, attempt_id: AttemptId) -> Reading:
    """The output of one of the job's attempts; `LookupError` when it is not one of them, or wrote nothing."""
    told = next((attempt for attempt in report.attempts if attempt.id == attempt_id), None)
    if told is None:
        raise LookupError(attempt_id)
    attempt = attempts.get(tx, attempt_id)
    output = load_output(tx, attempt, jobs.get(tx, report.id))
    if output is None:
        raise LookupError(attempt_id)
    stored = tuple(checks.of_attempt(tx, attempt_id))
    return Reading(
        attempt=told,
        output=output,
        quoted=quotes.of_output(tx, attempt),
        checks=stored,
        flags=flags(stored, set(output.outline.unit_ids)),
    )


def flags(stored: Sequence[CheckRow], unit_ids: set[str]) -> dict[str, tuple[Flag, ...]]:
    """The findings of all checks by the unit where they are, errors first."""
    by_unit: dict[str, list[Flag]] = defaultdict(list)
    for row in stored:
        found: list[dict[str, Any]] = row.evidence.get("findings", [])  # Any: JSON
        for finding in found:
            where = finding["where"] if finding["where"] in unit_ids | {CLOSING} else "job"
            flag = Flag(check=row.name, severity=finding["severity"], what=finding["what"], part=finding["part"])
            by_unit[where].append(flag)
    return {where: tuple(sorted(found, key=lambda flag: flag.severity != "error")) for where, found in by_unit.items()}


def citation(tx: Tx, attempt: Attempt, unit_id: str, number: int) -> CheckedCitation:
    """That citation of that unit, as it was checked; `LookupError` if there is none."""
    found = quotes.of_unit(tx, attempt, unit_id)
    if not 0 <= number < len(found):
        raise LookupError(f"{attempt.id} {unit_id} {number}")
    return found[number]


def source(tx: Tx, job_id: JobId, *, position: int | None = None, name: str | None = None) -> tuple[int, Source]:
    """The source of that position, or the first of that name; `LookupError` if there is none."""
    found = jobs.document(tx, job_id, position=position, name=name)
    if found is None:
        raise LookupError(job_id)
    return found


def age_words(since: datetime, now: datetime) -> str:
    """How long something waits, in the largest fitting unit."""
    seconds = max(0.0, (now - since).total_seconds())
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "less than a minute"
