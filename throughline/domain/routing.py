"""Choosing the path of a job: hard feasibility first, then the cheapest expected total.

Total = tokens + chance of truncation x rework + review minutes x rate + waiting x its price. In words:
small outputs take the chain (minutes, no wait for a batch), large ones up to 300K the single pass (half
price, sources read once), larger ones the chain again, because no single answer can hold them.
"""

from decimal import Decimal

from throughline.domain import estimates, sizing
from throughline.domain.estimates import Case
from throughline.domain.job import JobSpec, Path, PathChoice
from throughline.domain.plan import PathEstimate, Plan
from throughline.errors import BadInput, BudgetExceeded


def make_plan(case: Case) -> Plan:
    """Size and price both paths and choose. Raises `BadInput` or `BudgetExceeded` when none can be taken."""
    size = sizing.size_output(
        kind=case.spec.kind,
        depth=case.spec.depth,
        model=case.model,
        effort=case.spec.effort,
        units=case.units,
    )
    limits = estimates.part_limits(case.spec, case.model)
    chunked = estimates.chunked(case, size, limits)
    single = estimates.single_pass(case, size, chunked.expected_usd)
    chosen, reasons = _choose(case.spec, single, chunked)
    return Plan(
        wanted=case.spec.path,
        chosen=chosen,
        run_both=case.spec.path is PathChoice.BOTH,
        reasons=reasons,
        model=case.model.id,
        corpus=case.corpus,
        endpoint=case.endpoint,
        size=size,
        single_pass=single,
        chunked=chunked,
        part_limits=limits,
        assumptions=estimates.assumptions(case.policy),
    )


def _choose(spec: JobSpec, single: PathEstimate, chunked: PathEstimate) -> tuple[Path, tuple[str, ...]]:
    obstacles = [f"{e.path} is not possible: {'; '.join(e.obstacles)}" for e in (single, chunked) if e.obstacles]
    wanted = {
        PathChoice.AUTO: (single, chunked),
        PathChoice.SINGLE_PASS: (single,),
        PathChoice.CHUNKED: (chunked,),
        PathChoice.BOTH: (single, chunked),
    }[spec.path]
    feasible = [estimate for estimate in wanted if estimate.feasible]
    enough = len(wanted) if spec.path is PathChoice.BOTH else 1
    if len(feasible) < enough:
        _refuse(spec, wanted, obstacles)
    if spec.path is PathChoice.BOTH:
        _require_budget_for_both(spec, single, chunked)
    best = min(feasible, key=lambda estimate: estimate.expected_total_usd)
    if spec.path not in (PathChoice.AUTO, PathChoice.BOTH):
        return best.path, (f"{best.path} was asked for", *obstacles)
    if len(feasible) == 1:
        return best.path, (f"{best.path} is the only path", *obstacles)
    other = chunked if best is single else single
    return best.path, (_cheaper(best, other),)


def _require_budget_for_both(spec: JobSpec, single: PathEstimate, chunked: PathEstimate) -> None:
    together = single.expected_usd + chunked.expected_usd
    if spec.budget_usd is not None and together > spec.budget_usd:
        raise BudgetExceeded(
            f"Both paths together are expected to cost ${together:.4f}, the budget is ${spec.budget_usd}. "
            "Raise it, or run one path. Nothing was spent."
        )


def _refuse(spec: JobSpec, wanted: tuple[PathEstimate, ...], obstacles: list[str]) -> None:
    blocked_by_budget = spec.budget_usd is not None and all(
        len(e.obstacles) == 1 and e.obstacles[0].endswith(f"budget ${spec.budget_usd}") for e in wanted if e.obstacles
    )
    sentence = ". ".join(obstacles) + ". Nothing was spent."
    raise BudgetExceeded(sentence) if blocked_by_budget else BadInput(sentence)


def _cheaper(best: PathEstimate, other: PathEstimate) -> str:
    gap = other.expected_total_usd - best.expected_total_usd
    in_dispute = best.expected_total_usd - best.review_usd  # both outputs take the same time to read
    tie = " (a near tie)" if gap < in_dispute * Decimal("0.05") else ""
    return (
        f"{best.path} is expected to cost ${best.expected_total_usd:.4f} in all, {other.path} "
        f"${other.expected_total_usd:.4f}{tie}: tokens ${best.expected_usd:.4f} against "
        f"${other.expected_usd:.4f}, waiting ${best.waiting_usd:.4f} against ${other.waiting_usd:.4f}"
    )
