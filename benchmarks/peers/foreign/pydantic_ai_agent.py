"""pydantic-ai: an agent call for each part. Alone it keeps nothing over a restart."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider

from benchmarks.peers.contender import API_KEY, CONCURRENCY, Job, Outcome, Prompt, run, texts_kept


async def _chain(jobs: Sequence[Job], url: str) -> list[str]:
    model = AnthropicModel(jobs[0][0].model, provider=AnthropicProvider(api_key=API_KEY, base_url=url))
    gate = asyncio.Semaphore(CONCURRENCY)
    agent = Agent(model, instructions=jobs[0][0].system)

    async def answer(prompt: Prompt) -> str:
        async with gate:
            return (await agent.run(prompt.text, model_settings={"max_tokens": prompt.max_tokens})).output

    texts: list[str] = []
    for job in jobs:
        texts += await asyncio.gather(*(answer(prompt) for prompt in job[:-1]))
        texts.append(await answer(job[-1]))
    return texts


def chain(jobs: Sequence[Job], _folder: Path, url: str) -> Outcome:
    """Parts side by side, then the closing."""
    return texts_kept(asyncio.run(_chain(jobs, url)))


if __name__ == "__main__":
    run(["pydantic-ai-slim", "anthropic"], {"chain": chain, "chain-fault": chain})
