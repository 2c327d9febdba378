"""What finished attempts showed about output length, beside what was said before they began.

A row keeps two forecasts: the plan's (`expected_tokens`, `upper_tokens`) and the one of structure alone
(`prior_tokens`, `worst_tokens`). Learning starts from the second; from its own forecasts it would correct twice.
"""

import math
from datetime import datetime
from decimal import Decimal
from statistics import NormalDist
from typing import Any

from sqlalchemy import Row, bindparam, delete, exists, insert, select, text

from storage.attempts import Attempt
from storage.engine import Tx
from storage.tables import calibration, jobs, plans
from throughline.domain.job import JobId, JobSpec
from throughline.domain.learning.observations import Observation, Profile, size_class
from throughline.domain.learning.report import Trial
from throughline.domain.plan import Plan
from throughline.domain.routing import without_exploration

LIMIT = 2_000
_EXPLORATION_LOCK = 7_266_144  # any constant: one advisory lock for the day's exploration on PostgreSQL
_Z90 = NormalDist().inv_cdf(0.90)
_NEWEST_FIRST = (calibration.c.created_at.desc(), calibration.c.attempt_id.desc())
_NEWEST = (  # asked before every plan, so it is built once
    select(calibration.c.created_at, calibration.c.attempt_id)
    .where(calibration.c.simulated == bindparam("world"))
    .order_by(*_NEWEST_FIRST)
    .limit(1)
)


def save(
    tx: Tx,
    attempt: Attempt,
    spec: JobSpec,
    *,
    plan: Plan,
    units: int,
    actual_tokens: int,
    censored: bool,
    simulated: bool,
    now: datetime,
) -> None:
    """Keep what was expected of this attempt's output and what it needed.

    Measured again with the same result, the row stays as it is, with its time: plans that rest on it can be
    repeated. With another result it is replaced.
    """
    same = (
        (calibration.c.attempt_id == attempt.id)
        & (calibration.c.actual_tokens == actual_tokens)
        & (calibration.c.censored == censored)
    )
    if tx.execute(select(exists().where(same))).scalar_one():
        return
    tx.execute(delete(calibration).where(calibration.c.attempt_id == attempt.id))
    prior = plan.size.structural
    tx.execute(
        insert(calibration).values(
            attempt_id=attempt.id,
            kind=spec.kind,
            model=spec.model,
            depth=spec.depth,
            path=attempt.path,
            units=units,
            expected_tokens=plan.estimate(attempt.path).output_tokens,
            upper_tokens=plan.estimate(attempt.path).upper_output_tokens or plan.size.upper_tokens,
            actual_tokens=actual_tokens,
            censored=censored,
            simulated=simulated,
            created_at=now,
            prior_tokens=prior.tokens,
            worst_tokens=prior.worst_tokens,
            log_spread=prior.log_spread,
            source_tokens=plan.corpus.tokens.expected,
            prompt_version=plan.assumptions.get("prompt_version"),
        )
    )


def recent_observations(
    tx: Tx, *, simulated: bool, limit: int = LIMIT, until: datetime | None = None
) -> list[Observation]:
    """The newest observations in the order of time; `until` leaves out what came later than that."""
    wanted = calibration.c.simulated == simulated
    if until is not None:
        wanted &= calibration.c.created_at <= until
    rows = tx.execute(select(calibration).where(wanted).order_by(*_NEWEST_FIRST).limit(limit)).all()
    return [_observation(row) for row in reversed(rows)]


def recent_plans(tx: Tx, *, simulated: bool, limit: int = LIMIT) -> list[Trial]:
    """What plans said of the same attempts, in the same order; where no bound was known yet, the worst case."""
    wanted = calibration.c.simulated == simulated
    rows = tx.execute(select(calibration).where(wanted).order_by(*_NEWEST_FIRST).limit(limit)).all()
    return [_said(row) for row in reversed(rows)]


