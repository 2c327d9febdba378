"""What the prompt asks to be written, said by tags in its text."""

import re
from dataclasses import dataclass
from html import unescape

_PLAN = re.compile(r"<plan_outline\b([^>]*?)/?>")
_WRITE_UNITS = re.compile(r"<write_units\b[^>]*>(.*?)</write_units>", re.DOTALL)
_WRITE_PLANNED = re.compile(r"<write_units\s+of=\"outline\"\s*/>")
_WRITTEN = re.compile(r"<written\b[^>]*>(.*?)</written>", re.DOTALL)
_UNIT = re.compile(r"<unit\b([^>]*)>(.*?)</unit>", re.DOTALL)
_CLOSING = re.compile(r"<write_closing\b([^>]*?)/?>")
_ATTRIBUTE = re.compile(r"([\w-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_TAG = re.compile(r"</?[A-Za-z_][^<>]*>")

DEFAULT_UNIT_WORDS = 200


@dataclass(frozen=True, slots=True)
class Unit:
    """One section to write; `source` is the title of the document it is about, when the prompt says so."""

    id: str
    heading: str
    words: int
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """An outline to invent: so many units, of so many words each."""

    units: int
    words: int


@dataclass(frozen=True, slots=True)
class Directives:
    """`known_units` are all the units that the prompt mentions, also those that others write.

    `writes_planned` asks for every unit of the outline that the same answer plans.
    """

    plan: Plan | None
    writes_planned: bool
    units: tuple[Unit, ...] | None
    known_units: tuple[Unit, ...]
    closing_words: int | None

    @property
    def any(self) -> bool:
        """Whether the prompt says by tags what to write; then what it does not ask for stays empty."""
        return self.plan is not None or self.units is not None or self.closing_words is not None


def read_directives(text: str) -> Directives:
    """The last word counts: a follow-up turn may ask for less than the first one did."""
    plan = _last(_PLAN, text)
    closing = _last(_CLOSING, text)
    blocks = _WRITE_UNITS.findall(text)
    return Directives(
        plan=None if plan is None else Plan(_number(plan, "units", 3), _number(plan, "words", DEFAULT_UNIT_WORDS)),
        writes_planned=_WRITE_PLANNED.search(text) is not None,
        units=tuple(_units(blocks[-1])) if blocks else None,
        known_units=tuple(_units(text)) if "<unit" in text else (),
        closing_words=None if closing is None else _number(closing, "words", DEFAULT_UNIT_WORDS),
    )


def written_before(text: str) -> str:
    """What the prompt says was written already, for a request that brings no documents; empty if nothing."""
    return "\n\n".join(unescape(body) for body in _WRITTEN.findall(text))


def without_tags(text: str) -> str:
    return unescape(_TAG.sub(" ", text))


def _last(pattern: re.Pattern[str], text: str) -> dict[str, str] | None:
    found = pattern.findall(text)
    return _attributes(found[-1]) if found else None


def _units(text: str) -> list[Unit]:
    units: list[Unit] = []
    for raw_attributes, raw_heading in _UNIT.findall(text):
        attributes = _attributes(raw_attributes)
        id_ = attributes.get("id", f"u{len(units) + 1:03d}")
        words = _number(attributes, "words", DEFAULT_UNIT_WORDS)
        heading = " ".join(unescape(raw_heading).split())
        units.append(Unit(id_, heading, words, attributes.get("source")))
    return units


def _attributes(raw: str) -> dict[str, str]:
    return {name: unescape(double or single) for name, double, single in _ATTRIBUTE.findall(raw)}


def _number(attributes: dict[str, str], name: str, default: int) -> int:
    value = attributes.get(name, "")
    return int(value) if value.isdecimal() else default
