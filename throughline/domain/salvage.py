"""Reading an answer that may have been cut anywhere: what is complete is kept, because it is paid for.

An answer is one JSON object with `outline`, `units` and `closing`. `read_answer` walks it value by value,
so a cut inside unit 41 still yields units 1 to 40, each validated alone. Text around the object (a code
fence, a sentence before it) is passed over: endpoints without structured outputs like to add it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from pydantic import BaseModel, ValidationError

from throughline.domain.job import Kind
from throughline.domain.output import SHAPES, Closing, OutlineEntry, Unit

_decode = json.JSONDecoder(strict=False).raw_decode  # raw newlines inside strings are harmless here
_ID_CHARACTERS = 64
_SPACE = " \t\r\n"
_OPENING = re.compile(r'\{(?=\s*")')
_EMPTY = re.compile(r"\{(?=\s*\})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """A value of the answer that cannot be used. `unit_id` is None when it names no unit."""

    unit_id: str | None
    error: str


class Place(NamedTuple):
    """Where a value stands in an answer's text, in characters: the JSON of `text[start:end]`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Everything usable in one answer, and whether its JSON came to its end. `places` has one for each unit's id."""

    outline: tuple[OutlineEntry, ...] = ()
    outline_complete: bool = False
    units: tuple[Unit, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict[str, Place])
    closing: Closing | None = None
    defects: tuple[Defect, ...] = ()
    duplicates: int = 0
    finished: bool = False


@dataclass(slots=True)
class _Reader:
    """Collects the parts of one answer while the text is walked."""

    kind: Kind
    outline: list[OutlineEntry] = field(default_factory=list[OutlineEntry])
    outline_complete: bool = False
    outline_has_hole: bool = False
    units: dict[str, Unit] = field(default_factory=dict[str, Unit])
    places: dict[str, Place] = field(default_factory=dict[str, Place])
    closing: Closing | None = None
    defects: list[Defect] = field(default_factory=list[Defect])
    duplicates: int = 0

    def take(self, key: str, value: Any, place: Place) -> None:
        match key:
            case "outline":
                if isinstance(entry := self._validated(OutlineEntry, value), OutlineEntry):
                    self.outline.append(entry)
                else:
                    self.outline_has_hole = True
            case "units":
                unit = self._validated(SHAPES[self.kind].unit, value)
                if isinstance(unit, Unit):
                    self.duplicates += unit.unit_id in self.units
                    self.units.setdefault(unit.unit_id, unit)
                    self.places.setdefault(unit.unit_id, place)
            case "closing":
                closing = None if value is None else self._validated(SHAPES[self.kind].closing, value)
                self.closing = closing if isinstance(closing, Closing) else None
            case _:
                pass

    def _validated(self, model: type[BaseModel], value: Any) -> BaseModel | None:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            self.defects.append(Defect(unit_id=_named_unit(value), error=_first_error(error)))
            return None

    def answer(self, *, finished: bool) -> Answer:
        if not finished and not self.defects:
            self.defects.append(Defect(unit_id=None, error="the JSON ends before it is complete"))
        return Answer(
            outline=tuple(self.outline),
            outline_complete=self.outline_complete and bool(self.outline) and not self.outline_has_hole,
            units=tuple(self.units.values()),
            places=self.places,
            closing=self.closing,
            defects=tuple(self.defects),
            duplicates=self.duplicates,
            finished=finished,
        )


def read_answer(text: str, kind: Kind) -> Answer:
    """Everything complete and valid in `text`; the first unit of an id wins. Never raises."""
    reader = _Reader(kind)
    try:
        for key, value, place in _walk(text, _start(text)):
            if place is None:
                reader.outline_complete |= key == "outline"
            else:
                reader.take(key, value, place)
    except (ValueError, IndexError, RecursionError):
        return reader.answer(finished=False)
    return reader.answer(finished=True)


def read_unit(json_text: str, kind: Kind) -> Unit:
    """A unit of an answer that was read before, from its place there."""
    return SHAPES[kind].unit.model_validate(_decode(json_text)[0])


def _start(text: str) -> int:
    """Past the brace that opens the answer: the first one that a key follows, else an empty object."""
    opening = _OPENING.search(text) or _EMPTY.search(text)
    if opening is None:
        raise ValueError("no JSON object")
    return opening.end()


def _walk(text: str, start: int) -> Iterator[tuple[str, Any, Place | None]]:
    """Each (key, value, place) of the top object, lists element by element, (key, None, None) at a list's end.

    Raises ValueError or IndexError where the JSON is cut or malformed; what came before is good.
    """
    at = _skip(text, start)
    while text[at] != "}":
        key, at = _decode(text, at)
        at = _skip(text, _expect(text, _skip(text, at), ":"))
        if text[at] == "[":
            at = _skip(text, at + 1)
            while text[at] != "]":
                value, end = _decode(text, at)
                yield key, value, Place(at, end)
                at = _separator(text, end, "]")
            yield key, None, None
            at += 1
        else:
            value, end = _decode(text, at)
            _skip(text, end)  # IndexError when the text stops here: the value may have been cut
            yield key, value, Place(at, end)
            at = end
        at = _separator(text, at, "}")


def _separator(text: str, at: int, end: str) -> int:
    """Past a comma to the next value, or at the closing bracket."""
    at = _skip(text, at)
    return at if text[at] == end else _skip(text, _expect(text, at, ","))


def _expect(text: str, at: int, character: str) -> int:
    if text[at] != character:
        raise ValueError(f"expected {character!r} at {at}")
    return at + 1


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at


def _named_unit(value: Any) -> str | None:
    """The id that an unusable value carries, if it has one."""
    named: Any = cast("dict[str, Any]", value).get("unit_id") if isinstance(value, dict) else None
    usable = isinstance(named, str) and 0 < len(named) <= _ID_CHARACTERS and named.isprintable()
    return named if usable else None


def _first_error(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
