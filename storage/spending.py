"""Sums over the ledger's calls and reviews, made by the database: what was spent and read, by whatever is asked.

A call counts in the time in which it was intended, which is also the day that its budget knows; minutes of reading
count when the decision was given. Simulated and real jobs are never in one sum.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CTE, ColumnElement, Integer, Row, String, and_, case, exists, func, literal, or_, select

from storage.engine import Tx
from storage.tables import attempts, calls, jobs, reviews, units
from throughline.domain.job import AttemptStatus, JobId, Path, Role
from throughline.domain.ledger import CallState
from throughline.domain.pricing import BAND_STARTS, IN_US
from throughline.domain.spending import Group

_TOKENS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "thinking_tokens",
    "wasted_tokens",
)


class By(StrEnum):
    """What sums are grouped by. `week` is the Monday on which it began, `link` the kind of a call's link."""

    KIND = "kind"
    PATH = "path"
    WEEK = "week"
    JOB = "job"
    ATTEMPT = "attempt"
    LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which part of the ledger: real or simulated, in `[since, until)`, perhaps of one kind or of some jobs."""

    simulated: bool
    since: datetime | None = None
    until: datetime | None = None
    kind: str | None = None
    job_ids: Collection[JobId] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many jobs and attempts made calls under one key."""

    jobs: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How many reviews were decided under one key, and the minutes that they took."""

    reviews: int
    minutes: float


def groups(tx: Tx, scope: Scope, by: Sequence[By]) -> list[Group]:
    """Every call that may have cost something, summed by those keys and by what decides its price."""
    who = _attempts()
    keys = [_key(tx, each, who, calls.c.intended_at) for each in by]
    prompt = func.coalesce(calls.c.input_tokens + calls.c.cache_read_tokens + calls.c.cache_write_tokens, 0)
    band = sum((case((prompt > start, 1), else_=0) for start in BAND_STARTS), literal(0))
    row = func.coalesce(calls.c.price_row, "")
    in_us = row.like(f"{IN_US}%")
    listed = row.like("genai-prices%") | in_us
    money = calls.c.cost_usd.type
    unknown = calls.c.cost_usd.is_(None)
    priced_by = (
        *keys,
        calls.c.model,
        _day(tx, calls.c.intended_at),
        calls.c.batch_id.is_not(None),
        listed,
        in_us,
        who.c.fruitless,
        band,
    )
    names = [f"by_{place}" for place in range(len(priced_by))]  # by name: PostgreSQL takes no parameter twice for one
    query = (
        select(
            *(column.label(name) for column, name in zip(priced_by, names, strict=True)),
            func.count(),
            func.max(prompt),
            *(func.coalesce(func.sum(calls.c[name], type_=Integer()), 0) for name in _TOKENS),
            func.sum(calls.c.cost_usd, type_=money),
            func.sum(calls.c.reserved_usd, type_=money).filter(unknown),
        )
        .join(who, who.c.id == calls.c.attempt_id)
        .where(calls.c.state != CallState.ABANDONED, *_within(who, scope, calls.c.intended_at))
        .group_by(*names)
        .order_by(*names)
    )
    return [_group(row, len(keys)) for row in tx.execute(query)]


def _group(row: Row[Any], keys: int) -> Group:  # Any: a row's columns are known to the query only
    model, day, batch, listed, in_us, fruitless, _, count, longest, *rest = row[keys:]
    *tokens, paid, unknown = rest
    return Group(
        key=tuple(row[:keys]),
        model=model,
        day=date.fromisoformat(day),
        batch=bool(batch),
        listed=bool(listed),
        in_us=bool(in_us),
        fruitless=bool(fruitless),
        calls=count,
        longest_prompt_tokens=longest,
        **dict(zip(_TOKENS, tokens, strict=True)),
        paid_usd=paid or Decimal(0),
        unknown_usd=unknown or Decimal(0),
    )


def counts(tx: Tx, scope: Scope, by: Sequence[By]) -> dict[tuple[str, ...], Count]:
    """How many jobs and attempts there are under each key."""
    who = _attempts()
    keys = [_key(tx, each, who, calls.c.intended_at) for each in by]
    named = {f"by_{place}": key for place, key in enumerate(keys)}
    query = (
        select(
            func.count(who.c.job_id.distinct()),
            func.count(who.c.id.distinct()),
            *(key.label(name) for name, key in named.items()),
        )
        .select_from(calls)
        .join(who, who.c.id == calls.c.attempt_id)
        .where(calls.c.state != CallState.ABANDONED, *_within(who, scope, calls.c.intended_at))
        .group_by(*named)
    )
    rows: list[Any] = [tuple(row) for row in tx.execute(query)]  # Any: as in `_group`
    return {row[2:]: Count(jobs=row[0], attempts=row[1]) for row in rows}


def readings(tx: Tx, scope: Scope, by: Sequence[By]) -> dict[tuple[str, ...], Reading]:
    """The minutes of people under each key. A job's reading belongs to the path of the output that was published, and
    to that of its first attempt where none was."""
    who = _attempts()
    first = (
        select(attempts.c.job_id, func.min(attempts.c.id).label("id"))
        .where(attempts.c.role == Role.PRIMARY)
        .group_by(attempts.c.job_id)
        .cte("first_attempts")
    )
    keys = [_key(tx, each, who, reviews.c.decided_at) for each in by]
    named = {f"by_{place}": key for place, key in enumerate(keys)}
    query = (
        select(
            func.count(),
            func.coalesce(func.sum(reviews.c.minutes), 0.0),
            *(key.label(name) for name, key in named.items()),
        )
        .select_from(reviews)
        .join(jobs, jobs.c.id == reviews.c.job_id)
        .join(first, first.c.job_id == reviews.c.job_id)
        .join(who, who.c.id == func.coalesce(jobs.c.published_attempt_id, first.c.id))
        .where(reviews.c.decided_at.is_not(None), *_within(who, scope, reviews.c.decided_at))
        .group_by(*named)
    )
    rows: list[Any] = [tuple(row) for row in tx.execute(query)]  # Any: as in `_group`
    return {row[2:]: Reading(reviews=row[0], minutes=row[1]) for row in rows}


def _attempts() -> CTE:
    """Each attempt with its job's kind and world, the path that it was made for, and whether it brought nothing."""
    continued = attempts.alias("continued")
    single = or_(
        attempts.c.role == Role.FALLBACK, and_(attempts.c.role == Role.REPAIR, continued.c.role == Role.FALLBACK)
    )
    path = case(
        (single, literal(Path.SINGLE_PASS.value)),
        (attempts.c.role == Role.REPAIR, continued.c.path),
        else_=attempts.c.path,
    )
    wrote = exists().where(units.c.attempt_id == attempts.c.id)
    ended = attempts.c.status.in_([AttemptStatus.SHORT, AttemptStatus.FAILED])
    return (
        select(
            attempts.c.id,
            attempts.c.job_id,
            jobs.c.kind,
            jobs.c.simulated,
            path.label("path"),
            and_(ended, ~wrote).label("fruitless"),
        )
        .join(jobs, jobs.c.id == attempts.c.job_id)
        .outerjoin(continued, continued.c.id == attempts.c.continues_attempt_id)
        .cte("of_attempts")
    )


