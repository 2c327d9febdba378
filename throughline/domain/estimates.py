"""What each path would take: calls, tokens, money, time, the chance of a cut, and what stands against it.

Figures that nobody has measured are assumptions, named here and stored with every plan.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from throughline.domain import prompts, sizing
from throughline.domain.chain import PartLimits
from throughline.domain.documents import upper_tokens
from throughline.domain.job import JobSpec, Path, ReviewMode
from throughline.domain.learning.costs import RISK_OF_CUT, likely_cut
from throughline.domain.learning.exploration import ExplorationRules
from throughline.domain.learning.rates import ASSUMED, Rates
from throughline.domain.learning.sizes import SizeLearner
from throughline.domain.models import Model
from throughline.domain.output import SHAPES
from throughline.domain.plan import Corpus, Endpoint, PathEstimate
from throughline.domain.pricing import UnlistedPrice, Usage, price
from throughline.domain.sizing import OutputSize

PART_OUTPUT_TOKENS = 16_000
_HEADROOM = 2  # a part may write twice what is expected of it before it is cut
_MIN_PART_TOKENS = 4_096
_OUTLINE_TOKENS_PER_UNIT = 60
_SCHEMA_TOKENS = 1_200
_BATCH_TOKENS_PER_HOUR = 128_000  # the rate that the SDK itself plans with
_BATCH_QUEUE_HOURS = 0.5  # "most batches end in less than an hour"; not measured by us
_SYNC_TOKENS_PER_HOUR = 250_000  # about 70 tokens a second; not measured by us
_CHAIN_CONCURRENCY = 4
_READING_WORDS_PER_MINUTE = 238  # Brysbaert 2019, non-fiction


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a team's time is worth, in USD an hour, and the chance of a cut at which a single pass is still sent."""

    review_usd_per_hour: Decimal
    waiting_usd_per_hour: Decimal
    risk_of_cut: float = RISK_OF_CUT


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """What exploration follows from: its rules, the usual interest of recent jobs, what it may have cost today.

    Before there are any, `usual_interest` is None and each job counts as a usual one.
    """

    rules: ExplorationRules
    usual_interest: float | None
    spent_today_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything the decision depends on.

    Without a `learner` sizes are structural, `rates` are assumed until some are learned, and without `recent` nothing
    is explored. `identity` stands for this job over these sources: it is what exploration draws by.
    """

    spec: JobSpec
    model: Model
    corpus: Corpus
    units: int
    endpoint: Endpoint
    policy: Policy
    at: datetime
    unlisted_price: UnlistedPrice | None = None
    learner: SizeLearner | None = None
    recent: Recent | None = None
    rates: Rates = ASSUMED
    identity: str = ""

    @property
    def reads_whole_corpus(self) -> bool:
        """Whether each link needs all sources, not just its own stretch."""
        return SHAPES[self.spec.kind].outline_by_model


def part_limits(spec: JobSpec, model: Model) -> PartLimits:
    """How many units one link may ask for, and how much source text it may carry."""
    target = min(PART_OUTPUT_TOKENS, model.sync_output_tokens // _HEADROOM)
    per_unit = _output_per_unit(spec, model)
    units = max(1, target // per_unit)
    room = model.context_tokens - part_max_tokens(spec, model, units) - _SCHEMA_TOKENS * 4
    return PartLimits(units=units, source_characters=max(1_000, round(room * 2.2)))


def part_max_tokens(spec: JobSpec, model: Model, units: int, *, generous: bool = False) -> int:
    """The cap of a link that asks for so many units; a generous one doubles it."""
    wanted = units * _output_per_unit(spec, model) + sizing.closing_tokens(spec.depth, model)
    return _capped(wanted, model, generous=generous)


def outline_max_tokens(spec: JobSpec, model: Model, units: int, *, generous: bool = False) -> int:
    """The cap of the link that plans so many units; a generous one doubles it."""
    wanted = units * _OUTLINE_TOKENS_PER_UNIT * (1 + sizing.thinking_share(model, spec.effort))
    return _capped(round(wanted), model, generous=generous)


def outline_usd(case: Case) -> Decimal:
    """What the link costs that reads all sources and plans the units."""
    written = case.units * _OUTLINE_TOKENS_PER_UNIT * (1 + sizing.thinking_share(case.model, case.spec.effort))
    reading = Usage(
        input_tokens=_prompt_tokens(case, 0),
        cache_write_5m_tokens=case.corpus.tokens.expected,
        output_tokens=round(written),
    )
    return _price(case, reading, batch=False)


def _capped(wanted_tokens: int, model: Model, *, generous: bool) -> int:
    cap = max(_MIN_PART_TOKENS, wanted_tokens * _HEADROOM)
    return min(model.sync_output_tokens, cap * 2 if generous else cap)


def planned_units(spec: JobSpec, sources: int) -> int:
    """How many units the model is asked to plan, where structure does not say."""
    return max(sizing.NORMS[spec.kind, spec.depth].planned_units, min(sources, 40))


def _output_per_unit(spec: JobSpec, model: Model) -> int:
    visible = sizing.tokens_per_unit(spec.kind, spec.depth, model)
    return round(visible * (1 + sizing.thinking_share(model, spec.effort)))


def single_pass(case: Case, size: OutputSize, chain: PathEstimate) -> PathEstimate:
    """The single pass. Should it be cut, `chain` (the estimate for the whole job) writes what is missing."""
    cap = case.model.batch_output_tokens
    overhead = _prompt_tokens(case, case.units)
    expected_input = case.corpus.tokens.expected + overhead
    worst_input = case.corpus.tokens.upper + overhead
    beyond = size.overrun(cap)
    written = min(max(round(size.expected_tokens - beyond.chance * beyond.tokens), 1), cap)
    hours = (_BATCH_QUEUE_HOURS + written / _BATCH_TOKENS_PER_HOUR) * case.rates.single_hours.value
    hours += beyond.chance * beyond.share * chain.hours
    expected_usd = _usd(case, expected_input, written, batch=True)
    rework_usd = Decimal(beyond.chance) * _rework_usd(case, beyond.share, chain.expected_usd)
    obstacles = [
        *_single_pass_obstacles(case, size, worst_input),
        *_common_obstacles(case.spec, hours, expected_usd + rework_usd),
    ]
    return _estimate(
        case,
        size,
        path=Path.SINGLE_PASS,
        obstacles=obstacles,
        calls=1,
        max_tokens=cap,
        input_tokens=expected_input,
        expected_usd=expected_usd,
        worst_usd=_usd(case, worst_input, cap, batch=True),
        hours=hours,
        chance=beyond.chance,
        rework_usd=rework_usd,
    )


def _rework_usd(case: Case, missing_share: float, chain_usd: Decimal) -> Decimal:
    """What the chain costs that writes this share of the output; one that needs all sources reads them in full."""
    corpus = Usage(cache_write_5m_tokens=case.corpus.tokens.expected if case.reads_whole_corpus else 0)
    reading_usd = _price(case, corpus, batch=False)
    return reading_usd + Decimal(missing_share) * (chain_usd - reading_usd)


def _single_pass_obstacles(case: Case, size: OutputSize, worst_input: int) -> list[str]:
    model = case.model
    obstacles: list[str] = []
    if not case.endpoint.batches:
        obstacles.append(f"{case.endpoint.host} offers no Message Batches")
    if not model.long_output:
        obstacles.append(f"{model.id} has no 300K output: one answer ends at {model.sync_output_tokens:,} tokens")
    elif (bound := size.bound(case.policy.risk_of_cut)) > model.batch_output_tokens:
        obstacles.append(likely_cut(bound, case.policy.risk_of_cut, model.batch_output_tokens))
    if worst_input + min(size.expected_tokens, model.batch_output_tokens) > model.context_tokens:
        obstacles.append(
            f"sources and output together ({worst_input:,} + {size.expected_tokens:,} tokens) exceed the "
            f"window of {model.context_tokens:,}"
        )
    return obstacles


def chunked(case: Case, size: OutputSize, limits: PartLimits) -> PathEstimate:
    parts, extra = _links(case, limits)
    calls = parts + extra
    overhead = _prompt_tokens(case, case.units) * calls + _closing_digest_tokens(case, extra)
    usage, worst = _chain_usage(case, size, calls, overhead)
    max_tokens = part_max_tokens(case.spec, case.model, min(limits.units, case.units))
    expected_usd = sum((count * _price(case, call, batch=False) for count, call in usage), Decimal(0))
    worst_usd = calls * _price(case, worst, batch=False, output_tokens=max_tokens)
    rounds = math.ceil(parts / _CHAIN_CONCURRENCY) + extra
    hours = rounds * (size.expected_tokens / calls) / _SYNC_TOKENS_PER_HOUR * case.rates.chunked_hours.value
    per_part = max(1, size.expected_tokens // calls)
    chance = OutputSize(
        units=case.units,
        expected_tokens=per_part,
        upper_tokens=per_part,
        thinking_tokens=0,
        log_spread=size.log_spread,
        basis=size.basis,
    ).probability_over(max_tokens)
    return _estimate(
        case,
        size,
        path=Path.CHUNKED,
        obstacles=[*_chunked_obstacles(case, limits), *_common_obstacles(case.spec, hours, expected_usd)],
        calls=calls,
        max_tokens=max_tokens,
        input_tokens=sum(count * call.prompt_tokens for count, call in usage),
        expected_usd=expected_usd,
        worst_usd=worst_usd,
        hours=hours,
        chance=chance,
        rework_usd=Decimal(chance) * expected_usd,
    )


def _links(case: Case, limits: PartLimits) -> tuple[int, int]:
    """Part links, and the outline and closing links beside them."""
    parts = max(1, -(-case.units // limits.units))
    if parts == 1:
        return 1, int(case.reads_whole_corpus)
    return parts, 2 if case.reads_whole_corpus else 1


def _chain_usage(case: Case, size: OutputSize, calls: int, overhead: int) -> tuple[list[tuple[int, Usage]], Usage]:
    """How many calls have which expected usage, and the worst prompt of any (the caller adds the output cap)."""
    output = size.expected_tokens // calls
    each = overhead // calls
    tokens = case.corpus.tokens
    if not case.reads_whole_corpus:
        expected = Usage(input_tokens=tokens.expected // calls + each, output_tokens=output)
        return [(calls, expected)], Usage(input_tokens=tokens.upper // calls + each)
    first = Usage(input_tokens=each, output_tokens=output, cache_write_5m_tokens=tokens.expected)
    later = Usage(input_tokens=each, output_tokens=output, cache_read_tokens=tokens.expected)
    worst = Usage(input_tokens=each, cache_write_5m_tokens=tokens.upper)
    return [(1, first), (calls - 1, later)], worst


def _chunked_obstacles(case: Case, limits: PartLimits) -> list[str]:
    model = case.model
    one_part = part_max_tokens(case.spec, model, 1)
    unit_tokens = sizing.NORMS[case.spec.kind, case.spec.depth].source_tokens_per_unit * 2
    need = one_part + unit_tokens + _prompt_tokens(case, case.units)
    if need > model.context_tokens:
        return [f"one link needs about {need:,} tokens and the window of {model.id} is {model.context_tokens:,}"]
    return []


def _common_obstacles(spec: JobSpec, hours: float, expected_usd: Decimal) -> list[str]:
    obstacles: list[str] = []
    if spec.deadline_s is not None and hours * 3600 > spec.deadline_s:
        obstacles.append(f"about {_span(hours * 3600)} needed, deadline in {_span(spec.deadline_s)}")
    if spec.budget_usd is not None and expected_usd > spec.budget_usd:
        obstacles.append(f"about ${expected_usd:.4f} expected, budget ${spec.budget_usd:f}")
    return obstacles


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3_600 else f"{seconds / 3_600:.1f} h"


def _estimate(
    case: Case,
    size: OutputSize,
    *,
    path: Path,
    obstacles: list[str],
    calls: int,
    max_tokens: int,
    input_tokens: int,
    expected_usd: Decimal,
    worst_usd: Decimal,
    hours: float,
    chance: float,
    rework_usd: Decimal,
) -> PathEstimate:
    visible = size.expected_tokens - size.thinking_tokens
    words = visible / sizing.tokens_per_word(case.model)
    minutes = words / _READING_WORDS_PER_MINUTE * case.rates.reading.value * _share_read(case)
    return PathEstimate(
        path=path,
        obstacles=tuple(obstacles),
        calls=calls,
        max_tokens_per_call=max_tokens,
        input_tokens=input_tokens,
        output_tokens=size.expected_tokens,
        expected_usd=expected_usd,
        worst_usd=worst_usd,
        hours=hours,
        truncation_chance=chance,
        rework_usd=rework_usd,
        review_minutes=minutes,
        review_usd=Decimal(minutes) / 60 * case.policy.review_usd_per_hour,
        waiting_usd=Decimal(hours) * case.policy.waiting_usd_per_hour,
        upper_output_tokens=size.upper_tokens,
        repairs_usd=expected_usd * Decimal(case.rates.repairs(path).value),
    )


def _share_read(case: Case) -> float:
    """The share of such outputs that a person reads."""
    return {ReviewMode.ALWAYS: 1.0, ReviewMode.AUTO: case.rates.reviewed.value, ReviewMode.NEVER: 0.0}[case.spec.review]


def _prompt_tokens(case: Case, units: int) -> int:
    """Tokens of a request beside its documents: system text, schema, outline."""
    system = upper_tokens(len(prompts.system_text(case.spec.kind)) + len(case.spec.instructions))
    return system + _SCHEMA_TOKENS + units * 25


def _closing_digest_tokens(case: Case, extra: int) -> int:
    return round(case.units * 100 * sizing.tokens_per_word(case.model)) if extra else 0


def _usd(case: Case, input_tokens: int, output_tokens: int, *, batch: bool) -> Decimal:
    return _price(case, Usage(input_tokens=input_tokens, output_tokens=output_tokens), batch=batch)


def _price(case: Case, usage: Usage, *, batch: bool, output_tokens: int | None = None) -> Decimal:
    if output_tokens is not None:
        usage += Usage(output_tokens=output_tokens)
    return price(usage, case.spec.model, batch=batch, at=case.at, unlisted=case.unlisted_price).usd


def assumptions(policy: Policy) -> dict[str, str]:
    """Every assumption behind an estimate, by name."""
    return {
        "prompt_version": prompts.PROMPT_VERSION,
        "review_usd_per_hour": str(policy.review_usd_per_hour),
        "waiting_usd_per_hour": str(policy.waiting_usd_per_hour),
        "risk_of_cut": str(policy.risk_of_cut),
        "batch_tokens_per_hour": str(_BATCH_TOKENS_PER_HOUR),
        "batch_queue_hours": str(_BATCH_QUEUE_HOURS),
        "sync_tokens_per_hour": str(_SYNC_TOKENS_PER_HOUR),
        "chain_concurrency": str(_CHAIN_CONCURRENCY),
        "reading_words_per_minute": str(_READING_WORDS_PER_MINUTE),
    }
