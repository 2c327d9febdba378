"""Choosing the path of a job: hard feasibility first, then the cheapest expected total.

Total = tokens + chance of a cut x rework + repairs + review minutes x rate + waiting x its price. In words: small
outputs take the chain (minutes, no wait for a batch), large ones the single pass (half price, sources read once),
larger ones than 300K the chain again. Near 300K the expected cost decides: a cut answer keeps what is complete, so
a cut costs what is missing. Only a single pass that is likelier cut than the team bears is no choice at all.
Sizes come from structure, corrected by finished attempts; a job may be drawn to run both paths, so that both
stay observed.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from throughline.domain import estimates, sizing
from throughline.domain.chain import PartLimits
from throughline.domain.estimates import Case
from throughline.domain.job import JobId, JobSpec, Path, PathChoice
from throughline.domain.learning.costs import Component, PathCost, Verdict, compare
from throughline.domain.learning.exploration import Exploration, explore, interest, not_affordable
from throughline.domain.learning.observations import Profile
from throughline.domain.learning.rates import Rates
from throughline.domain.looking import look
from throughline.domain.plan import PathEstimate, Plan
from throughline.domain.prompts import PROMPT_VERSION
from throughline.domain.sizing import OutputSize
from throughline.errors import BadInput, BudgetExceeded


def make_plan(case: Case) -> Plan:
    """Size and price both paths and choose. Raises `BadInput` or `BudgetExceeded` when none can be taken."""
    sizes = {path: _size(case, path) for path in Path}
    limits = estimates.part_limits(case.spec, case.model)
    chunked = estimates.chunked(case, sizes[Path.CHUNKED], limits)
    single = estimates.single_pass(case, sizes[Path.SINGLE_PASS], chunked)
    # A person reads one document, whichever path wrote it: small learned differences in length decide nothing here.
    chunked = replace(chunked, review_minutes=single.review_minutes, review_usd=single.review_usd)
    costs = [_cost(estimate, sizes[estimate.path], case.rates) for estimate in (single, chunked)]
    verdict = compare(*costs)
    chosen, reasons = _choose(case.spec, single, chunked, verdict)
    extra = chunked if chosen is Path.SINGLE_PASS else single
    exploration = _explore(case, single, chunked, verdict, extra.worst_usd)
    drawn = _drawn(exploration, extra)
    looked = _looked(case, sizes, limits, both_possible=single.feasible and chunked.feasible)
    return Plan(
        wanted=case.spec.path,
        chosen=chosen,
        run_both=bool(drawn) or case.spec.path is PathChoice.BOTH,
        reasons=(*reasons, *looked, *drawn),
        model=case.model.id,
        corpus=case.corpus,
        endpoint=case.endpoint,
        size=sizes[chosen],
        single_pass=single,
        chunked=chunked,
        part_limits=limits,
        assumptions=estimates.assumptions(case.policy),
        rates=case.rates,
        relative_gap=verdict.relative_gap if single.feasible and chunked.feasible else None,
        exploration=exploration,
        exploration_usd=extra.worst_usd if drawn else Decimal(0),
    )


def _size(case: Case, path: Path) -> OutputSize:
    """The output's size by structure, corrected by what is learned about that path where anything is."""
    spec = case.spec
    size = sizing.size_output(kind=spec.kind, depth=spec.depth, model=case.model, effort=spec.effort, units=case.units)
    if case.learner is None:
        return size
    profile = Profile(
        kind=spec.kind,
        model=spec.model,
        depth=spec.depth,
        path=path,
        prompt_version=PROMPT_VERSION,
        prior_tokens=size.expected_tokens,
        worst_tokens=size.upper_tokens,
        log_spread=size.log_spread,
        source_tokens=case.corpus.tokens.expected,
    )
    return sizing.learned(size, case.learner.forecast(profile))