def _within(who: CTE, scope: Scope, when: ColumnElement[datetime]) -> list[ColumnElement[bool]]:
    found = [who.c.simulated == scope.simulated]
    if scope.since is not None:
        found.append(when >= scope.since)
    if scope.until is not None:
        found.append(when < scope.until)
    if scope.kind is not None:
        found.append(who.c.kind == scope.kind)
    if scope.job_ids is not None:
        found.append(who.c.job_id.in_(list(scope.job_ids)))
    return found


def _key(tx: Tx, by: By, who: CTE, when: ColumnElement[datetime]) -> ColumnElement[str]:
    match by:
        case By.KIND:
            return who.c.kind
        case By.PATH:
            return who.c.path
        case By.WEEK:
            return _week(tx, when)
        case By.JOB:
            return who.c.job_id
        case By.ATTEMPT:
            return who.c.id
        case By.LINK:
            return calls.c.link["kind"].as_string()


def _day(tx: Tx, when: ColumnElement[datetime]) -> ColumnElement[str]:
    if tx.dialect.name == "postgresql":
        return func.to_char(func.timezone("UTC", when), "YYYY-MM-DD", type_=String())
    return func.date(when, type_=String())


def _week(tx: Tx, when: ColumnElement[datetime]) -> ColumnElement[str]:
    if tx.dialect.name == "postgresql":
        return func.to_char(func.date_trunc("week", func.timezone("UTC", when)), "YYYY-MM-DD", type_=String())
    return func.date(when, "weekday 0", "-6 days", type_=String())
