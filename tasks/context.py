"""What every paid step of a job needs at hand: the job, its plan, its sources, and how to price a call."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from storage import calls, jobs
from storage.calls import Budget, Left
from storage.engine import Tx
from storage.jobs import Job
from tasks import runtime
from tasks.saving import read
from throughline import tokenizer
from throughline.domain.ask import Ask, Document, Reply
from throughline.domain.documents import upper_tokens
from throughline.domain.job import JobId
from throughline.domain.models import Model
from throughline.domain.plan import Plan
from throughline.domain.pricing import Price, Usage, price
from throughline.domain.sizing import tokens_per_unit
from throughline.domain.source import Format, Source
from throughline.domain.tokens import to_claude
from throughline.errors import BudgetExceeded

_PROMPT_TOKENS = 2_500  # system text, schema and outline of an ordinary request; careful
_FOREIGN_SHARE = 0.02  # dashes and accents, each counted as a token a byte; text in another script is counted itself


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """A job with everything that a call of it is made from."""

    job: Job
    plan: Plan
    sources: tuple[Source, ...]
    model: Model
    _counts: dict[bytes, int] = field(default_factory=dict[bytes, int], compare=False, repr=False)

    def is_limited(self) -> bool:
        """Whether a budget limits what this job may spend."""
        return self.job.spec.budget_usd is not None or runtime.current().settings.daily_budget_usd is not None

    def counted_tokens(self, ask: Ask) -> int:
        """Tokens that this prompt hardly exceeds, its own text counted: for a budget that must not be passed.

        A table of figures in a book has more of them than the book's average. It counts as code, the densest text; no
        prompt counts as less than by the average, for the plan may know its corpus better.
        """
        local = sum(self._count(text) for text in (ask.instruction, *(each.text for each in ask.documents)))
        counted = to_claude(local, self.model.tokenizer, Format.CODE).upper + _PROMPT_TOKENS
        return max(counted, self.prompt_upper_tokens(ask.documents, ask.instruction))

    def _count(self, text: str) -> int:
        """Local tokens of the text, counted once: many links carry the same documents."""
        key = hashlib.sha256(text.encode()).digest()
        if key not in self._counts:
            self._counts[key] = tokenizer.count(text)
        return self._counts[key]

    def prompt_upper_tokens(self, documents: Sequence[Document], instruction: str) -> int:
        """Tokens that this prompt hardly exceeds, by the plan's own count of the corpus.

        An average: for whole sources it is their own, but a part that is denser than the rest may exceed it. It is what
        a reservation goes by where no budget limits, so that no tokenizer runs beside every call.
        """
        texts = [instruction, *(document.text for document in documents)]
        characters = sum(map(len, texts))
        extra_bytes = sum(len(text.encode()) for text in texts) - characters
        if extra_bytes > characters * _FOREIGN_SHARE:  # other scripts vary too much for an average
            local = sum(self._count(text) for text in texts)
            return to_claude(local, self.model.tokenizer, Format.CODE).upper + _PROMPT_TOKENS
        corpus = self.plan.corpus
        share = corpus.tokens.upper / max(corpus.characters, 1)
        of_documents = (characters - len(instruction)) * share * 1.1
        return round(of_documents) + upper_tokens(len(instruction)) + extra_bytes + _PROMPT_TOKENS

    def worst_usd(self, ask: Ask, *, batch: bool, prompt_tokens: int | None = None) -> Decimal:
        """The most that this request can cost: its whole prompt written to the cache, its cap used up.

        `prompt_tokens` is `counted_tokens` where a budget limits; without it the corpus's average is taken.
        """
        prompt = self.prompt_upper_tokens(ask.documents, ask.instruction) if prompt_tokens is None else prompt_tokens
        usage = Usage(output_tokens=ask.max_tokens)
        match ask.cache_documents, batch:
            case False, _:
                usage += Usage(input_tokens=prompt)
            case True, False:
                usage += Usage(cache_write_5m_tokens=prompt)
            case True, True:
                usage += Usage(cache_write_1h_tokens=prompt)
        return price_of(self.model.id, usage, batch=batch, at=runtime.now()).usd

    def budget(self) -> Budget:
        """The limits that hold for the next call."""
        rt = runtime.current()
        return Budget(
            job_usd=self.job.spec.budget_usd,
            day_usd=rt.settings.daily_budget_usd,
            day_start=runtime.day_start(),
        )

    def within(self, ask: Ask, left: Left | None, *, batch: bool, prompt_tokens: int | None = None) -> Ask:
        """The request with its cap cut to what is left; `BudgetExceeded` when that buys no unit."""
        if left is None:
            return ask
        worst_usd = self.worst_usd(ask, batch=batch, prompt_tokens=prompt_tokens)
        if worst_usd <= left.usd:
            return ask
        prompt_usd = self.worst_usd(replace(ask, max_tokens=0), batch=batch, prompt_tokens=prompt_tokens)
        token_usd = (worst_usd - prompt_usd) / ask.max_tokens
        affordable = int((left.usd - prompt_usd) / token_usd) if token_usd else 0
        spec = self.job.spec
        least_tokens = tokens_per_unit(spec.kind, spec.depth, self.model)
        if affordable < least_tokens:
            budget = "the day's budget (THROUGHLINE_DAILY_BUDGET_USD)" if left.of_day else "the budget"
            least_usd = prompt_usd + token_usd * least_tokens
            raise BudgetExceeded(
                f"${max(left.usd, Decimal(0)):.4f} of {budget} is left, and the next call needs at "
                f"least ${least_usd:.4f}. What is written is kept: raise the budget and "
                "run the same command to go on, or leave it at that.",
                of_day_short_usd=least_usd - left.usd if left.of_day else None,
            )
        return replace(ask, max_tokens=affordable)


def price_of(model_id: str, usage: Usage, *, batch: bool, at: datetime, in_us: bool = False) -> Price:
    """What one call costs by the prices of that day."""
    unlisted = runtime.current().settings.unlisted_price()
    return price(usage, model_id, batch=batch, at=at, unlisted=unlisted, in_us=in_us)


def cost_of(model_id: str, reply: Reply, *, batch: bool, at: datetime) -> Price | None:
    """What an answer cost that was asked for at `at`; None when its usage cannot be believed."""
    if not reply.usage_known:
        return None
    return price_of(model_id, reply.usage, batch=batch, at=at, in_us=reply.in_us)


async def reserved_today_usd() -> Decimal:
    """What calls that are still to be answered hold of the day's budget; they may cost less."""
    simulated = runtime.current().simulated
    return await read(lambda tx: calls.reserved_usd(tx, runtime.day_start(), simulated=simulated))


async def load(job_id: JobId) -> JobContext:
    """The context of a planned job."""
    return await read(lambda tx: of_job(tx, job_id))


def of_job(tx: Tx, job_id: JobId) -> JobContext:
    """The context of a planned job, as this transaction sees it."""
    job = jobs.get(tx, job_id)
    plan = jobs.plan(tx, job_id)
    if plan is None:
        raise LookupError(f"job {job_id} is not planned")
    model = runtime.current().settings.find_model(job.spec.model)
    return JobContext(job=job, plan=plan, sources=jobs.documents(tx, job_id), model=model)
