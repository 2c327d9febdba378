"""What became of finished jobs, beside what their plans assumed: times, repairs, reading, and the prompts billed.

Read for learning: a plan's own corrections are taken off again, so that nothing is corrected twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, Row, Select, func, select

from storage.engine import Tx
from storage.tables import attempts, calls, jobs, plans, reviews
from throughline.domain.ask import StopReason
from throughline.domain.chain import LinkKind
from throughline.domain.job import AttemptStatus, JobStatus, Kind, Path, ReviewMode, Role
from throughline.domain.learning.factors import FactorObservation
from throughline.domain.learning.rates import JobOutcome, PathOutcome
from throughline.domain.ledger import CallState
from throughline.domain.models import Tokenizer
from throughline.domain.output import SHAPES

LIMIT = 300
_ENDED = (JobStatus.DONE, JobStatus.ESCALATED, JobStatus.REJECTED)
_FIRST_DRAFTS = (Role.PRIMARY, Role.COMPARISON)
_REPAIRS = (LinkKind.REPAIR, LinkKind.CONTINUATION)
_ASSUMED_SHARE = {ReviewMode.ALWAYS: 1.0, ReviewMode.AUTO: 0.1, ReviewMode.NEVER: 0.0}  # of plans without rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnable:
    """What the newest finished jobs teach beside their sizes, the oldest first."""

    outcomes: tuple[JobOutcome, ...]
    prompts: tuple[FactorObservation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """The calls of one attempt. USD; `repairs_usd` is the part of links that wrote something again."""

    calls: int
    prompt_tokens: int
    usd: float
    repairs_usd: float


_NO_CALLS = _Sums(calls=0, prompt_tokens=0, usd=0.0, repairs_usd=0.0)


def recent(tx: Tx, *, simulated: bool, limit: int = LIMIT) -> Learnable:
    """The newest finished jobs of one world. A simulated job's times say nothing: the stand-in answers at once."""
    newest = (
        select(jobs.c.id)
        .where(jobs.c.simulated == simulated, jobs.c.status.in_(_ENDED))
        .order_by(jobs.c.id.desc())
        .limit(limit)
    )
    ran = _by_job(tx.execute(select(attempts).where(attempts.c.job_id.in_(newest)).order_by(attempts.c.id)))
    sums = _sums(tx, newest)
    read = _by_job(tx.execute(select(reviews).where(reviews.c.job_id.in_(newest))))
    outcomes: list[JobOutcome] = []
    prompts: list[FactorObservation] = []
    for job in tx.execute(_planned(newest)):
        told = _Job(job, ran[job.id], sums, read[job.id], timed=not simulated)
        outcomes.append(told.outcome)
        prompts += told.prompts
    return Learnable(outcomes=tuple(outcomes), prompts=tuple(prompts))


def _planned(newest: Select[Any]) -> Select[Any]:  # Any: rows are known to the table only
    """The jobs with those parts of their plans that are needed."""
    parts = ("single_pass", "chunked", "corpus", "rates", "chosen")
    columns = [plans.c.plan[part].label(part) for part in parts]
    query = select(jobs.c.id, jobs.c.kind, jobs.c.status, jobs.c.spec["review"].label("review"), *columns)
    return query.join(plans, plans.c.job_id == jobs.c.id).where(jobs.c.id.in_(newest)).order_by(jobs.c.id)


def _by_job(rows: Iterable[Row[Any]]) -> Mapping[str, list[Row[Any]]]:  # Any: as above
    found: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[row.job_id].append(row)
    return found


def _sums(tx: Tx, newest: Select[Any]) -> Mapping[str, _Sums]:  # Any: as above
    usd = calls.c.cost_usd.type
    prompt = calls.c.input_tokens + calls.c.cache_read_tokens + calls.c.cache_write_tokens
    kind = calls.c.link["kind"].as_string()
    query = (
        select(
            calls.c.attempt_id,
            kind.label("kind"),
            func.count().label("calls"),
            func.coalesce(func.sum(prompt, type_=Integer()), 0).label("prompt_tokens"),
            func.sum(calls.c.cost_usd, type_=usd).label("usd"),
        )
        .where(calls.c.job_id.in_(newest), calls.c.state == CallState.RECORDED)
        .group_by(calls.c.attempt_id, kind)
    )
    found: defaultdict[str, _Sums] = defaultdict(lambda: _NO_CALLS)
    for row in tx.execute(query):
        before, usd_of_row = found[row.attempt_id], float(row.usd or 0)
        found[row.attempt_id] = _Sums(
            calls=before.calls + row.calls,
            prompt_tokens=before.prompt_tokens + int(row.prompt_tokens),
            usd=before.usd + usd_of_row,
            repairs_usd=before.repairs_usd + (usd_of_row if row.kind in _REPAIRS else 0.0),
        )
    return found