def newest(tx: Tx, *, simulated: bool) -> tuple[datetime, str] | None:
    """Time and attempt of the newest observation: while it is the same, so is what was learned."""
    row = tx.execute(_NEWEST, {"world": simulated}).one_or_none()
    return None if row is None else (row.created_at, row.attempt_id)


def recent_gaps(tx: Tx, *, simulated: bool, limit: int = 100) -> list[float]:
    """How far apart the two paths were expected to be, in the newest plans where both were possible."""
    gap = plans.c.plan["relative_gap"]
    query = select(gap).join(jobs, jobs.c.id == plans.c.job_id).where(jobs.c.simulated == simulated)
    rows = tx.execute(query.order_by(plans.c.job_id.desc()).limit(limit)).scalars()
    return [float(found) for found in rows if found is not None]


def explored_usd(tx: Tx, start: datetime, *, simulated: bool) -> Decimal:
    """The most that the second paths of the jobs registered since then may cost: reserved in full when planned."""
    query = (
        select(plans.c.plan["exploration_usd"])
        .join(jobs, jobs.c.id == plans.c.job_id)
        .where(plans.c.job_id >= _first_id(start), jobs.c.simulated == simulated)
    )
    return sum((Decimal(usd) for usd in tx.execute(query).scalars() if usd is not None), Decimal(0))


def within_exploration(tx: Tx, plan: Plan, *, start: datetime, daily_usd: Decimal, simulated: bool) -> Plan:
    """The plan as it is to be stored in this transaction: with its drawn second path only if there is room for it.

    Under a lock until the transaction ends: of two jobs that are registered at the same moment the second one sees
    what the first one has reserved.
    """
    if not plan.exploration_usd:
        return plan
    _lock_exploration(tx)
    spent_usd = explored_usd(tx, start, simulated=simulated)
    return plan if spent_usd + plan.exploration_usd <= daily_usd else without_exploration(plan, daily_usd)


def _lock_exploration(tx: Tx) -> None:
    """SQLite's writing transactions already exclude each other."""
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _EXPLORATION_LOCK})


def _first_id(start: datetime) -> str:
    """Ids begin with their milliseconds: rows from then on are found by their key."""
    digits = f"{int(start.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def concluded(tx: Tx, *, simulated: bool, limit: int) -> list[JobId]:
    """The newest jobs that have an end, the oldest of them first."""
    query = select(jobs.c.id).where(jobs.c.simulated == simulated, jobs.c.finished_at.is_not(None))
    rows = tx.execute(query.order_by(jobs.c.id.desc()).limit(limit)).scalars().all()
    return [JobId(job_id) for job_id in reversed(rows)]


def _observation(row: Row[Any]) -> Observation:  # Any: a row's columns are known to the table only
    return Observation(
        at=row.created_at,
        profile=_profile(row),
        actual_tokens=row.actual_tokens,
        censored=row.censored,
    )


def _said(row: Row[Any]) -> Trial:  # Any: as above
    return Trial(
        at=row.created_at,
        kind=row.kind,
        size_class=size_class(row.expected_tokens),
        likely_tokens=row.expected_tokens,
        upper_tokens=row.upper_tokens,
        worst_tokens=row.worst_tokens or row.upper_tokens,
        bounded=True,
        actual_tokens=row.actual_tokens,
        censored=row.censored,
    )


def _profile(row: Row[Any]) -> Profile:  # Any: as above
    """Rows of before structure's own figures were kept have them as the plan's: nothing had been learned."""
    prior = row.prior_tokens or row.expected_tokens
    worst = row.worst_tokens or row.upper_tokens
    return Profile(
        kind=row.kind,
        model=row.model,
        depth=row.depth,
        path=row.path,
        prompt_version=row.prompt_version or "",
        prior_tokens=prior,
        worst_tokens=worst,
        log_spread=row.log_spread or max(math.log(worst / prior) / _Z90, 0.01),
        source_tokens=row.source_tokens or 0,
    )
