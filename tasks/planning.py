"""Plan: outline where structure gives one, count, size, price both paths, choose. Spends nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tasks import context, learning, runtime
from tasks.step import step
from throughline import tokenizer
from throughline.domain import outlining, prompts, tokens
from throughline.domain.documents import whole
from throughline.domain.estimates import Case, Policy, planned_units
from throughline.domain.job import JobId, JobSpec, Kind
from throughline.domain.learning.factors import FactorLearner
from throughline.domain.models import Model, Tokenizer
from throughline.domain.outline import Outline
from throughline.domain.output import SHAPES
from throughline.domain.plan import Corpus, Endpoint, Plan
from throughline.domain.routing import make_plan
from throughline.domain.sizing import NORMS
from throughline.domain.source import Source
from throughline.domain.tokens import LocalCount
from throughline.errors import BadInput, NotFound

_KNOBS = {"review_usd_per_hour", "waiting_usd_per_hour", "risk_of_cut"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan with the outline that it sized; None where the model will write the outline."""

    plan: Plan
    outline: Outline | None


@step
async def load_plan(job_id: JobId) -> Plan:
    """The plan by which the job runs; it was stored with the job."""
    return (await context.load(job_id)).plan


async def plan_sources(
    spec: JobSpec,
    sources: Sequence[Source],
    *,
    left_out: Sequence[tuple[str, str]],
    exact_count: bool = False,
) -> Planned:
    """Plan without a job row: what `throughline plan` prints."""
    outline = structural_outline(spec, sources)
    case = await case_of(spec, sources, outline, left_out=left_out, exact_count=exact_count)
    return Planned(plan=make_plan(case), outline=outline)


async def case_of(
    spec: JobSpec,
    sources: Sequence[Source],
    outline: Outline | None,
    *,
    left_out: Sequence[tuple[str, str]],
    exact_count: bool = False,
) -> Case:
    """All that a plan is made from: the job, the settings, the endpoint, and what earlier jobs taught."""
    rt = runtime.current()
    model = rt.settings.find_model(spec.model)
    known = await learning.learned()
    corpus = await _corpus(spec, model, sources, left_out, known.factors, exact_count=exact_count)
    return Case(
        spec=spec,
        model=model,
        corpus=corpus,
        units=len(outline.units) if outline else planned_units(spec, len(sources)),
        endpoint=await _endpoint(model),
        policy=_policy(spec),
        at=runtime.now(),
        unlisted_price=rt.settings.unlisted_price(),
        learner=known.sizes,
        rates=known.rates,
        recent=await learning.recent(),
        identity=_identity(spec, sources),
    )


def _policy(spec: JobSpec) -> Policy:
    """The team's knobs: the job's own where it has any, else those of the settings."""
    chosen = runtime.current().settings
    of_job = spec.model_dump(include=_KNOBS, exclude_none=True)
    return Policy(**{name: getattr(chosen, name) for name in _KNOBS} | of_job)


def _identity(spec: JobSpec, sources: Sequence[Source]) -> str:
    """What exploration draws by: the same job over the same bytes is drawn alike, planned or run."""
    content = spec.model_dump_json(include={"kind", "model", "depth", "instructions", "effort"})
    texts = "".join(source.sha256 for source in sources)
    return hashlib.sha256(f"{content} {texts}".encode()).hexdigest()


def structural_outline(spec: JobSpec, sources: Sequence[Source]) -> Outline | None:
    """The outline that the sources' own structure gives; None for kinds whose outline the model writes."""
    if SHAPES[spec.kind].outline_by_model:
        return None
    size = NORMS[spec.kind, spec.depth].source_tokens_per_unit
    if spec.kind is Kind.CODE_REVIEW:
        return outlining.code_review_outline(sources, size, tokenizer.count)
    return outlining.summary_outline(sources, size, tokenizer.count)


async def _endpoint(model: Model) -> Endpoint:
    rt = runtime.current()
    if rt.settings.api_key is None:  # planning needs no key: assume what the official API offers
        return Endpoint(host="no key set; the Claude API is assumed", batches=True, structured_outputs=True)
    offered = await rt.endpoint()
    if not offered.batches or model.tokenizer is Tokenizer.UNKNOWN:
        return offered  # an own endpoint may not know its models, and then the table or the settings speak
    try:
        known = await rt.claude.model(model.id)
    except NotFound:
        if not rt.claude.is_official:
            return offered  # a gateway may pass batches on and have no list of models
        raise BadInput(f"The key cannot use {model.id} at {offered.host}. Choose another --model.") from None
    return replace(offered, structured_outputs=known.structured_outputs)


async def _corpus(
    spec: JobSpec,
    model: Model,
    sources: Sequence[Source],
    left_out: Sequence[tuple[str, str]],
    factors: FactorLearner,
    *,
    exact_count: bool,
) -> Corpus:
    counts = [(tokenizer.count(source.text), tokens.is_code(source.format)) for source in sources]
    learned = {code: factors.factor(model.tokenizer, code=code) for code in (False, True)}
    estimated = tokens.NO_TOKENS
    for count, code in counts:
        estimated += tokens.scaled(count, learned[code].factor)
    counted_by = "o200k_base x factor" + (f" {learned[False].basis}" if learned[False].prompts else "")
    local = LocalCount(
        tokenizer=model.tokenizer,
        prose=sum(count for count, code in counts if not code),
        code=sum(count for count, code in counts if code),
    )
    if exact_count:
        estimated = tokens.exact(await _ask_for_count(spec, model, sources))
        counted_by = "count_tokens"
    return Corpus(
        sources=len(sources),
        characters=sum(len(source.text) for source in sources),
        tokens=estimated,
        counted_by=counted_by,
        local=local,
        left_out=tuple(left_out),
    )


async def _ask_for_count(spec: JobSpec, model: Model, sources: Sequence[Source]) -> int:
    ask = prompts.compose(
        spec=spec,
        model=model,
        documents=whole(sources, spec.kind),
        instruction="",
        max_tokens=1,
        schema_in_prompt=False,
        cache_documents=False,
    )
    return await runtime.current().claude.count_tokens(ask)
