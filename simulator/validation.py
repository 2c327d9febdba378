"""What the API accepts in a request, and what it says about the rest.

The same rules hold for a sync call, where they answer at once, and for a batch item, where they are looked at
only when the batch ends.
"""

from typing import Any

from simulator.errors import ApiError, invalid, not_found
from simulator.models import OUTPUT_300K_TOKENS, Model, find, local
from simulator.schema_rules import check_schema
from simulator.shapes import as_list, as_object, objects_in

_COUNT_KEYS = frozenset(
    {"messages", "model", "cache_control", "output_config", "system", "thinking", "tool_choice", "tools"}
)
_BATCH_KEYS = _COUNT_KEYS | {
    "max_tokens",
    "container",
    "diagnostics",
    "inference_geo",
    "metadata",
    "service_tier",
    "stop_sequences",
}
_SYNC_KEYS = _BATCH_KEYS | {"stream"}
_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
_HIGH_EFFORTS = frozenset({"xhigh", "max"})
_BLOCK_TYPES = frozenset(
    {
        "text",
        "image",
        "document",
        "search_result",
        "thinking",
        "redacted_thinking",
        "tool_use",
        "tool_result",
        "server_tool_use",
        "container_upload",
    }
)
_MAX_CACHE_MARKERS = 4

Params = dict[str, Any]


def check_sync(params: Params) -> Model:
    """A Messages call; raises what the API answers, returns the model it names."""
    model = _check_common(params, _SYNC_KEYS)
    max_tokens = _max_tokens(params)
    if max_tokens > model.sync_output_tokens:
        raise _too_many_tokens(max_tokens, model.sync_output_tokens, model)
    return model


def check_batch_item(params: Any, *, has_300k_beta: bool) -> Model:
    """The parameters of one request of a batch."""
    fields = as_object(params)
    if fields is None:
        raise invalid("params: Input should be an object")
    model = _check_common(fields, _BATCH_KEYS)
    max_tokens = _max_tokens(fields)
    cap = OUTPUT_300K_TOKENS if has_300k_beta and model.takes_300k else model.sync_output_tokens
    if max_tokens > cap:
        raise _too_many_tokens(max_tokens, cap, model)
    return model


def check_count(params: Params) -> Model:
    return _check_common(params, _COUNT_KEYS)


def check_local(params: Params) -> Model:
    """A local server wants messages and a limit, and looks at nothing else."""
    _check_messages(params.get("messages"))
    _max_tokens(params)
    return local(str(params.get("model") or "local"))


def _too_many_tokens(max_tokens: int, cap: int, model: Model) -> ApiError:
    allowed = f"the maximum allowed number of output tokens for {model.id}"
    return invalid(f"max_tokens: {max_tokens} > {cap}, which is {allowed}")


def _max_tokens(params: Params) -> int:
    if "max_tokens" not in params:
        raise invalid("max_tokens: Field required")
    value = params["max_tokens"]
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid("max_tokens: Input should be a valid integer")
    if value < 1:
        raise invalid("max_tokens: Input should be greater than or equal to 1")
    return value


def _check_common(params: Params, allowed: frozenset[str]) -> Model:
    model = _find_model(params.get("model"))
    for key in params:
        if key not in allowed:
            raise invalid(f"{key}: Extra inputs are not permitted")
    _check_messages(params.get("messages"))
    _check_system(params.get("system"))
    _check_last_turn(params["messages"], model)
    _check_thinking(params, model)
    _check_tool_choice(params.get("tool_choice"), model)
    _check_output_config(params)
    _check_markers(params)
    return model


def _find_model(model_id: Any) -> Model:
    if not isinstance(model_id, str):
        problem = "Field required" if model_id is None else "Input should be a valid string"
        raise invalid(f"model: {problem}")
    model = find(model_id)
    if model is None:
        raise not_found(f"model: {model_id}")
    return model


def _check_messages(messages: Any) -> None:
    if messages is None:
        raise invalid("messages: Field required")
    turns = as_list(messages)
    if turns is None:
        raise invalid("messages: Input should be a list")
    if not turns:
        raise invalid("messages: at least one message is required")
    for index, message in enumerate(turns):
        _check_message(message, f"messages.{index}")


def _check_message(message: Any, where: str) -> None:
    turn = as_object(message)
    if turn is None:
        raise invalid(f"{where}: Input should be an object")
    if turn.get("role") not in ("user", "assistant"):
        raise invalid(f"{where}.role: Input should be 'user' or 'assistant'")
    if extra := sorted(turn.keys() - {"role", "content"}):
        raise invalid(f"{where}.{extra[0]}: Extra inputs are not permitted")
    _check_content(turn.get("content"), f"{where}.content", role=turn["role"])


def _check_content(content: Any, where: str, *, role: str) -> None:
    if isinstance(content, str):
        if not content and role == "user":
            raise invalid(f"{where}: user messages must have non-empty content")
        return
    blocks = as_list(content)
    if blocks is None:
        raise invalid(f"{where}: Input should be a string or a list of content blocks")
    for index, block in enumerate(blocks):
        _check_block(block, f"{where}.{index}", role=role)