class _Job:
    """One finished job, its rows at hand."""

    def __init__(
        self,
        row: Row[Any],  # Any: as above
        ran: Sequence[Row[Any]],
        sums: Mapping[str, _Sums],
        reviews: Sequence[Row[Any]],
        *,
        timed: bool,
    ) -> None:
        self._row = row
        self._ran = ran
        self._sums = sums
        self._reviews = reviews
        self._timed = timed

    @property
    def outcome(self) -> JobOutcome:
        """What the job says of time, repairs and reading."""
        review = ReviewMode(self._row.review or ReviewMode.AUTO)
        minutes = [each.minutes for each in self._reviews if each.minutes]
        return JobOutcome(
            paths=tuple(self._path(draft) for draft in self._ran if self._is_ended_draft(draft)),
            asked=self._asked if review is ReviewMode.AUTO else None,
            assumed_minutes=self._minutes_by_words(review),
            minutes=sum(minutes) if minutes else None,
        )

    @property
    def _asked(self) -> bool:
        """Whether a person had to decide. A job that went on with a larger budget than it stopped at asked nobody."""
        waits = self._row.status == JobStatus.ESCALATED
        return waits or any(each.decided_at is not None for each in self._reviews)

    def _is_ended_draft(self, attempt: Row[Any]) -> bool:
        return attempt.role in _FIRST_DRAFTS and attempt.finished_at is not None

    def _path(self, draft: Row[Any]) -> PathOutcome:
        path = Path(draft.path)
        later = [each for each in self._ran if each.role not in _FIRST_DRAFTS and self._owner(each) is path]
        cut = draft.stop_reason is not None and StopReason(draft.stop_reason).truncated
        again = [each for each in later if not (cut and each.role == Role.FALLBACK)]
        plan = self._estimate(path)
        return PathOutcome(
            path=path,
            assumed_hours=plan["hours"] / self._rate(f"{_SHORT[path]}_hours", 1.0),
            hours=self._hours([draft, *later]) if self._timed else None,
            planned_usd=float(plan["expected_usd"]),
            repairs_usd=self._sums[draft.id].repairs_usd + sum(self._sums[each.id].usd for each in again),
        )

    def _owner(self, attempt: Row[Any]) -> Path:
        """The path that a later attempt serves: a fallback, and a repair after one, belong to the single pass."""
        if attempt.role == Role.REPAIR:
            continued = next(each for each in self._ran if each.id == attempt.continues_attempt_id)
            return self._owner(continued)
        return Path.SINGLE_PASS if attempt.role == Role.FALLBACK else Path(attempt.path)

    def _hours(self, served: Sequence[Row[Any]]) -> float | None:
        spans = [(each.started_at, each.finished_at) for each in served]
        if any(end is None for _, end in spans):
            return None
        return sum(_hours_between(start, end) for start, end in spans)

    def _minutes_by_words(self, review: ReviewMode) -> float:
        """The time to read it all by its words: the plan's minutes without its share and without its correction."""
        share = self._rate("reviewed", 0.1) if review is ReviewMode.AUTO else _ASSUMED_SHARE[review]
        if share == 0:
            return 0.0
        return self._estimate(Path(self._row.chosen))["review_minutes"] / share / self._rate("reading", 1.0)

    def _estimate(self, path: Path) -> Mapping[str, Any]:  # Any: JSON
        return self._row.single_pass if path is Path.SINGLE_PASS else self._row.chunked

    def _rate(self, name: str, otherwise: float) -> float:
        """A rate as the plan had it; plans of before there were any assumed it."""
        known: Mapping[str, Mapping[str, float]] = self._row.rates or {}
        return known[name]["value"] if name in known else otherwise

    @property
    def prompts(self) -> list[FactorObservation]:
        """First drafts that sent the corpus once, in as many calls as planned; others sent an unknown part of it."""
        local = self._row.corpus.get("local")
        if local is None:
            return []
        return [
            FactorObservation(
                at=draft.finished_at,
                tokenizer=Tokenizer(local["tokenizer"]),
                prose_local_tokens=local["prose"],
                code_local_tokens=local["code"],
                claude_tokens=self._sums[draft.id].prompt_tokens - self._own_words(Path(draft.path)),
            )
            for draft in self._ran
            if self._is_ended_draft(draft) and self._sent_the_corpus_once(draft)
        ]

    def _sent_the_corpus_once(self, draft: Row[Any]) -> bool:
        path, sums = Path(draft.path), self._sums[draft.id]
        once = path is Path.SINGLE_PASS or not SHAPES[Kind(self._row.kind)].outline_by_model
        as_planned = sums.calls == self._estimate(path)["calls"] and sums.repairs_usd == 0
        return once and as_planned and draft.status == AttemptStatus.COMPLETE

    def _own_words(self, path: Path) -> int:
        """What the plan took the prompts' own words for: instructions, schema, outline."""
        return self._estimate(path)["input_tokens"] - self._row.corpus["tokens"]["expected"]


_SHORT = {Path.SINGLE_PASS: "single", Path.CHUNKED: "chunked"}


def _hours_between(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / 3600
