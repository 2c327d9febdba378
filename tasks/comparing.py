"""Both paths of a job beside each other, gathered from the ledger; and of many jobs, measure by measure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any

from storage import attempts, batches, checks, comparisons, jobs, reports, reviews, spending
from storage.engine import Tx
from storage.spending import By, Scope
from throughline.domain.comparison import Side, path_of, sides
from throughline.domain.job import JobId, Kind, Path
from throughline.domain.measures import Checked, Compared, Facts, Values, compare, observe
from throughline.domain.paired import Paired, paired
from throughline.domain.report import AttemptReport, JobReport
from throughline.domain.review import BlindCounts
from throughline.domain.spending import Spent, by_key, summed


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Many jobs that ran both paths. `approved` counts how often people published which path, `blind` those who read
    both outputs without knowing which was which."""

    simulated: bool
    jobs: int
    rows: tuple[Paired, ...]
    approved: Mapping[str, int]
    blind: BlindCounts


def values_of(tx: Tx, report: JobReport) -> tuple[Values, Values] | None:
    """Single pass and chunked; None unless both ran."""
    both = sides(report)
    if len(both) < len(Path):
        return None
    scope = Scope(simulated=report.simulated, job_ids=[report.id])
    spent = {key[0]: found for key, found in by_key(spending.groups(tx, scope, [By.ATTEMPT])).items()}
    left, right = (observe(_facts(tx, report, side, spent)) for side in both)
    return left, right


def compared(tx: Tx, report: JobReport) -> tuple[Compared, ...] | None:
    """Every measure of both sides; None unless both ran."""
    values = values_of(tx, report)
    return None if values is None else compare(*values)


def _facts(tx: Tx, report: JobReport, side: Side, spent: Mapping[str, Spent]) -> Facts:
    mine = [attempt for attempt in report.attempts if path_of(attempt, report) is side.path]
    read = _output_of(mine)
    rows = {row.name: row.evidence for row in checks.of_attempt(tx, read.id)}
    written = attempts.written_units(tx, attempts.get(tx, read.id), report.spec.kind)
    review = reviews.latest_of(tx, report.id)
    published = report.published_attempt_id in {attempt.id for attempt in mine}
    measured: dict[str, Any] = rows["drift"].get("measures", {}) if "drift" in rows else {}  # Any: JSON
    return Facts(
        side=side,
        spent=summed(spent.get(attempt.id, Spent()) for attempt in mine),
        waiting_s=sum(batches.waited_s(tx, attempt.id) for attempt in mine),
        confidence=round(fmean(unit.confidence for unit in written.values()), 6) if written else None,
        checks={name: _counted(evidence.get("findings", [])) for name, evidence in rows.items()},
        tenths={name: figures for name, figures in measured.items() if name.endswith("_by_decile")},
        minutes=review.minutes if review is not None and published else None,
    )


def _output_of(mine: list[AttemptReport]) -> AttemptReport:
    """The attempt whose output a reader of this side gets: the newest that is complete, else the newest."""
    complete = [attempt for attempt in mine if attempt.status == "complete"]
    return (complete or mine)[-1]


def _counted(findings: list[dict[str, Any]]) -> Checked:  # Any: JSON
    errors = sum(finding["severity"] == "error" for finding in findings)
    return Checked(errors=errors, warnings=len(findings) - errors)


def overview(
    tx: Tx, *, simulated: bool, kind: Kind | None = None, since: datetime | None = None, limit: int
) -> Overview:
    """The newest jobs that ran both paths."""
    found: list[tuple[Values, Values]] = []
    approved = {str(path): 0 for path in Path}
    for job_id in jobs.with_both_paths(tx, simulated=simulated, kind=kind, since=since, limit=limit):
        report = reports.job(tx, job_id)
        values = values_of(tx, report)
        if values is not None:
            found.append(values)
            _count_approval(tx, report, approved)
    blind = comparisons.counts(tx, simulated=simulated, kind=kind, since=since)
    return Overview(simulated=simulated, jobs=len(found), rows=paired(found), approved=approved, blind=blind)


def _count_approval(tx: Tx, report: JobReport, approved: dict[str, int]) -> None:
    review = reviews.latest_of(tx, JobId(report.id))
    published = next((each for each in report.attempts if each.id == report.published_attempt_id), None)
    if review is not None and review.choice == "approve" and published is not None:
        approved[path_of(published, report)] += 1