def _check_block(value: Any, where: str, *, role: str) -> None:
    block = as_object(value) or {}
    kind = block.get("type")
    if kind not in _BLOCK_TYPES:
        raise invalid(f"{where}: Input tag {kind!r} does not match any of the expected content block types")
    if kind == "text":
        _check_text(block, where, role=role)
    if kind == "document":
        _check_document(block, where, role=role)


def _check_text(block: dict[str, Any], where: str, *, role: str) -> None:
    if not isinstance(block.get("text"), str) or not block["text"]:
        raise invalid(f"{where}.text: text content blocks must be non-empty")
    if role == "user" and block.get("citations"):
        raise invalid(f"{where}.citations: Extra inputs are not permitted")


def _check_document(block: dict[str, Any], where: str, *, role: str) -> None:
    if role == "assistant":
        raise invalid(f"{where}: document blocks are not allowed in assistant messages")
    source = as_object(block.get("source"))
    if source is None:
        raise invalid(f"{where}.source: Field required")
    if source.get("type") == "text" and not (isinstance(source.get("data"), str) and source["data"]):
        raise invalid(f"{where}.source.data: Field required")


def _check_system(system: Any) -> None:
    if system is None or isinstance(system, str):
        return
    blocks = as_list(system)
    if blocks is None:
        raise invalid("system: Input should be a string or a list of text blocks")
    for index, value in enumerate(blocks):
        block = as_object(value) or {}
        if block.get("type") != "text":
            raise invalid(f"system.{index}: Input should be a text block")
        _check_text(block, f"system.{index}", role="system")


def _check_last_turn(messages: list[dict[str, Any]], model: Model) -> None:
    if messages[0]["role"] != "user":
        raise invalid('messages: first message must use the "user" role')
    if model.refuses_prefill and messages[-1]["role"] == "assistant":
        raise invalid("This model does not support assistant message prefill: the last turn must be the user's")


def _check_thinking(params: Params, model: Model) -> None:
    if params.get("thinking") is None:
        return
    kind = (as_object(params["thinking"]) or {}).get("type")
    if kind not in model.thinking_types:
        allowed = ", ".join(sorted(model.thinking_types))
        raise invalid(f"thinking.type: {kind!r} is not supported for {model.id}; allowed: {allowed}")
    effort = _output_config(params).get("effort")
    if model.id == "claude-opus-5" and kind == "disabled" and effort in _HIGH_EFFORTS:
        raise invalid(f"thinking cannot be disabled at effort {effort!r} on {model.id}")


def _check_tool_choice(tool_choice: Any, model: Model) -> None:
    kind = (as_object(tool_choice) or {}).get("type")
    if kind in ("any", "tool") and model.refuses_forced_tools:
        raise invalid(f"tool_choice.type: {kind!r} is not supported for {model.id}")


def _output_config(params: Params) -> dict[str, Any]:
    config = as_object(params.get("output_config") or {})
    if config is None:
        raise invalid("output_config: Input should be an object")
    return config


def _check_output_config(params: Params) -> None:
    config = _output_config(params)
    for key in config.keys() - {"effort", "format"}:
        raise invalid(f"output_config.{key}: Extra inputs are not permitted")
    effort = config.get("effort")
    if effort is not None and effort not in _EFFORTS:
        raise invalid(f"output_config.effort: {effort!r} is not one of {', '.join(sorted(_EFFORTS))}")
    if config.get("format") is None:
        return
    format_ = as_object(config["format"]) or {}
    if format_.get("type") != "json_schema":
        raise invalid("output_config.format.type: Input should be 'json_schema'")
    check_schema(format_.get("schema"))
    if _has_native_citations(params["messages"]):
        raise invalid("citations cannot be enabled together with output_config.format")


def _has_native_citations(messages: list[dict[str, Any]]) -> bool:
    blocks = [block for message in messages for block in objects_in(message["content"])]
    return any((as_object(block.get("citations")) or {}).get("enabled") for block in blocks)


def _check_markers(params: Params) -> None:
    holders: list[dict[str, Any]] = [params, *objects_in(params.get("tools"))]
    contents = [params.get("system"), *(message["content"] for message in params["messages"])]
    for content in contents:
        holders.extend(objects_in(content))
    markers = [as_object(holder["cache_control"]) or {} for holder in holders if holder.get("cache_control")]
    if len(markers) > _MAX_CACHE_MARKERS:
        raise invalid(f"A maximum of {_MAX_CACHE_MARKERS} blocks with cache_control may be provided")
    for marker in markers:
        if marker.get("type") != "ephemeral" or marker.get("ttl", "5m") not in ("5m", "1h"):
            raise invalid("cache_control: type must be 'ephemeral' and ttl '5m' or '1h'")
