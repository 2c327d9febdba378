"""What structured outputs accept of JSON Schema."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

from simulator.errors import ApiError, invalid
from simulator.shapes import as_object, objects_in

Schema = dict[str, Any]

MAX_OPTIONAL_PROPERTIES, MAX_UNIONS = 24, 16

_UNSUPPORTED = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
)
_LOOKAROUND_OR_BACKREFERENCE = re.compile(r"\(\?[=!<]|\\[1-9]")
_PREFIX = "output_config.format.schema: "


def check_schema(schema: Any) -> None:
    """Raise what the API answers to a schema that it cannot compile."""
    if not isinstance(schema, dict):
        raise invalid(f"{_PREFIX}Input should be an object")
    problem = _problem_of(json.dumps(schema, sort_keys=True))
    if problem is not None:
        raise invalid(_PREFIX + problem)


@lru_cache(maxsize=256)
def _problem_of(schema_json: str) -> str | None:
    """The same few schemas come with every request of a job, so verdicts are remembered."""
    try:
        _check(json.loads(schema_json))
    except ApiError as problem:
        return problem.message
    return None


def _check(root: Schema) -> None:
    _reject_recursion(root, root, ())
    nodes = list(_nodes(root))
    for node in nodes:
        _check_node(node)
    optional = sum(len(set(node.get("properties") or {}) - set(node.get("required") or [])) for node in nodes)
    if optional > MAX_OPTIONAL_PROPERTIES:
        raise invalid(f"too many optional parameters: {optional} > {MAX_OPTIONAL_PROPERTIES}")
    unions = sum(1 for node in nodes if _is_union(node))
    if unions > MAX_UNIONS:
        raise invalid(f"too many parameters with union types: {unions} > {MAX_UNIONS}")


def _children(node: Schema) -> Iterator[Schema]:
    """The schemas directly inside one: property names are not keywords, and `$defs` stand beside."""
    for key in ("properties", "patternProperties"):
        yield from objects_in(list((as_object(node.get(key)) or {}).values()))
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        yield from objects_in(node.get(key))
    if isinstance(node.get("items"), dict):
        yield node["items"]


def _nodes(node: Schema) -> Iterator[Schema]:
    """Every schema once: a definition counts once however often it is used."""
    yield node
    for child in _children(node):
        yield from _nodes(child)
    for key in ("$defs", "definitions"):
        for definition in objects_in(list((as_object(node.get(key)) or {}).values())):
            yield from _nodes(definition)


def _reject_recursion(root: Schema, node: Schema, path: tuple[str, ...]) -> None:
    if (ref := node.get("$ref")) is not None:
        if not str(ref).startswith("#"):
            raise invalid(f"external $ref is not supported: {ref}")
        if ref in path:
            raise invalid(f"recursive schemas are not supported: {ref}")
        _reject_recursion(root, _target(root, str(ref)), (*path, str(ref)))
    for child in _children(node):
        _reject_recursion(root, child, path)


def _target(root: Schema, ref: str) -> Schema:
    if ref in {"#", "#/"}:
        raise invalid(f"recursive schemas are not supported: {ref}")
    node: Any = root
    for key in ref.removeprefix("#/").split("/"):
        if not isinstance(node, dict) or key not in node:
            raise invalid(f"$ref cannot be resolved: {ref}")
        node = cast("Any", node[key])
    return node


def _check_node(node: Schema) -> None:
    for keyword in _UNSUPPORTED:
        if keyword in node:
            raise invalid(f"For '{node.get('type')}' type, property '{keyword}' is not supported")
    if int(node.get("minItems") or 0) > 1:
        raise invalid("For 'array' type, 'minItems' values other than 0 or 1 are not supported")
    if _LOOKAROUND_OR_BACKREFERENCE.search(str(node.get("pattern", ""))):
        raise invalid("lookaround and backreferences are not supported in 'pattern'")
    if _is_object(node) and node.get("additionalProperties", True) is not False:
        raise invalid("For 'object' type, 'additionalProperties' must be explicitly set to false")


def _is_object(node: Schema) -> bool:
    kind = node.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in node


def _is_union(node: Schema) -> bool:
    return "anyOf" in node or "oneOf" in node or isinstance(node.get("type"), list)
