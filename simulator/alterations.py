"""What goes wrong inside an answer: units lost, quotes altered, text cut short.

Faults of the tree change what the model says; faults of the text change where it stops.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from simulator.faults import Fault

_INVENTED = "The committee recorded {} separate objections at a session whose minutes were never published."


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model meant to write, before any limit cut it."""

    text: str
    stop_reason: str = "end_turn"
    stop_details: dict[str, Any] | None = None
    output_tokens: int | None = None  # where a fault fixes the count, whatever the text weighs


def alter_tree(tree: Any, fault: Fault) -> Any:
    """Change what is said; anything that is not an object with the expected parts stays as it is."""
    match fault.what:
        case "alter_quotes":
            _rewrite_quotes(tree, float(fault.args.get("share", 1.0)), _altered)
        case "invent_quotes":
            _rewrite_quotes(tree, float(fault.args.get("share", 1.0)), _invented)
        case "low_confidence":
            for node in _objects(tree):
                if "confidence" in node:
                    node["confidence"] = fault.args.get("value", 0.1)
        case "drift":
            _drift(_units_of(tree), fault)
        case "empty_units" | "drop_units" | "repeat_units" | "early_end":
            _alter_units(tree, fault)
        case _:
            pass
    return tree


def alter_text(text: str, tree: Any, fault: Fault) -> Draft:
    """Change where the text stops and what is given as the reason."""
    match fault.what:
        case "truncate":
            return Draft(_cut_in_unit(text, tree, fault), "max_tokens")
        case "window_exceeded":
            return Draft(_cut_in_unit(text, tree, fault), "model_context_window_exceeded")
        case "refusal":
            kept = _cut_in_unit(text, tree, fault) if "after_units" in fault.args else ""
            return Draft(kept, "refusal", _refusal_details(fault))
        case "malformed_json":
            return Draft(text[:-2] + ",")
        case "empty":
            return Draft("{}", output_tokens=2)
        case _:
            return Draft(text)


def _refusal_details(fault: Fault) -> dict[str, Any]:
    category = fault.args.get("category", "general_harms")
    return {"type": "refusal", "category": category, "explanation": "The request touches a restricted area."}


def _units_of(tree: Any) -> list[Any]:
    if not isinstance(tree, dict):
        return []
    units: Any = cast("dict[str, Any]", tree).get("units")
    return cast("list[Any]", units) if isinstance(units, list) else []


def _alter_units(tree: Any, fault: Fault) -> None:
    units = _units_of(tree)
    count = int(fault.args.get("count", 1))
    match fault.what:
        case "early_end":
            del units[int(fault.args.get("after_units", 1)) :]
        case "drop_units":
            # From the middle: a tail that is missing is what `early_end` shows.
            start = max(0, (len(units) - count) // 2)
            del units[start : start + count]
        case "empty_units":
            for unit in units[-count:] if count else []:
                unit.update({key: _emptied(value) for key, value in unit.items() if key not in _KEPT})
        case _:
            _repeat(units)


def _drift(units: list[Any], fault: Fault) -> None:
    """The last units are worse than the first: a share of their quotes is invented, and they are less sure."""
    for unit in units[int(len(units) * (1 - float(fault.args.get("late", 0.3)))) :]:
        _rewrite_quotes(unit, float(fault.args.get("share", 1.0)), _invented)
        unit["confidence"] = fault.args.get("value", 0.6)


_KEPT = frozenset({"unit_id", "id", "heading", "confidence"})


def _emptied(value: Any) -> Any:
    if isinstance(value, str):
        return ""
    return [] if isinstance(value, list) else value


def _repeat(units: list[Any]) -> None:
    """Every second unit says what the one before said; a lone unit says it twice."""
    if len(units) == 1 and "body" in units[0]:
        units[0]["body"] = f"{units[0]['body']}\n\n{units[0]['body']}"
    for before, unit in zip(units[::2], units[1::2], strict=False):
        if "body" in unit:
            unit["body"] = before["body"]


def _cut_in_unit(text: str, tree: Any, fault: Fault) -> str:
    """The text up to the middle of the unit after the first K; of the whole, when there are no units."""
    units = _units_of(tree)
    if not units:
        return text[: len(text) // 2]
    target = min(int(fault.args.get("after_units", 0)), len(units) - 1)
    position = text.index('"units":[')
    for unit in units[: target + 1]:
        written = dump(unit)
        start = text.index(written, position)
        position = start + len(written)
    return text[: position - len(dump(units[target])) // 2]


def dump(value: Any) -> str:
    """JSON as the model writes it: compact, and readable beyond ASCII."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _objects(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        node = cast("dict[str, Any]", tree)
        yield node
        for value in node.values():
            yield from _objects(value)
    elif isinstance(tree, list):
        for value in cast("list[Any]", tree):
            yield from _objects(value)


def _rewrite_quotes(tree: Any, share: float, rewrite: Callable[[str, int], str]) -> None:
    """Spread evenly: a share of one half strikes every second quote."""
    quoting = [node for node in _objects(tree) if isinstance(node.get("quote"), str)]
    for index, node in enumerate(quoting):
        if int((index + 1) * share + 1e-9) > int(index * share + 1e-9):
            node["quote"] = rewrite(node["quote"], index)


def _altered(quote: str, _index: int) -> str:
    """One digit or one word changed: the errors that a fuzzy comparison forgives."""
    for position, char in enumerate(quote):
        if char in "0123456789":
            return f"{quote[:position]}{(int(char) + 1) % 10}{quote[position + 1 :]}"
    words = quote.split(" ")
    longest = max(range(len(words)), key=lambda index: len(words[index]))
    words[longest] = "elsewhere" if words[longest] != "elsewhere" else "nowhere"
    return " ".join(words)


def _invented(_quote: str, index: int) -> str:
    return _INVENTED.format(index + 3)
