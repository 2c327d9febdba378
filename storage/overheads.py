"""The ended chains of the ledger with what their chunking took: calls by purpose, repetition, minutes of reading."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, select

from storage import spending
from storage.engine import Tx
from storage.spending import By, Reading, Scope
from storage.tables import attempts, checks, jobs, plans
from throughline.domain.chain import LinkKind
from throughline.domain.job import Kind, Path, Role
from throughline.domain.overhead import Calls, Chain, purpose
from throughline.domain.spending import Group

_DRAFTS = (Role.PRIMARY, Role.COMPARISON)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spent:
    """Calls by attempt, as (kind of link, sum)."""

    groups: dict[str, list[tuple[LinkKind, Group]]]

    def of(self, attempt_id: str, role: Role) -> list[Calls]:
        return [Calls(purpose=purpose(role, kind), group=group) for kind, group in self.groups[attempt_id]]

    def longest_prompt(self, attempt_id: str | None) -> int:
        """The longest prompt that was counted for that attempt; 0 for none."""
        if attempt_id is None:
            return 0
        return max((group.longest_prompt_tokens for _, group in self.groups[attempt_id]), default=0)


def chains(tx: Tx, *, simulated: bool, since: datetime | None = None, kind: Kind | None = None) -> list[Chain]:
    """Every ended chain that was begun since then. A fallback belongs to the single pass that it finished: no chain."""
    scope = Scope(simulated=simulated, since=since, kind=kind)
    spent = _spent(tx, scope)
    readings = spending.readings(tx, scope, [By.JOB, By.PATH])
    repairs = _repairs(tx)
    return [_chain(row, spent, readings, repairs) for row in _drafts(tx, scope) if spent.groups.get(row.id)]


def _spent(tx: Tx, scope: Scope) -> _Spent:
    found: defaultdict[str, list[tuple[LinkKind, Group]]] = defaultdict(list)
    for group in spending.groups(tx, scope, [By.ATTEMPT, By.LINK]):
        attempt_id, kind = group.key
        found[attempt_id].append((LinkKind(kind), group))
    return _Spent(groups=found)


def _repairs(tx: Tx) -> dict[str, str]:
    """Each repaired attempt with its repair."""
    query = select(attempts.c.id, attempts.c.continues_attempt_id).where(attempts.c.role == Role.REPAIR)
    return {row.continues_attempt_id: row.id for row in tx.execute(query)}


def _drafts(tx: Tx, scope: Scope) -> list[Any]:  # Any: a row's columns are known to the query only
    """The ended chains that wrote a whole output by themselves, the oldest first."""
    single = attempts.alias("single")
    repetition = and_(checks.c.attempt_id == attempts.c.id, checks.c.name == "repetition")
    beside = and_(single.c.job_id == attempts.c.job_id, single.c.path == Path.SINGLE_PASS, single.c.role.in_(_DRAFTS))
    query = (
        select(
            attempts.c.id,
            attempts.c.job_id,
            jobs.c.kind,
            single.c.id.label("single_id"),
            plans.c.plan["chunked"].label("chunked"),
            plans.c.plan["single_pass"].label("single_pass"),
            checks.c.evidence["measures"].label("repetition"),
        )
        .join(jobs, jobs.c.id == attempts.c.job_id)
        .join(plans, plans.c.job_id == attempts.c.job_id)
        .outerjoin(single, beside)
        .outerjoin(checks, repetition)
        .where(
            attempts.c.path == Path.CHUNKED,
            attempts.c.role.in_(_DRAFTS),
            attempts.c.finished_at.is_not(None),
            jobs.c.simulated == scope.simulated,
        )
        .order_by(attempts.c.id)
    )
    if scope.since is not None:
        query = query.where(attempts.c.started_at >= scope.since)
    if scope.kind is not None:
        query = query.where(jobs.c.kind == scope.kind)
    return list(tx.execute(query))


def _chain(
    row: Row[Any],  # Any: as above
    spent: _Spent,
    readings: dict[tuple[str, ...], Reading],
    repairs: dict[str, str],
) -> Chain:
    calls = spent.of(row.id, Role.PRIMARY)
    if (repair := repairs.get(row.id)) is not None:
        calls += spent.of(repair, Role.REPAIR)
    counted = spent.longest_prompt(row.single_id)
    reading = readings.get((row.job_id, Path.CHUNKED.value))
    return Chain(
        kind=row.kind,
        forecast_tokens=row.chunked["output_tokens"],
        single_pass_tokens=counted or row.single_pass["input_tokens"],
        once_counted=counted > 0,
        calls=tuple(calls),
        repeated_share=_repeated_share(row.repetition),
        minutes=0.0 if reading is None else reading.minutes,
    )


def _repeated_share(measures: dict[str, int] | None) -> float | None:
    if not measures or not measures.get("statements"):
        return None  # no sentence, or an output that was checked before this was measured
    return (measures["repeated_exactly"] + measures["repeated_nearly"]) / measures["statements"]
