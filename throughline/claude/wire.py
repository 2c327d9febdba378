"""Between our words and the wire: request parameters out, replies in."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import orjson

from throughline.domain.ask import Ask, Document, Reply, StopReason
from throughline.domain.output import answer_schema
from throughline.domain.pricing import Usage

_MOST_TOKENS = 1_000_000_000  # no request comes near; larger is not a count
# Any, throughout this module: request parameters and raw usage are JSON.


def params(ask: Ask, *, cache_ttl: str) -> dict[str, Any]:
    """The body of a Messages request, or the `params` of a batch item: nothing but allowed fields."""
    body: dict[str, Any] = {
        "model": ask.model,
        "max_tokens": ask.max_tokens,
        "system": ask.system,
        "messages": [{"role": "user", "content": list(_content(ask, cache_ttl))}],
    }
    output_config: dict[str, Any] = {}
    if ask.structured:
        output_config["format"] = {"type": "json_schema", "schema": answer_schema(ask.kind)}
    if ask.effort is not None:
        output_config["effort"] = str(ask.effort)
    if output_config:
        body["output_config"] = output_config
    return body


def encoded(body: Mapping[str, Any]) -> bytes:
    """The body as JSON. Half a surrogate pair, which UTF-8 cannot carry, becomes a question mark."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _content(ask: Ask, cache_ttl: str) -> Iterable[dict[str, Any]]:
    for position, document in enumerate(ask.documents, start=1):
        block = _document(document)
        if ask.cache_documents and position == len(ask.documents):
            block["cache_control"] = {"type": "ephemeral", "ttl": cache_ttl}
        yield block
    if ask.instruction:  # the API refuses an empty block
        yield {"type": "text", "text": ask.instruction}


def _document(document: Document) -> dict[str, Any]:
    return {
        "type": "document",
        "title": document.title,
        "source": {"type": "text", "media_type": "text/plain", "data": document.text},
    }


def reply(
    *,
    blocks: Iterable[str],
    usage: dict[str, Any],
    stop_reason: str | None,
    stop_details: dict[str, Any] | None,
    request_id: str | None,
) -> Reply:
    """A paid answer. `blocks` are the text blocks; thinking blocks carry no answer."""
    text = "".join(blocks)
    read = read_usage(usage)
    if read is not None and (read.prompt_tokens == 0 or (text and read.output_tokens == 0)):
        read = None  # nothing comes of nothing: this would be a cost that is silently too small
    return Reply(
        text=text,
        usage=read or Usage(),
        usage_known=read is not None,
        raw_usage=usage,
        stop_reason=_stop_reason(stop_reason),
        request_id=request_id and request_id[:128],
        refusal_category=_text((stop_details or {}).get("category")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _stop_reason(value: Any) -> StopReason:
    """A reason that this program does not know is data as well: the answer is paid for."""
    return StopReason(value) if _text(value) in set(StopReason) else StopReason.UNKNOWN


def message_reply(message: Mapping[str, Any]) -> Reply:
    """A whole message, as a line of a batch's results brings it."""
    return reply(
        blocks=[block["text"] for block in message["content"] if block["type"] == "text"],
        usage=_object(message.get("usage")),
        stop_reason=message["stop_reason"],
        stop_details=_object(message.get("stop_details")),
        request_id=None,
    )


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def read_usage(raw: Mapping[str, Any]) -> Usage | None:
    """Claude's `usage`; None when it cannot be believed, and then the reservation stands as the cost.

    A local server may leave out or null all but the two totals.
    """
    if not all(isinstance(raw.get(part) or {}, dict) for part in ("cache_creation", "output_tokens_details")):
        return None
    creation, details = _object(raw.get("cache_creation")), _object(raw.get("output_tokens_details"))
    written = raw.get("cache_creation_input_tokens") or 0
    one_hour = creation.get("ephemeral_1h_input_tokens") or 0
    counts: dict[str, Any] = {
        "input_tokens": raw.get("input_tokens"),
        "output_tokens": raw.get("output_tokens"),
        "thinking_tokens": details.get("thinking_tokens") or 0,
        "cache_read_tokens": raw.get("cache_read_input_tokens") or 0,
        "cache_write_1h_tokens": one_hour,
        "cache_write_5m_tokens": written,
    }
    if not all(type(count) is int and 0 <= count <= _MOST_TOKENS for count in counts.values()) or one_hour > written:
        return None
    return Usage(**counts | {"cache_write_5m_tokens": written - one_hour})
