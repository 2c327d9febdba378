"""What a job that stopped half-way would still cost, by its own plan: the written units are kept and paid for."""

from decimal import Decimal

from throughline.domain.comparison import Side, sides
from throughline.domain.job import Path
from throughline.domain.plan import Plan
from throughline.domain.report import JobReport

_CENT_PART = Decimal("0.0001")


def remaining_usd(report: JobReport) -> Decimal | None:
    """The expected cost of going on, of both paths where both were to run; None for a job without a plan."""
    plan = report.plan
    if plan is None:
        return None
    ran = {side.path: side for side in sides(report)}
    wanted = tuple(Path) if plan.run_both else (plan.chosen,)
    return sum((_of_path(plan, path, ran.get(path)) for path in wanted), Decimal(0)).quantize(_CENT_PART)


def _of_path(plan: Plan, path: Path, side: Side | None) -> Decimal:
    """What is missing of a single pass that wrote something is the chain's to write."""
    if side is None or side.units == 0:
        return plan.estimate(path).expected_usd
    units = side.units_wanted or plan.size.units
    missing = max(units - side.units, 0) / Decimal(max(units, 1))
    return plan.chunked.expected_usd * missing
