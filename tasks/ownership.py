"""The table of total cost: sums from the ledger, people's time at the rate of the settings."""

from datetime import datetime
from decimal import Decimal

from storage import spending
from storage.engine import Tx
from storage.spending import By, Scope
from tasks import runtime
from tasks.saving import read, read_aside
from throughline.domain.job import Kind
from throughline.domain.ownership import Ownership, Row, human_usd, total
from throughline.domain.report import JobReport
from throughline.domain.spending import Spent, by_key

_NOTHING_COUNTED = spending.Count(jobs=0, attempts=0)
_NOTHING_READ = spending.Reading(reviews=0, minutes=0.0)


async def owned(by: By, *, simulated: bool, since: datetime | None = None, kind: Kind | None = None) -> Ownership:
    """What real or simulated jobs took since then."""
    rate = runtime.current().settings.review_usd_per_hour
    scope = Scope(simulated=simulated, since=since, kind=kind)
    return await read_aside(lambda tx: gathered(tx, scope, by, rate))


async def owned_by(report: JobReport) -> Ownership:
    """What one job took, by path. Its reading counts from the decision on."""
    rate = runtime.current().settings.review_usd_per_hour
    scope = Scope(simulated=report.simulated, job_ids=[report.id])
    return await read(lambda tx: gathered(tx, scope, By.PATH, rate))


def gathered(tx: Tx, scope: Scope, by: By, usd_per_hour: Decimal) -> Ownership:
    """The table of that scope, its rows in the order of their names, weeks therefore in that of time."""
    spent = by_key(spending.groups(tx, scope, [by]))
    counted = spending.counts(tx, scope, [by])
    reading = spending.readings(tx, scope, [by])
    rows = tuple(
        _row(
            key[0],
            counted.get(key, _NOTHING_COUNTED),
            spent.get(key, Spent()),
            reading.get(key, _NOTHING_READ),
            usd_per_hour,
        )
        for key in sorted(spent.keys() | reading.keys())
    )
    all_jobs = spending.counts(tx, scope, [])
    return Ownership(
        by=by,
        simulated=scope.simulated,
        since=None if scope.since is None else scope.since.isoformat(),
        usd_per_hour=usd_per_hour,
        rows=rows,
        total=total(rows, jobs=all_jobs.get((), _NOTHING_COUNTED).jobs),
    )


def _row(name: str, count: spending.Count, spent: Spent, reading: spending.Reading, usd_per_hour: Decimal) -> Row:
    return Row(
        name=name,
        jobs=count.jobs,
        attempts=count.attempts,
        spent=spent,
        reviews=reading.reviews,
        minutes=reading.minutes,
        human_usd=human_usd(reading.minutes, usd_per_hour),
    )
