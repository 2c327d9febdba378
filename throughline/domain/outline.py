"""The outline: the ordered list of units an output must contain, and the contract between both paths."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from throughline.domain.source import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineUnit:
    """One unit to write. `spans` are the stretches of the sources that belong to it.

    `begins` holds the first words of its passage where that is only a part of a source: a heading may
    stand there more than once, or not at all.
    A unit whose outline was written by the model names whole sources in `sources` and has no spans.
    """

    id: str
    heading: str
    sources: tuple[str, ...] = ()
    spans: tuple[Span, ...] = field(default=(), repr=False)
    begins: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The units in the order in which a reader meets them; ids are unique."""

    units: tuple[OutlineUnit, ...]

    @property
    def unit_ids(self) -> tuple[str, ...]:
        """The ids in order."""
        return tuple(unit.id for unit in self.units)

    def unit(self, unit_id: str) -> OutlineUnit:
        """The unit of that id; `KeyError` when the outline has none."""
        for unit in self.units:
            if unit.id == unit_id:
                return unit
        raise KeyError(unit_id)


def unit_id(position: int) -> str:
    """The id of the unit at that position, counted from 1: `u001`, `u002`, ..."""
    return f"u{position:03d}"


_ADAPTER = TypeAdapter(Outline)


def to_json(outline: Outline) -> dict[str, Any]:
    """The outline as JSON values, for the ledger."""
    return _ADAPTER.dump_python(outline, mode="json")


def from_json(data: Mapping[str, Any]) -> Outline:
    """The outline as it was stored."""
    return _ADAPTER.validate_python(data)
