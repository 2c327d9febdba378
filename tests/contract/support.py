"""Asks to send, and shorthands for what comes back."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from throughline.claude.body import BatchBody
from throughline.claude.client import OFFICIAL_HOST, Claude, connect
from throughline.claude.patience import Patience
from throughline.domain.ask import Ask, Document, ItemResult, Reply, Unanswered
from throughline.domain.job import CallId, Effort, Kind
from throughline.domain.pricing import Usage

MODEL = "claude-haiku-5-5"
QUICK = Patience(tries=3, first_wait_s=0.01, longest_wait_s=1.0)
_BATCH_TIMEOUT_S = 3600

NOTES = "\n".join(
    f"Survey {number} of the harbour was made by team {number % 7} in the year {1900 + number}." for number in range(60)
)


def ask(**changed: Any) -> Ask:
    """A short, cheap question."""
    usual: dict[str, Any] = {
        "model": MODEL,
        "kind": Kind.SUMMARY,
        "system": "You answer in one short sentence.",
        "documents": (),
        "instruction": "What is the capital of France?",
        "structured": False,
        "max_tokens": 4_000,
        "effort": Effort.LOW,
        "cache_documents": False,
    }
    return Ask(**{**usual, **changed})


def structured() -> Ask:
    """A question whose answer has the schema of its kind."""
    wanted = "Write one unit, u001, on what was surveyed, in one sentence with one quote. No outline, no closing."
    return ask(documents=(document(),), instruction=wanted, structured=True)


def document(title: str = "harbour.md", text: str = NOTES) -> Document:
    return Document(title=title, text=text)


def connection(url: str | None, *, key: str = "sim-key", patience: Patience = QUICK) -> Claude:
    return connect(api_key=key, base_url=url, patience=patience)


def stranger(claude: Claude) -> Claude:
    """A connection to the same endpoint with a key that it does not know."""
    scheme = "https" if claude.host == OFFICIAL_HOST else "http"
    return connection(f"{scheme}://{claude.host}", key="not-a-key")


def named(*asks: Ask) -> list[tuple[CallId, Ask]]:
    """The asks as a batch's requests: `call-1`, `call-2`, ..."""
    return [(CallId(f"call-{number}"), each) for number, each in enumerate(asks, start=1)]


async def post(claude: Claude, requests: Sequence[tuple[CallId, Ask]]) -> str:
    """Submit these requests as one batch; the remote id."""
    with BatchBody() as body:
        for call_id, asked in requests:
            body.add(call_id, asked)
        return await claude.create_batch(body, before_end=may_be_sent)


async def may_be_sent() -> None:
    """Nothing forbids the last bytes of the body."""


async def ended(claude: Claude, remote_id: str) -> str:
    """The id, once the batch has ended: at once on the simulator, in minutes on the real API."""
    deadline = time.monotonic() + _BATCH_TIMEOUT_S
    while not (await claude.batch(remote_id)).ended:
        assert time.monotonic() < deadline, "the batch did not end in time"
        await asyncio.sleep(10)
    return remote_id


async def lines(claude: Claude, remote_id: str) -> list[ItemResult]:
    return [line async for line in claude.results(remote_id)]


async def answers(claude: Claude, requests: Sequence[tuple[CallId, Ask]]) -> dict[str, Reply | Unanswered]:
    """Submit, wait and read: the results by call."""
    remote_id = await ended(claude, await post(claude, requests))
    return {line.call_id: line.result for line in await lines(claude, remote_id)}


def whole_prompt(raw_usage: dict[str, Any]) -> int:
    """The prompt's tokens as the API splits them."""
    parts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return sum(raw_usage.get(part) or 0 for part in parts)


def adds_up(usage: Usage, raw_usage: dict[str, Any]) -> bool:
    """Whether what we read is all of what the API reported, each token once."""
    return (
        usage.prompt_tokens == whole_prompt(raw_usage)
        and usage.output_tokens == raw_usage["output_tokens"]
        and 0 <= usage.thinking_tokens <= usage.output_tokens
        and min(usage.cache_write_5m_tokens, usage.cache_write_1h_tokens, usage.cache_read_tokens) >= 0
    )
