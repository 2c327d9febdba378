"""Reading a job as a whole: what `show`, `list` and the progress display tell."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Integer, Row, func, select

from storage import attempts as attempt_rows
from storage import jobs as job_rows
from storage.attempts import Attempt
from storage.engine import Tx
from storage.tables import calls, citations, jobs
from throughline.domain.job import AttemptId, JobId, JobStatus, Path, Role
from throughline.domain.ledger import CallState
from throughline.domain.pricing import Usage
from throughline.domain.report import AttemptReport, CitationCounts, JobReport

OPEN = (CallState.INTENDED, CallState.SENT, CallState.RECEIVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job has come: units by the path that they are written for, a fallback's among the single pass's."""

    units: Mapping[Path, int]
    calls_done: int
    calls_open: int
    output_tokens: int
    cost_usd: Decimal

    @property
    def units_written(self) -> int:
        """The units of all paths; one that a repair wrote anew counts once."""
        return sum(self.units.values())


def job(tx: Tx, job_id: JobId) -> JobReport:
    """The job with its plan and attempts; `LookupError` if there is none."""
    found = job_rows.get(tx, job_id)
    attempts = attempt_rows.of_job(tx, job_id)
    totals = _call_totals(tx, job_id)
    counts = _citation_counts(tx, [attempt.id for attempt in attempts])
    written = {attempt.id: _units_written(tx, attempt) for attempt in attempts}
    return JobReport(
        id=found.id,
        spec=found.spec,
        title=found.title,
        status=found.status,
        reason=found.reason,
        simulated=found.simulated,
        sources=job_rows.document_names(tx, job_id),
        plan=job_rows.plan(tx, job_id),
        attempts=tuple(
            _attempt(attempt, totals.get(attempt.id), written[attempt.id], counts[attempt.id]) for attempt in attempts
        ),
        published_attempt_id=found.published_attempt_id,
        created_at=found.created_at,
        finished_at=found.finished_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A job in a list of those that stopped."""

    id: JobId
    title: str
    status: JobStatus
    reason: str | None


def statuses(tx: Tx, *, simulated: bool, since: datetime) -> dict[str, int]:
    """How many jobs begun since then stand where, the most frequent first."""
    query = (
        select(jobs.c.status, func.count())
        .where(jobs.c.simulated == simulated, jobs.c.created_at >= since)
        .group_by(jobs.c.status)
        .order_by(func.count().desc(), jobs.c.status)
    )
    rows: list[Any] = list(tx.execute(query))  # Any: a row's columns are known to the query only
    return {row[0]: row[1] for row in rows}


def ended(tx: Tx, among: Sequence[JobStatus], *, simulated: bool, since: datetime, limit: int) -> list[Ended]:
    """The newest jobs begun since then that stand in one of those ends."""
    query = (
        select(jobs.c.id, jobs.c.title, jobs.c.status, jobs.c.reason)
        .where(jobs.c.simulated == simulated, jobs.c.created_at >= since, jobs.c.status.in_(among))
        .order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
        .limit(limit)
    )
    return [
        Ended(id=JobId(row.id), title=row.title, status=JobStatus(row.status), reason=row.reason)
        for row in tx.execute(query)
    ]


def progress(tx: Tx, job_id: JobId) -> Progress:
    """The job's running totals, cheap enough to ask for often."""
    done = calls.c.state == CallState.RECORDED
    row = (
        tx.execute(
            select(
                func.count().filter(done).label("done"),
                func.count().filter(calls.c.state.in_(OPEN)).label("open"),
                func.coalesce(func.sum(calls.c.output_tokens), 0).label("output_tokens"),
                func.coalesce(func.sum(calls.c.cost_usd, type_=calls.c.cost_usd.type), 0).label("cost_usd"),
            ).where(calls.c.job_id == job_id)
        )
    ).one()
    attempts = attempt_rows.of_job(tx, job_id)
    written: dict[Path, int] = {}
    for attempt in attempts:
        if attempt.role is not Role.REPAIR:
            path = Path.SINGLE_PASS if attempt.role is Role.FALLBACK else attempt.path
            written[path] = written.get(path, 0) + _units_written(tx, attempt)
    return Progress(
        units=written,
        calls_done=row.done,
        calls_open=row.open,
        output_tokens=int(row.output_tokens),
        cost_usd=Decimal(row.cost_usd or 0),
    )


def _call_totals(tx: Tx, job_id: JobId) -> dict[AttemptId, Row[Any]]:
    usd = calls.c.cost_usd.type
    lost = calls.c.state == CallState.LOST
    under_way = calls.c.state.in_(OPEN)
    rows = tx.execute(
        select(
            calls.c.attempt_id,
            func.count().label("calls"),
            func.count().filter(lost).label("lost"),
            func.sum(calls.c.reserved_usd, type_=usd).filter(lost).label("lost_usd"),
            func.count().filter(under_way).label("open"),
            func.sum(calls.c.reserved_usd, type_=usd).filter(under_way).label("open_usd"),
            *(
                func.coalesce(func.sum(calls.c[name], type_=Integer()), 0).label(name)
                for name in (
                    "input_tokens",
                    "output_tokens",
                    "thinking_tokens",
                    "cache_read_tokens",
                    "cache_write_tokens",
                    "wasted_tokens",
                )
            ),
            func.sum(calls.c.cost_usd, type_=usd).label("cost_usd"),
        )
        .where(calls.c.job_id == job_id, calls.c.state != CallState.ABANDONED)
        .group_by(calls.c.attempt_id)
    )
    return {AttemptId(row.attempt_id): row for row in rows}


def _citation_counts(tx: Tx, ids: list[AttemptId]) -> dict[AttemptId, CitationCounts]:
    rows = tx.execute(
        select(citations.c.attempt_id, citations.c.status, func.count().label("n"))
        .where(citations.c.attempt_id.in_(ids))
        .group_by(citations.c.attempt_id, citations.c.status)
    )
    by_attempt: dict[AttemptId, dict[str, int]] = defaultdict(dict)
    for row in rows:
        by_attempt[AttemptId(row.attempt_id)][row.status] = row.n
    return {attempt_id: CitationCounts(**by_attempt.get(attempt_id, {})) for attempt_id in ids}


def _units_written(tx: Tx, attempt: Attempt) -> int:
    return len(attempt_rows.unit_ids(tx, attempt.id))


def _attempt(attempt: Attempt, totals: Row[Any] | None, units_written: int, citations: CitationCounts) -> AttemptReport:
    usage = Usage()
    if totals is not None:
        usage = Usage(
            input_tokens=totals.input_tokens,
            output_tokens=totals.output_tokens,
            thinking_tokens=totals.thinking_tokens,
            cache_read_tokens=totals.cache_read_tokens,
            cache_write_5m_tokens=totals.cache_write_tokens,
        )
    return AttemptReport(
        id=attempt.id,
        path=attempt.path,
        role=attempt.role,
        status=attempt.status,
        continues_attempt_id=attempt.continues_attempt_id,
        units=units_written,
        units_wanted=len(attempt.outline.units) if attempt.outline else None,
        calls=totals.calls if totals is not None else 0,
        lost_calls=totals.lost if totals is not None else 0,
        lost_at_most_usd=(totals.lost_usd if totals is not None else None) or Decimal(0),
        open_calls=totals.open if totals is not None else 0,
        open_at_most_usd=(totals.open_usd if totals is not None else None) or Decimal(0),
        usage=usage,
        wasted_tokens=totals.wasted_tokens if totals is not None else 0,
        cost_usd=(totals.cost_usd if totals is not None else None) or Decimal(0),
        stop_reason=attempt.stop_reason,
        reason=attempt.reason,
        citations=citations,
        verdict=attempt.verdict,
        started_at=attempt.started_at,
        finished_at=attempt.finished_at,
    )
