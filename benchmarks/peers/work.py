"""The work: documents, and the prompts that Throughline writes for them, as plain text for everyone else."""

import asyncio
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path

from benchmarks import overhead
from benchmarks.peers.contender import API_KEY, Job, Prompt
from tasks import registration, runtime
from tasks.registration import Request
from throughline import settings
from throughline.domain.ask import Ask
from throughline.domain.job import Depth, JobId, JobSpec, Kind, PathChoice

MODEL = "claude-sonnet-5-5"
_MOST_CHAIN_TOKENS, _MOST_BATCH_TOKENS = 20_000, 64_000  # above, some libraries refuse an answer that is not streamed


def source_text(job: int) -> str:
    """A document of 80 sections with sentences that are all different, some 300 kB."""
    return "\n\n".join(
        f"# Section {section} of {job}\n\n"
        + " ".join(f"Sentence {n} of passage {section} states rule {section * 37 + n}." for n in range(80))
        for section in range(80)
    )


async def registered(folder: Path, count: int) -> list[JobId]:
    """That many jobs with a document each in the folder."""
    spec = JobSpec(kind=Kind.SUMMARY, model=MODEL, depth=Depth.EXHAUSTIVE, path=PathChoice.CHUNKED)
    jobs: list[JobId] = []
    for number in range(count):
        file = folder / f"source-{number}.md"
        file.write_text(source_text(number))
        jobs.append((await registration.register(Request(spec=spec, references=(str(file),)))).id)
    return jobs


def prompts(url: str, count: int) -> tuple[list[Job], list[Job]]:
    """The same documents as chains and as single passes; `url` says what the endpoint offers."""
    return asyncio.run(_prompts(url, count))


async def _prompts(url: str, count: int) -> tuple[list[Job], list[Job]]:
    with tempfile.TemporaryDirectory() as folder:
        chosen = settings.load(
            database_url=f"sqlite:///{folder}/ledger.db", ANTHROPIC_API_KEY=API_KEY, ANTHROPIC_BASE_URL=url
        )
        async with runtime.opened(chosen):
            jobs = await registered(Path(folder), count)
            chains = [_plain(await overhead.asks_of(job), _MOST_CHAIN_TOKENS) for job in jobs]
            wholes = [_plain([ask], _MOST_BATCH_TOKENS) for ask in await overhead.whole_asks(jobs)]
    return chains, wholes


def _plain(asks: Sequence[Ask], most_tokens: int) -> Job:
    return [
        Prompt(
            model=ask.model,
            system=ask.system,
            text="\n\n".join([*(_document(part.title, part.text) for part in ask.documents), ask.instruction]),
            max_tokens=min(ask.max_tokens, most_tokens),
        )
        for ask in asks
    ]


def _document(title: str, text: str) -> str:
    return f'<document title="{escape(title)}">\n{text}\n</document>'