def _cost(estimate: PathEstimate, size: OutputSize, rates: Rates) -> PathCost:
    """The estimate's total, component by component, and how many jobs each rests on."""
    jobs = size.forecast.jobs if size.forecast is not None else 0
    rows = (
        ("tokens", estimate.expected_usd, "expected tokens x price", jobs),
        ("waiting", estimate.waiting_usd, f"{estimate.hours:.2f} h", rates.hours(estimate.path).jobs),
        ("rework", estimate.rework_usd, f"chance of a cut {estimate.truncation_chance:.1%}", jobs),
        ("repairs", estimate.repairs_usd, "repairs a draft", rates.repairs(estimate.path).jobs),
        ("review", estimate.review_usd, f"{estimate.review_minutes:.1f} min", rates.reading.jobs),
    )
    components = tuple(Component(name=name, usd=usd, how=how, learned_from=n) for name, usd, how, n in rows)
    return PathCost(path=estimate.path, components=components)


def _explore(
    case: Case, single: PathEstimate, chunked: PathEstimate, verdict: Verdict, extra_usd: Decimal
) -> Exploration | None:
    """Whether this job runs its other path too, to learn from it; None where nobody asks."""
    if case.recent is None or case.spec.path is not PathChoice.AUTO:
        return None
    usual, budget = case.recent.usual_interest, case.spec.budget_usd
    affordable = budget is None or _together_usd(single, chunked) <= budget
    return explore(
        JobId(case.identity),
        relative_gap=verdict.relative_gap,
        usual_interest=interest(verdict.relative_gap) if usual is None else usual,
        extra_usd=extra_usd,
        spent_today_usd=case.recent.spent_today_usd,
        sensitive=case.spec.sensitive,
        both_possible=single.feasible and chunked.feasible and affordable,
        rules=case.recent.rules,
    )


def without_exploration(plan: Plan, daily_budget_usd: Decimal) -> Plan:
    """A plan that was drawn to run both paths, when the day's budget for that has been taken by others meanwhile."""
    return replace(
        plan,
        run_both=False,
        reasons=plan.reasons[:-1],
        exploration=not_affordable(plan.exploration_usd, daily_budget_usd),
        exploration_usd=Decimal(0),
    )


def _looked(
    case: Case, sizes: Mapping[Path, OutputSize], limits: PartLimits, *, both_possible: bool
) -> tuple[str, ...]:
    """Why the outline is not bought before the choice; nothing where it is known or there is no choice."""
    if case.spec.path is not PathChoice.AUTO or not both_possible or not case.reads_whole_corpus:
        return ()
    return (look(case, sizes, limits).sentence,)


def _drawn(exploration: Exploration | None, extra: PathEstimate) -> tuple[str, ...]:
    """Why the other path runs too, if it does."""
    if exploration is None or not exploration.run_both:
        return ()
    return (f"{extra.path} runs too, to learn from it, for at most ${extra.worst_usd:.4f} ({exploration.reason})",)


def _choose(
    spec: JobSpec, single: PathEstimate, chunked: PathEstimate, verdict: Verdict
) -> tuple[Path, tuple[str, ...]]:
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
    return best.path, (verdict.sentence,)


def _require_budget_for_both(spec: JobSpec, single: PathEstimate, chunked: PathEstimate) -> None:
    together = _together_usd(single, chunked)
    if spec.budget_usd is not None and together > spec.budget_usd:
        raise BudgetExceeded(
            f"Both paths together are expected to cost ${together:.4f}, the budget is ${spec.budget_usd:f}. "
            "Raise it, or run one path. Nothing was spent."
        )


def _together_usd(single: PathEstimate, chunked: PathEstimate) -> Decimal:
    """What both paths are expected to cost; a single pass that is cut is completed beside the chain, too."""
    return single.expected_usd + single.rework_usd + chunked.expected_usd


def _refuse(spec: JobSpec, wanted: tuple[PathEstimate, ...], obstacles: list[str]) -> None:
    blocked_by_budget = spec.budget_usd is not None and all(
        len(e.obstacles) == 1 and e.obstacles[0].endswith(f"budget ${spec.budget_usd:f}") for e in wanted if e.obstacles
    )
    sentence = ". ".join(obstacles) + ". Nothing was spent."
    raise BudgetExceeded(sentence) if blocked_by_budget else BadInput(sentence)
