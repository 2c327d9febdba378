"""What the ledger, the checks of answers and the state machine cost beside the raw SDK.

Each side runs in a process of its own against the same instant server: 20 jobs of 11 streamed calls one
after another, and 100 single-pass requests in one batch from submission to rows. Sides alternate over
several rounds; medians and ratios are printed. Run: python -m benchmarks.overhead
"""

import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic

from tasks import batches, context, ingesting, links, registration, runtime, single_pass
from tasks.chain import run_chain
from tasks.planning import structural_outline
from tasks.registration import Request
from throughline import settings
from throughline.claude import wire
from throughline.domain.ask import Ask
from throughline.domain.chain import ChainState, Link, LinkKind, next_links
from throughline.domain.job import Depth, JobId, JobSpec, Kind, PathChoice, Role
from throughline.domain.models import LONG_OUTPUT_BETA
from throughline.domain.output import SummaryUnit, Unit

JOBS = 20
CALLS = 11
BATCH_REQUESTS = 100
ROUNDS = 5


@contextmanager
def instant_server() -> Generator[str]:
    """The address of the instant server, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.instant_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        assert process.stdin is not None
        process.stdin.close()


def source_text(job: int) -> str:
    """A document with 80 headings: ten parts of eight units, and a closing."""
    sections = (f"# Section {number} of {job}\n\n" + "A sentence of the passage. " * 300 for number in range(80))
    return "\n\n".join(sections)


async def registered(folder: Path, count: int) -> list[JobId]:
    """That many planned jobs, each with its own document."""
    jobs: list[JobId] = []
    for number in range(count):
        file = folder / f"source-{number}.md"
        file.write_text(source_text(number))
        spec = JobSpec(kind=Kind.SUMMARY, model="claude-sonnet-5-5", depth=Depth.EXHAUSTIVE, path=PathChoice.CHUNKED)
        jobs.append((await registration.register(Request(spec=spec, references=(str(file),)))).id)
    return jobs


async def asks_of(job_id: JobId) -> list[Ask]:
    """The requests that our chain sends for this job."""
    job = await context.load(job_id)
    outline = structural_outline(job.job.spec, job.sources)
    assert outline is not None
    state = ChainState(outline=outline, written=frozenset(), closing_written=False)
    parts = next_links(state, job.plan.part_limits)
    assert isinstance(parts, tuple)
    written: dict[str, Unit] = {
        unit: SummaryUnit(unit_id=unit, heading="h", body="A word. " * 80, citations=[], confidence=0.9)
        for unit in outline.unit_ids
    }
    chain = [*parts, Link(kind=LinkKind.CLOSING, with_closing=True)]
    return [links.compose(job, outline, link, written) for link in chain]


async def chain_raw(url: str, asks: Sequence[Sequence[Ask]]) -> None:
    """The same calls with the SDK alone: streamed, joined, parsed as JSON."""
    async with anthropic.AsyncAnthropic(api_key="sim-x", base_url=url) as sdk:
        for job in asks:
            for ask in job:
                async with sdk.messages.stream(**wire.params(ask, cache_ttl="5m")) as answer:
                    message = await answer.get_final_message()
                json.loads("".join(block.text for block in message.content if block.type == "text"))


async def chain_ours(jobs: Sequence[JobId]) -> None:
    """The same calls through the chain, with the ledger on."""
    for job_id in jobs:
        await run_chain(job_id, Role.PRIMARY)


async def batch_raw(url: str, asks: Sequence[Ask]) -> None:
    """One batch with the SDK alone: create, retrieve, stream the results, parse each."""
    async with anthropic.AsyncAnthropic(api_key="sim-x", base_url=url, max_retries=0) as sdk:
        items: Any = [{"custom_id": f"c{n}", "params": wire.params(ask, cache_ttl="1h")} for n, ask in enumerate(asks)]
        created = await sdk.beta.messages.batches.create(requests=items, betas=[LONG_OUTPUT_BETA])
        await sdk.beta.messages.batches.retrieve(created.id)
        async for line in await sdk.beta.messages.batches.results(created.id):
            if line.result.type == "succeeded":
                texts = [block.text for block in line.result.message.content if block.type == "text"]
                json.loads("".join(texts))


async def batch_ours(jobs: Sequence[JobId]) -> None:
    """One batch of every job's single pass: intents, submission, wait, ingestion, rows."""
    attempts = [await single_pass.begin_single_pass(job, Role.PRIMARY) for job in jobs]
    submission = await batches.submit([single_pass.intent_of(attempt) for attempt in attempts])
    await batches.wait(submission.batch_id)
    await ingesting.ingest(submission.batch_id, single_pass.save_result)


async def whole_asks(jobs: Sequence[JobId]) -> list[Ask]:
    """The single-pass requests of these jobs."""
    loaded = [await context.load(job) for job in jobs]
    return [single_pass.compose(job, structural_outline(job.job.spec, job.sources)) for job in loaded]


async def side(name: str, url: str) -> dict[str, float]:
    """One side of one measurement, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = settings.load(
            database_url=f"sqlite:///{folder}/ledger.db",
            ANTHROPIC_API_KEY="sim-x",
            ANTHROPIC_BASE_URL=url,
            chain_concurrency=1,
            batch_poll_s=0.01,
        )
        async with runtime.opened(chosen):
            jobs = await registered(Path(folder), JOBS if name.startswith("chain") else BATCH_REQUESTS)
            work = await prepared(name, url, jobs)
            started, used = time.perf_counter(), time.process_time()
            await work
            return {
                "wall_s": time.perf_counter() - started,
                "cpu_s": time.process_time() - used,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }


async def prepared(name: str, url: str, jobs: Sequence[JobId]) -> Coroutine[Any, Any, None]:
    """The work to be timed, with everything that both sides share already done."""
    match name:
        case "chain raw":
            return chain_raw(url, [await asks_of(job) for job in jobs])
        case "chain ours":
            return chain_ours(jobs)
        case "batch raw":
            return batch_raw(url, await whole_asks(jobs))
        case _:
            return batch_ours(jobs)


def measured(name: str, url: str) -> dict[str, float]:
    """One side, in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.overhead", name, url]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare(title: str, kind: str, per: int, url: str) -> None:
    """Both sides in turn for some rounds; medians, and the median of the rounds' ratios."""
    rounds = [(measured(f"{kind} raw", url), measured(f"{kind} ours", url)) for _ in range(ROUNDS)]
    print(f"\n{title} ({ROUNDS} rounds, medians)")
    print(f"{'':12}{'raw SDK':>12}{'Throughline':>14}{'ratio':>8}")
    for label, key, scale in (
        ("ms each", "wall_s", 1000 / per),
        ("CPU ms each", "cpu_s", 1000 / per),
        ("peak MB", "peak_mb", 1),
    ):
        raw = statistics.median(pair[0][key] for pair in rounds) * scale
        ours = statistics.median(pair[1][key] for pair in rounds) * scale
        ratio = statistics.median(pair[1][key] / pair[0][key] for pair in rounds)
        print(f"{label:12}{raw:12.1f}{ours:14.1f}{ratio:8.2f}")


def main() -> None:
    """Measure one side (two arguments), or everything."""
    if len(sys.argv) == 3:
        print(json.dumps(asyncio.run(side(sys.argv[1], sys.argv[2]))))
        return
    with instant_server() as url:
        compare(f"{JOBS} jobs of {CALLS} streamed calls, one after another, per job", "chain", JOBS, url)
        compare(f"{BATCH_REQUESTS} single-pass requests in one batch, per request", "batch", BATCH_REQUESTS, url)


if __name__ == "__main__":
    main()
