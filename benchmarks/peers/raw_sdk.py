"""The raw SDK: a short script as many teams have it. It keeps no state, so a new start begins again."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anthropic

from benchmarks.peers.contender import API_KEY, CONCURRENCY, Job, Outcome, Prompt, run, texts_kept


async def _answer(sdk: anthropic.AsyncAnthropic, gate: asyncio.Semaphore, prompt: Prompt) -> str:
    async with gate, sdk.messages.stream(**_params(prompt)) as stream:
        message = await stream.get_final_message()
    return _text(message)


def _params(prompt: Prompt) -> dict[str, Any]:
    return {
        "model": prompt.model,
        "max_tokens": prompt.max_tokens,
        "system": prompt.system,
        "messages": [{"role": "user", "content": prompt.text}],
    }


def _text(message: Any) -> str:  # Any: a GA or a beta message
    return "".join(block.text for block in message.content if block.type == "text")


async def _chain(jobs: Sequence[Job], url: str) -> list[str]:
    texts: list[str] = []
    gate = asyncio.Semaphore(CONCURRENCY)
    async with anthropic.AsyncAnthropic(api_key=API_KEY, base_url=url) as sdk:
        for job in jobs:
            texts += await asyncio.gather(*(_answer(sdk, gate, prompt) for prompt in job[:-1]))
            texts.append(await _answer(sdk, gate, job[-1]))
    return texts


async def _batch(jobs: Sequence[Job], url: str) -> list[str]:
    async with anthropic.AsyncAnthropic(api_key=API_KEY, base_url=url) as sdk:
        items: Any = [{"custom_id": f"job-{n}", "params": _params(job[0])} for n, job in enumerate(jobs)]
        batch = await sdk.messages.batches.create(requests=items)
        while batch.processing_status != "ended":
            await asyncio.sleep(0.2)
            batch = await sdk.messages.batches.retrieve(batch.id)
        lines = [line async for line in await sdk.messages.batches.results(batch.id)]
    return [_text(line.result.message) for line in lines if line.result.type == "succeeded"]


def chain(jobs: Sequence[Job], _folder: Path, url: str) -> Outcome:
    """Parts side by side, then the closing."""
    return texts_kept(asyncio.run(_chain(jobs, url)))


def batch(jobs: Sequence[Job], _folder: Path, url: str) -> Outcome:
    """One batch of every job's request."""
    return texts_kept(asyncio.run(_batch(jobs, url)))


if __name__ == "__main__":
    run(["anthropic"], {"chain": chain, "batch": batch, "chain-fault": chain, "batch-fault": batch})
