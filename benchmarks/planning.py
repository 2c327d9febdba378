"""Is planning quick, however long the ledger is?

Many: 100,000 finished attempts lie in the database. 10,000 jobs of every kind and depth are sized and planned
against them, each asking the ledger first whether anything new has finished; the learner is fitted once, to the
newest 2,000. Rows are read and the learner is fitted within the measured time; the prices and the SQLite file are warm.

One: a corpus of about a million Claude tokens, in 200 sources, is counted, outlined, sized and planned as
`throughline plan` does it, without starting Python. *Cold* is the first time in the process: the tokenizer's
table and the price table are read, and the learner is fitted. *Warm* is the second time, over another corpus of the
same size. *Refitted* is warm with one more finished attempt.

Run: python -m benchmarks.planning
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from storage import jobs, schema
from storage.calibration import LIMIT
from storage.engine import Engine, connect, transaction
from storage.tables import attempts as attempt_rows
from storage.tables import calibration
from tasks import learning, planning, runtime
from throughline import settings
from throughline.domain.estimates import Case, Policy
from throughline.domain.job import AttemptStatus, Depth, Effort, JobSpec, Kind
from throughline.domain.job import Path as JobPath
from throughline.domain.models import find
from throughline.domain.plan import Corpus, Endpoint, Plan
from throughline.domain.prompts import PROMPT_VERSION
from throughline.domain.routing import make_plan
from throughline.domain.sizing import size_output
from throughline.domain.source import Format, Source
from throughline.domain.tokens import exact

FINISHED = 100_000
JOBS = 10_000
MODELS = ("claude-sonnet-5-5", "claude-opus-5-5")
SOURCES = 200
PARAGRAPHS = 58
POLICY = Policy(review_usd_per_hour=Decimal(60), waiting_usd_per_hour=Decimal("0.25"))
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_TEXT = (
    "harbour ferry lamp keeper winter ledger council crane dredging tonnage pilot berth quay signal storm "
    "manifest inspector tariff northern southern eastern western morning evening report figures season"
)
_WORDS = _TEXT.split()


# -- 100,000 finished attempts


def fill(engine: Engine) -> None:
    """So many attempts of one job: only their lengths matter here."""
    with transaction(engine) as tx:
        spec = JobSpec(kind=Kind.SUMMARY, model=MODELS[0])
        job = jobs.register(
            tx, key="all", spec=spec, title="all", documents=corpus(0)[:1], left_out=[], simulated=False, now=BEGIN
        )
        draw = random.Random(1)
        for first in range(0, FINISHED, 10_000):
            numbers = range(first, first + 10_000)
            tx.execute(insert(attempt_rows), [_attempt(job.id, number) for number in numbers])
            tx.execute(insert(calibration), [_finished(number, draw) for number in numbers])


def _attempt(job_id: str, number: int) -> dict[str, Any]:
    return {
        "id": f"attempt-{number:06d}",
        "job_id": job_id,
        "path": JobPath.CHUNKED,
        "role": f"{number}",  # a job has one attempt of a role
        "status": AttemptStatus.COMPLETE,
        "started_at": BEGIN,
    }


def _finished(number: int, draw: random.Random) -> dict[str, Any]:
    kind, depth, model = draw.choice(list(Kind)), draw.choice(list(Depth)), draw.choice(MODELS)
    units = draw.randint(1, 120)
    size = size_output(kind=kind, depth=depth, model=find(model), effort=Effort.MEDIUM, units=units)
    return {
        "attempt_id": f"attempt-{number:06d}",
        "kind": kind,
        "model": model,
        "depth": depth,
        "path": draw.choice(list(JobPath)),
        "units": units,
        "expected_tokens": size.expected_tokens,
        "upper_tokens": size.upper_tokens,
        "actual_tokens": round(size.expected_tokens * draw.lognormvariate(0.2, 0.3)),
        "censored": draw.random() < 0.02,
        "simulated": False,
        "created_at": BEGIN + timedelta(minutes=number),
        "prior_tokens": size.expected_tokens,
        "worst_tokens": size.upper_tokens,
        "log_spread": size.log_spread,
        "source_tokens": draw.randint(1_000, 400_000),
        "prompt_version": PROMPT_VERSION,
    }


def one_more(engine: Engine) -> None:
    """Another attempt finishes."""
    with transaction(engine) as tx:
        job_id = jobs.recent(tx, 1)[0]
        tx.execute(insert(attempt_rows), [_attempt(job_id, FINISHED)])
        tx.execute(insert(calibration), [_finished(FINISHED, random.Random(2))])


# -- many small plans


def cases() -> Iterator[Case]:
    """Jobs of every kind, depth and model, of one unit to two hundred."""
    draw = random.Random(3)
    for number in range(JOBS):
        model = draw.choice(MODELS)
        tokens = draw.randint(1_000, 400_000)
        yield Case(
            spec=JobSpec(kind=draw.choice(list(Kind)), depth=draw.choice(list(Depth)), model=model),
            model=find(model),
            corpus=Corpus(sources=1, characters=tokens * 4, tokens=exact(tokens), counted_by="given"),
            units=draw.randint(1, 200),
            endpoint=Endpoint(host="api.anthropic.com", batches=True, structured_outputs=True),
            policy=POLICY,
            at=runtime.now(),
            identity=str(number),
        )


async def plan_many() -> tuple[float, float, float, Plan]:
    """Seconds for fitting, seconds for the plans, their CPU seconds in all, and the last plan."""
    wanted = list(cases())
    make_plan(wanted[0])  # the price table
    cpu, began = time.process_time(), time.perf_counter()
    await learning.learned()
    fitted = time.perf_counter()
    plan = None
    for case in wanted:
        known = await learning.learned()
        plan = make_plan(replace(case, learner=known.sizes, rates=known.rates))
    assert plan is not None
    return fitted - began, time.perf_counter() - fitted, time.process_time() - cpu, plan


# -- one large plan


def corpus(seed: int) -> list[Source]:
    """Prose in Markdown, a heading every few paragraphs."""
    draw = random.Random(seed)
    return [Source(name=f"{seed}/{n:03d}.md", format=Format.MARKDOWN, text=_text(draw)) for n in range(SOURCES)]


def _text(draw: random.Random) -> str:
    lines: list[str] = []
    for number in range(PARAGRAPHS):
        if number % 6 == 0:
            lines.append(f"## {draw.choice(_WORDS).title()} {draw.randint(1, 999)}")
        words = draw.choices(_WORDS, k=50)
        lines.append(" ".join(words).capitalize() + f" in {draw.randint(1800, 2026)}.")
    return "\n\n".join(lines) + "\n"


async def plan_one(seed: int) -> tuple[str, Plan]:
    """How long it takes to plan a corpus that was read already, and the plan."""
    sources = corpus(seed)
    spec = JobSpec(kind=Kind.SUMMARY, model=MODELS[0])
    cpu, began = time.process_time(), time.perf_counter()
    planned = await planning.plan_sources(spec, sources, left_out=[])
    return f"{time.perf_counter() - began:.2f} s (CPU {time.process_time() - cpu:.2f} s)", planned.plan


async def main() -> None:
    """Fill a ledger, measure, print."""
    with tempfile.TemporaryDirectory(prefix="throughline-planning-") as folder:
        url = f"sqlite:///{Path(folder) / 'ledger.db'}"
        engine = connect(url)
        schema.upgrade(engine)
        fill(engine)
        chosen = settings.load(api_key=None, database_url=url)
        async with runtime.opened(chosen):
            cold, plan = await plan_one(1)
            warm, _ = await plan_one(2)
            one_more(engine)
            refitted, _ = await plan_one(3)
            learning.forget()
            fit, plans, cpu, last = await plan_many()
        engine.dispose()
    print(f"ledger: {FINISHED:,} finished attempts, the newest {LIMIT:,} are learned from; SQLite")
    print(
        f"one plan of {plan.corpus.tokens.expected:,} tokens in {plan.corpus.sources} sources, {plan.size.units} units:"
    )
    print(f"  cold {cold}, warm {warm} (target 2 s), refitted {refitted}")
    print(f"{JOBS:,} jobs sized and planned: {fit + plans:.2f} s in all (target 10 s), CPU {cpu:.2f} s")
    print(f"  reading and fitting {fit:.2f} s, plans {plans:.2f} s, {plans / JOBS * 1000:.2f} ms each")
    print(f"  the last one: {last.size.basis}")


if __name__ == "__main__":
    asyncio.run(main())
