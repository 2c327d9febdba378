"""Which jobs run both paths, so that both stay observed: where the decision is least certain, within a budget.

The choice follows from the job's id alone: the same job is always decided alike, and a stored plan can be
checked. The probability is kept with the decision; its inverse weighs the job in estimates over all jobs.
"""

import hashlib
import math
from dataclasses import dataclass
from decimal import Decimal

from throughline.domain.job import JobId

_CLEAR_GAP = 0.25  # at this relative gap a decision is e times less interesting than a tie
_EVERYWHERE = 0.2  # part of the share that is spread over all jobs, so that no size is never tried


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplorationRules:
    """The share of jobs that may run both paths, and what their second paths may cost in a day (USD)."""

    share: float
    daily_budget_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """Whether a job runs both paths to learn from it, with what probability that was so, and why."""

    run_both: bool
    probability: float
    reason: str


def interest(relative_gap: float) -> float:
    """How much there is to learn from a job: 1 at a tie, near 0 where one path is clearly cheaper."""
    return math.exp(-relative_gap / _CLEAR_GAP)


def explore(
    job_id: JobId,
    *,
    relative_gap: float,
    usual_interest: float,
    extra_usd: Decimal,
    spent_today_usd: Decimal,
    sensitive: bool,
    both_possible: bool,
    rules: ExplorationRules,
) -> Exploration:
    """Whether to run the other path too.

    `usual_interest` is the mean `interest` of recent jobs: it keeps the share what it was set to.
    `extra_usd` is the most that the other path may cost, `spent_today_usd` what exploration has spent and
    reserved today: the budget is a limit, not an average.
    """
    if sensitive:
        return _no("the job is marked sensitive")
    if not both_possible:
        return _no("only one path is possible")
    if spent_today_usd + extra_usd > rules.daily_budget_usd:
        return not_affordable(extra_usd, rules.daily_budget_usd)
    relative_interest = interest(relative_gap) / max(usual_interest, 1e-3)
    probability = min(1.0, rules.share * (_EVERYWHERE + (1 - _EVERYWHERE) * relative_interest))
    run_both = _draw(job_id) < probability
    said = "drawn" if run_both else "not drawn"
    return Exploration(run_both=run_both, probability=probability, reason=f"{said}, with probability {probability:.1%}")


def not_affordable(extra_usd: Decimal, daily_budget_usd: Decimal) -> Exploration:
    """The day's budget has no room for a second path that may cost so much."""
    return _no(f"${extra_usd:.4f} more would exceed the day's ${daily_budget_usd} for exploration")


def _no(reason: str) -> Exploration:
    return Exploration(run_both=False, probability=0.0, reason=reason)


def _draw(job_id: JobId) -> float:
    """A number from 0 to 1 that is this job's own."""
    return int.from_bytes(hashlib.sha256(f"explore {job_id}".encode()).digest()[:8], "big") / 2**64
