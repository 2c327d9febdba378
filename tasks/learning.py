"""What the ledger has taught so far: the learner of sizes, what exploration follows from, and how good it all was."""

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from statistics import fmean

from storage import calibration, outcomes, reports, reviews
from storage.engine import Tx
from tasks import runtime
from tasks.saving import read
from throughline.domain.estimates import Recent
from throughline.domain.job import JobId
from throughline.domain.learning.calibration import Calibration, Concluded
from throughline.domain.learning.calibration import calibration as calibration_of
from throughline.domain.learning.exploration import ExplorationRules, interest
from throughline.domain.learning.factors import FactorLearner
from throughline.domain.learning.rates import Rates, rates
from throughline.domain.learning.sizes import SizeLearner
from throughline.domain.plan import Plan

_FRESH_S = 0.05  # what was just asked is not asked again: no job is registered, run and finished in so short a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What finished jobs have taught: sizes, token factors, and the rates of time, repairs and reading."""

    sizes: SizeLearner
    factors: FactorLearner
    rates: Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What was learned up to the newest attempt, and when (monotonic seconds) the ledger was last asked for one."""

    newest: tuple[datetime, str] | None
    learned: Learned
    asked_at: float


_kept: dict[tuple[str, bool], _Kept] = {}


async def learned() -> Learned:
    """What all jobs that have finished by now teach; kept by this process until another attempt has finished.

    It is fitted anew then, not continued: over the same observations any process gives the same numbers.
    """
    rt = runtime.current()
    place = (rt.settings.database_url, rt.simulated)
    kept, asked_at = _kept.get(place), time.monotonic()
    if kept is not None and asked_at - kept.asked_at < _FRESH_S:
        return kept.learned
    newest = await read(lambda tx: calibration.newest(tx, simulated=rt.simulated))
    if kept is not None and kept.newest == newest:
        _kept[place] = replace(kept, asked_at=asked_at)
        return kept.learned
    until = None if newest is None else newest[0]
    observations = await read(lambda tx: calibration.recent_observations(tx, simulated=rt.simulated, until=until))
    found = await read(lambda tx: outcomes.recent(tx, simulated=rt.simulated))
    fitted = Learned(
        sizes=await asyncio.to_thread(SizeLearner, observations),  # up to a second, in which leases are renewed
        factors=FactorLearner(found.prompts),
        rates=rates(found.outcomes),
    )
    _kept[place] = _Kept(newest=newest, learned=fitted, asked_at=asked_at)
    return fitted


def forget() -> None:
    """Drop what this process keeps: the next plan reads and fits anew."""
    _kept.clear()


async def recent() -> Recent | None:
    """What exploration follows from; None while no share of the jobs is to run both paths."""
    return await read(_recent) if runtime.current().settings.explore_share else None


def _recent(tx: Tx) -> Recent:
    """Plans that are made at the same moment do not see each other's reservations: `affordable` looks again."""
    rt = runtime.current()
    gaps = calibration.recent_gaps(tx, simulated=rt.simulated)
    return Recent(
        rules=ExplorationRules(share=rt.settings.explore_share, daily_budget_usd=rt.settings.explore_daily_usd),
        usual_interest=fmean(interest(gap) for gap in gaps) if gaps else None,
        spent_today_usd=calibration.explored_usd(tx, runtime.day_start(), simulated=rt.simulated),
    )


def affordable(tx: Tx, plan: Plan) -> Plan:
    """The plan as it is stored: a drawn second path only if the day's budget still has room for it."""
    rt = runtime.current()
    daily_usd = rt.settings.explore_daily_usd
    return calibration.within_exploration(
        tx, plan, start=runtime.day_start(), daily_usd=daily_usd, simulated=rt.simulated
    )


async def calibrated(*, simulated: bool, limit: int) -> Calibration | None:
    """The report on the newest attempts and jobs of one world; None where nothing has finished."""
    observations = await read(lambda tx: calibration.recent_observations(tx, simulated=simulated, limit=limit))
    if not observations:
        return None
    planned = await read(lambda tx: calibration.recent_plans(tx, simulated=simulated, limit=limit))
    ended = await read(lambda tx: calibration.concluded(tx, simulated=simulated, limit=limit))
    told = [await read(partial(_concluded, job_id=job_id)) for job_id in ended]
    # Fitting takes up to seconds, in which pages are answered and leases renewed.
    return await asyncio.to_thread(calibration_of, observations, planned, told, simulated=simulated)


def _concluded(tx: Tx, job_id: JobId) -> Concluded:
    report, review = reports.job(tx, job_id), reviews.latest_of(tx, job_id)
    return Concluded(report=report, review_minutes=0.0 if review is None else review.minutes)
