"""Failures on request: what goes wrong, where, how often, and for which requests."""

from dataclasses import dataclass, field
from typing import Any, cast

from simulator.errors import invalid

_ENDPOINT_FAULTS = frozenset({"status", "drop_before_accept", "drop_after_accept", "hang", "not_found", "page"})
_EXTRA_FAULTS = {
    "messages": frozenset({"cut_stream"}),
    "batches.create": frozenset({"accept_late"}),
    "batches.retrieve": frozenset({"foreign_results_url", "no_results_url", "archived"}),
    "batches.results": frozenset({"cut_stream", "duplicate_results", "foreign_custom_id", "odd_line"}),
}
_PLACES = frozenset(
    {
        "messages",
        "batches.create",
        "batches.retrieve",
        "batches.list",
        "batches.results",
        "batches.cancel",
        "batches.delete",
        "count_tokens",
        "models",
    }
)
_ITEM_FAULTS = frozenset(
    {
        "truncate",
        "window_exceeded",
        "early_end",
        "refusal",
        "malformed_json",
        "errored",
        "expired",
        "canceled",
        "slow",
        "alter_quotes",
        "invent_quotes",
        "low_confidence",
        "drift",
        "empty_units",
        "drop_units",
        "repeat_units",
        "empty",
    }
)
_KEYS = frozenset({"on", "what", "times", "skip", "match", "args"})


@dataclass(slots=True)
class Fault:
    """One scripted failure; `times` of -1 never runs out."""

    on: str
    what: str
    times: int = 1
    skip: int = 0
    match: str | None = None
    args: dict[str, Any] = field(default_factory=dict[str, Any])

    def take(self, raw: bytes) -> bool:
        """Whether it strikes here; counts down when the request is one that it could strike."""
        if self.times == 0 or (self.match is not None and self.match.encode() not in raw):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= self.times > 0
        return True


class FaultScript:
    """The faults in the order in which they were scripted; the first that applies strikes alone."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self.struck = 0

    def add(self, script: Any) -> int:
        entries = cast("list[Any]", script if isinstance(script, list) else [script])
        faults = [_read(entry) for entry in entries]
        self._faults.extend(faults)
        return len(faults)

    def clear(self) -> None:
        self._faults.clear()

    def strikes(self, on: str) -> bool:
        """Whether anything is scripted for a place at all: a cheap look before building `raw`."""
        return any(fault.on == on and fault.times != 0 for fault in self._faults)

    def take(self, on: str, raw: bytes) -> Fault | None:
        fault = next((fault for fault in self._faults if fault.on == on and fault.take(raw)), None)
        self.struck += fault is not None
        return fault


def _read(entry: Any) -> Fault:
    if not isinstance(entry, dict):
        raise invalid("a fault is an object with `on` and `what`")
    fields = cast("dict[str, Any]", entry)
    if unknown := fields.keys() - _KEYS:
        raise invalid(f"unknown keys in fault: {', '.join(sorted(unknown))}")
    on, what = fields.get("on"), fields.get("what")
    if on == "item":
        known = _ITEM_FAULTS
    elif on in _PLACES:
        known = _ENDPOINT_FAULTS | _EXTRA_FAULTS.get(str(on), frozenset[str]())
    else:
        raise invalid(f"unknown place for a fault: {on!r}")
    if what not in known:
        raise invalid(f"{what!r} cannot happen on {on!r}; known: {', '.join(sorted(known))}")
    return Fault(**fields)
