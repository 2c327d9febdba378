"""Reading a request: its text, its documents, its schema, and how many tokens they weigh.

Tokens are a deterministic function of the text: 3.2 bytes of UTF-8 each, rounded up per block.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from simulator.shapes import as_object, objects_in


@dataclass(frozen=True, slots=True)
class SourceDocument:
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """One block of the prompt, in the order in which the model would read it."""

    text: str
    tokens: int
    cache_ttl: str | None


@dataclass(frozen=True, slots=True)
class Prompt:
    text: str
    documents: tuple[SourceDocument, ...]
    segments: tuple[Segment, ...]
    schema: dict[str, Any] | None
    schema_json: str

    @property
    def input_tokens(self) -> int:
        return sum(segment.tokens for segment in self.segments)


def count_text_tokens(text: str) -> int:
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return (size * 10 + 31) // 32


def read_prompt(params: dict[str, Any], *, schema_in_text: bool) -> Prompt:
    """A local server knows no `output_config`: there the schema is text between tags."""
    blocks = list(_blocks(params))
    text = "\n\n".join(block["text"] for role, block in blocks if role != "assistant" and _is_text(block))
    schema = _schema_in(text) if schema_in_text else _schema_of(params)
    schema_json = "" if schema is None or schema_in_text else json.dumps(schema, separators=(",", ":"))
    return Prompt(
        text=text,
        documents=tuple(_documents(blocks)),
        segments=tuple(_segments(params, [block for _, block in blocks], schema_json)),
        schema=schema,
        schema_json=schema_json,
    )


def _blocks(params: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from (("system", block) for block in _as_blocks(params.get("system") or []))
    for message in params["messages"]:
        role = message["role"]
        yield from ((role, block) for block in _as_blocks(message["content"]))


def _as_blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else objects_in(content)


def _is_text(block: dict[str, Any]) -> bool:
    return block.get("type") == "text"


def _documents(blocks: list[tuple[str, dict[str, Any]]]) -> Iterator[SourceDocument]:
    for _, block in blocks:
        if block.get("type") == "document" and block["source"].get("type") == "text":
            title = block.get("title") or "Untitled document"
            yield SourceDocument(str(title), block["source"]["data"])


def _segments(params: dict[str, Any], blocks: list[dict[str, Any]], schema_json: str) -> Iterator[Segment]:
    for tool in objects_in(params.get("tools")):
        yield _segment(json.dumps(tool, separators=(",", ":")), tool.get("cache_control"))
    if schema_json:
        yield _segment(schema_json, None)
    automatic = params.get("cache_control")
    for index, block in enumerate(blocks):
        is_last = index == len(blocks) - 1
        yield _segment(_block_text(block), block.get("cache_control") or (automatic if is_last else None))


def _segment(text: str, cache_control: dict[str, Any] | None) -> Segment:
    ttl = str(cache_control.get("ttl") or "5m") if cache_control else None
    return Segment(text, count_text_tokens(text), ttl)


def _block_text(block: dict[str, Any]) -> str:
    if _is_text(block):
        return block["text"]
    if block.get("type") == "document" and block["source"].get("type") == "text":
        parts = (block.get("title"), block.get("context"), block["source"]["data"])
        return "\n".join(part for part in parts if part)
    bare = {key: value for key, value in block.items() if key != "cache_control"}
    return json.dumps(bare, separators=(",", ":"))


def _schema_of(params: dict[str, Any]) -> dict[str, Any] | None:
    config = as_object(params.get("output_config")) or {}
    format_ = as_object(config.get("format")) or {}
    return as_object(format_.get("schema"))


def _schema_in(text: str) -> dict[str, Any] | None:
    start, end = text.rfind("<json_schema>"), text.rfind("</json_schema>")
    if start < 0 or end < start:
        return None
    try:
        return as_object(json.loads(text[start + len("<json_schema>") : end]))
    except json.JSONDecodeError:
        return None
