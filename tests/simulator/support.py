"""A simulator as a child process, requests to send to it, and its inspection pages."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import httpx
from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

MODEL = "claude-sonnet-5"
BETA_300K = "output-300k-2026-03-24"

QUOTE: dict[str, Any] = {
    "type": "object",
    "properties": {"source": {"type": "string"}, "quote": {"type": "string"}},
    "required": ["source", "quote"],
    "additionalProperties": False,
}


def obj(**properties: Any) -> dict[str, Any]:
    """An object schema in the form that structured outputs accept."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def arr(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


STRING: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "number"}
INTEGER: dict[str, Any] = {"type": "integer"}
UNIT = obj(unit_id=STRING, heading=STRING, body=STRING, citations=arr(QUOTE), confidence=NUMBER)
UNITS = obj(units=arr(UNIT))

TOPICS = ("Rivers", "Mountains", "Harbours", "Forests", "Deserts", "Glaciers", "Islands", "Marshes")


def _section(topic: str, offset: int) -> str:
    lines = [
        f"Survey number {offset + line} of the {topic.lower()} was made by team {line} in the year {1900 + line}."
        for line in range(30)
    ]
    return f"# {topic}\n\n" + "\n".join(lines)


ATLAS = "\n\n".join(_section(topic, 100 * number) for number, topic in enumerate(TOPICS, start=1))


def document(text: str = ATLAS, title: str = "atlas.md", **extra: Any) -> dict[str, Any]:
    source = {"type": "text", "media_type": "text/plain", "data": text}
    return {"type": "document", "source": source, "title": title, **extra}


def text(value: str, **extra: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **extra}


def write_units(*topics: str, words: int = 60) -> str:
    units = "".join(
        f'<unit id="u{number:03d}" words="{words}" source="atlas.md">{topic}</unit>'
        for number, topic in enumerate(topics, start=1)
    )
    return f"<write_units>{units}</write_units>"


def params(
    *content: dict[str, Any], schema: dict[str, Any] | None = None, max_tokens: int = 20_000, **extra: Any
) -> dict[str, Any]:
    """A request; without content it asks a short question."""
    asked: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": max_tokens,
        "messages": [{"role": "user", "content": list(content) or "Please tell me what the matter is about."}],
    }
    if schema is not None:
        asked["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    return {**asked, **extra}


def units_params(count: int = 4, **extra: Any) -> dict[str, Any]:
    return params(document(), text(write_units(*TOPICS[:count])), schema=UNITS, **extra)


def item(custom_id: str, request: dict[str, Any] | None = None) -> Any:
    """A request of a batch. Any: the SDK's types forbid what the simulator is to refuse."""
    return {"custom_id": custom_id, "params": request or params()}


def sdk(simulator: "Simulator", key: str = "sim-key") -> AsyncAnthropic:
    # Without certificates to load, as nothing here is encrypted: a client costs a millisecond, not fifty.
    http_client = DefaultAsyncHttpxClient(verify=False)
    return AsyncAnthropic(api_key=key, base_url=simulator.url, max_retries=0, http_client=http_client)


def answer_text(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


async def plain(client: AsyncAnthropic, request: dict[str, Any]) -> Any:
    """Ask for the message in one piece."""
    create: Any = client.messages.create  # no overload of the SDK fits an open dict
    return await create(**request)


async def whole(client: AsyncAnthropic, request: dict[str, Any]) -> Any:
    """Ask by streaming, as one must for long answers, and wait for the message."""
    async with client.messages.stream(**request) as stream:
        return await stream.get_final_message()


async def results_of(client: AsyncAnthropic, batch_id: str) -> list[Any]:
    return [line async for line in await client.beta.messages.batches.results(batch_id)]


async def run_batch(client: AsyncAnthropic, *items: Any, beta: bool = False) -> dict[str, Any]:
    """Submit and read: the results by custom id."""
    betas = [BETA_300K] if beta else []
    batch = await client.beta.messages.batches.create(requests=items, betas=betas)
    return {line.custom_id: line.result for line in await results_of(client, batch.id)}


@dataclass
class Simulator:
    """A running child process."""

    process: subprocess.Popen[str]
    url: str

    @classmethod
    @contextlib.contextmanager
    def running(cls, *arguments: str) -> Generator["Simulator"]:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator", "--exit-with-stdin", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            try:
                yield cls(process, json.loads(process.stdout.readline())["url"])
            finally:
                process.kill()

    def get(self, path: str, **query: Any) -> Any:
        return httpx.get(self.url + path, params=query, verify=False).raise_for_status().json()

    def post(self, path: str, content: Any = None) -> httpx.Response:
        return httpx.post(self.url + path, json=content, headers={"x-api-key": "sim-key"}, verify=False)

    def fault(self, on: str, what: str, args: dict[str, Any] | None = None, **fields: Any) -> None:
        script = {"on": on, "what": what, "args": args or {}, **fields}
        self.post("/_sim/faults", script).raise_for_status()

    def reset(self) -> None:
        self.post("/_sim/reset").raise_for_status()

    def bill(self) -> dict[str, Any]:
        return self.get("/_sim/bill")

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        return self.get("/_sim/requests", since=since)["requests"]
