"""LiteLLM: `acompletion` for each part, with its disk cache, which is what a new start can find answers in."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import litellm

from benchmarks.peers.contender import API_KEY, CONCURRENCY, Job, Outcome, Prompt, run, texts_kept


async def _chain(jobs: Sequence[Job], folder: Path, url: str) -> list[str]:
    litellm.telemetry = False
    litellm.cache = litellm.Cache(type="disk", disk_cache_dir=str(folder / "cache"))
    gate = asyncio.Semaphore(CONCURRENCY)

    async def answer(prompt: Prompt) -> str:
        async with gate:
            answered = await litellm.acompletion(
                model=f"anthropic/{prompt.model}",
                messages=[{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.text}],
                max_tokens=prompt.max_tokens,
                api_base=url,
                api_key=API_KEY,
                caching=True,
            )
        return answered.choices[0].message.content

    texts: list[str] = []
    for job in jobs:
        texts += await asyncio.gather(*(answer(prompt) for prompt in job[:-1]))
        texts.append(await answer(job[-1]))
    return texts


def chain(jobs: Sequence[Job], folder: Path, url: str) -> Outcome:
    """Parts side by side, then the closing."""
    return texts_kept(asyncio.run(_chain(jobs, folder, url)))


if __name__ == "__main__":
    run(["litellm", "diskcache"], {"chain": chain, "chain-fault": chain})
