"""The extractive writer: answers a JSON schema with real sentences and verbatim quotes.

It walks the schema by the names of its properties. It knows nothing of the service: a document job that names
its fields plainly (`units`, `body`, `source`, `quote`, ...) gets an answer that can be read and checked.
"""

from dataclasses import dataclass, replace
from typing import Any, cast

from simulator.composition import Passage, Reader, Scope, draw, open_scopes
from simulator.directives import (
    DEFAULT_UNIT_WORDS,
    Directives,
    Plan,
    Unit,
    read_directives,
    without_tags,
    written_before,
)
from simulator.prompt import Prompt, SourceDocument

Schema = dict[str, Any]

_BODY_NAMES = frozenset({"body", "text", "content", "answer"})
_LONG_NAMES = frozenset({"overview", "summary", "introduction", "conclusion", "abstract", *_BODY_NAMES})
_TITLE_NAMES = frozenset({"source", "path", "document", "file"})
_HEADING_NAMES = frozenset({"heading", "title", "name", "label", "topic"})
_ID_NAMES = frozenset({"id", "unit_id"})
_LINE_NAMES = frozenset({"line", "line_number", "start_line", "end_line"})
_COUNTS = {
    "findings": (1, 3),
    "evidence": (1, 2),
    "agreements": (1, 2),
    "contradictions": (1, 2),
    "gaps": (1, 3),
    "key_points": (3, 5),
}
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "writer@example.org",
    "hostname": "example.org",
    "uri": "https://example.org/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_MAX_DEPTH = 12
_CLOSING_ID = "closing"


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where in the answer a value goes: its name, who says it, and what the object around it quotes."""

    name: str
    scope: Scope
    depth: int = 0
    quoted: Passage | None = None
    avoided: frozenset[str] = frozenset()


def write_answer(prompt: Prompt) -> Any:
    """The whole answer: an object of the prompt's schema, or plain text when there is none."""
    writer = _Writer(prompt)
    if prompt.schema is None:
        return writer.plain_text()
    return writer.value(prompt.schema, _Slot("", writer.general_scope()))


class _Writer:
    def __init__(self, prompt: Prompt) -> None:
        self._root: Schema = prompt.schema or {}
        self._directives = read_directives(prompt.text)
        self._documents = prompt.documents or (_prompt_as_document(prompt.text),)
        self._reader = Reader(self._documents)
        self._planned: tuple[Unit, ...] | None = None

    def plain_text(self) -> str:
        """Each sentence once: a short prompt gets a short answer."""
        scope = self.general_scope()
        return replace(scope, passages=list(dict.fromkeys(scope.passages))).body()

    def general_scope(self) -> Scope:
        """Who speaks outside of units: the closing, or an answer to an unknown schema.

        It reads with a reader of its own, so that it takes no sentence away from the units.
        """
        words = self._directives.closing_words or DEFAULT_UNIT_WORDS
        unit = Unit(_CLOSING_ID, "the whole", words)
        return next(open_scopes(Reader(self._documents), (unit,), ()))

    def value(self, schema: Schema, slot: _Slot) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            options = schema["enum"]
            return options[slot.scope.draw(len(options), slot.name)]
        match _type_of(schema):
            case "object":
                return self._object(schema, slot)
            case "array":
                return self._array(schema, slot)
            case "boolean":
                return slot.scope.draw(2, slot.name) == 0
            case "integer" | "number" as kind:
                return _number(schema, slot, is_integer=kind == "integer")
            case "null":
                return None
            case _:
                return self._string(schema, slot)

    def _resolved(self, schema: Schema) -> Schema:
        for _ in range(_MAX_DEPTH):
            if "$ref" in schema:
                schema = self._definition(schema["$ref"])
            elif options := schema.get("anyOf") or schema.get("oneOf"):
                schema = next((o for o in options if o.get("type") != "null"), options[0])
            elif parts := schema.get("allOf"):
                schema = {**schema, **parts[0]}
                del schema["allOf"]
            else:
                break
        return schema

    def _definition(self, ref: str) -> Schema:
        node: Any = self._root
        for key in ref.removeprefix("#").strip("/").split("/"):
            node = node[key] if key else node
        return cast("Schema", node)

    def _object(self, schema: Schema, slot: _Slot) -> dict[str, Any]:
        properties: dict[str, Schema] = schema.get("properties") or {}
        if slot.depth > _MAX_DEPTH:
            return {}
        inner = replace(slot, depth=slot.depth + 1, quoted=None, avoided=frozenset())
        if "quote" in properties:
            inner = replace(inner, quoted=slot.scope.quote(set(slot.avoided)))
        written: dict[str, Any] = {}
        for name, child in properties.items():
            if slot.depth == 0 and self._is_left_out(name, child):
                written[name] = [] if _type_of(self._resolved(child)) == "array" else None
                continue
            written[name] = self.value(child, replace(inner, name=name))
            if self._is_quote(child):
                inner = replace(inner, avoided=inner.avoided | {_title_in(written[name])})
        return written

    def _is_left_out(self, name: str, schema: Schema) -> bool:
        """Whether the prompt's tags ask for other parts of the answer, and this one may stay empty."""
        asked = self._directives
        match name:
            case "outline":
                return asked.any and asked.plan is None
            case "units":
                return asked.any and asked.units is None and not asked.writes_planned
            case "closing":
                return asked.any and asked.closing_words is None and _may_be_null(schema)
            case _:
                return False

    def _is_quote(self, schema: Schema) -> bool:
        return "quote" in (self._resolved(schema).get("properties") or {})

    def _array(self, schema: Schema, slot: _Slot) -> list[Any]:
        items = self._resolved(schema.get("items") or {"type": "string"})
        is_object = _type_of(items) == "object"
        if slot.name == "outline" and is_object:
            return [self._outline_entry(items, unit, slot) for unit in self._plan()]
        if slot.name == "units" and is_object:
            return self._units(items)
        if slot.name in {"sources", "documents"} and not is_object:
            return _sources(slot.scope)
        inner = replace(slot, name=slot.name.removesuffix("s") or "item")
        return [self.value(items, inner) for _ in range(self._count(schema, items, slot))]

    def _count(self, schema: Schema, items: Schema, slot: _Slot) -> int:
        scope = slot.scope
        if scope.unit.id == _CLOSING_ID:
            # Sentences cost about twenty words, objects more: lists grow with what the closing may take.
            is_text = _type_of(items) == "string"
            count = max(1, min(8, scope.unit.words // 100) if is_text else min(4, scope.unit.words // 150))
        else:
            low, high = _COUNTS.get(slot.name, (2, 3))
            count = low + scope.draw(high - low + 1, f"{slot.name}#")
        return max(count, int(schema.get("minItems") or 0))

    def _units(self, items: Schema) -> list[Any]:
        units = self._directives.units if self._directives.units is not None else self._plan()
        known = self._directives.known_units
        return [self.value(items, _Slot("unit", scope, depth=1)) for scope in open_scopes(self._reader, units, known)]

    def _plan(self) -> tuple[Unit, ...]:
        if self._planned is None:
            self._planned = _plan_units(self._reader, self._directives)
        return self._planned

    def _outline_entry(self, items: Schema, unit: Unit, slot: _Slot) -> Any:
        return self.value(items, _Slot("entry", replace(slot.scope, unit=unit, seed=unit.id), depth=1))

    def _string(self, schema: Schema, slot: _Slot) -> str:
        scope, name = slot.scope, slot.name
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        if slot.quoted is not None and name == "quote":
            return slot.quoted.sentence.quote
        if name in _TITLE_NAMES:
            return slot.quoted.title if slot.quoted is not None else scope.unit.source or scope.title
        if name in _ID_NAMES:
            return scope.unit.id
        if name in _HEADING_NAMES:
            return scope.unit.heading if slot.depth <= 2 and scope.unit.id != _CLOSING_ID else _phrase(scope)
        if name in _LONG_NAMES:
            return scope.body() if name in _BODY_NAMES else _paragraph(scope)
        if name == "suggestion" and slot.quoted is not None:
            return f"Say why line {slot.quoted.sentence.line} is right, or change it and add a test for it."
        return scope.sentence()


def _prompt_as_document(text: str) -> SourceDocument:
    return SourceDocument("prompt", written_before(text) or without_tags(text))


def _plan_units(reader: Reader, directives: Directives) -> tuple[Unit, ...]:
    """An outline of real headings, spread evenly over the documents and completed with real sentences."""
    plan = directives.plan or Plan(units=3, words=DEFAULT_UNIT_WORDS)
    headings = _spread(_distinct_headings(reader), plan.units)
    missing = plan.units - len(headings)
    headings += _invented_headings(reader, missing, {text for _, text in headings})
    return tuple(
        Unit(f"u{number:03d}", text, plan.words, reader.titles[document])
        for number, (document, text) in enumerate(headings, start=1)
    )


def _distinct_headings(reader: Reader) -> list[tuple[int, str]]:
    seen: dict[str, int] = {}
    for index in range(len(reader.titles)):
        for heading in reader.document(index).headings:
            seen.setdefault(heading.text, index)
    return [(index, text) for text, index in seen.items()]


def _spread(choices: list[tuple[int, str]], count: int) -> list[tuple[int, str]]:
    if len(choices) <= count:
        return list(choices)
    return [choices[number * len(choices) // count] for number in range(count)]


def _invented_headings(reader: Reader, count: int, taken: set[str]) -> list[tuple[int, str]]:
    """Short starts of sentences, found in the documents word for word."""
    invented: list[tuple[int, str]] = []
    sizes = [len(reader.document(index).sentences) for index in range(len(reader.titles))]
    for number in range(count):
        document = number % len(sizes)
        position = (number // len(sizes)) * sizes[document] * len(sizes) // max(count, 1) % sizes[document]
        quote = reader.document(document).sentences[position].quote
        text = _short(quote)
        if text in taken:
            text = f"{text} ({number + 1})"
        taken.add(text)
        invented.append((document, text))
    return invented


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[: text.rfind(" ", 0, 60) if " " in text[:60] else 60]


def _phrase(scope: Scope) -> str:
    return _short(scope.sentence().rstrip(".:;"))


def _paragraph(scope: Scope) -> str:
    """About two fifths of what the whole was to have, so that the rest of the object fills the other part."""
    words, said = scope.unit.words * 2 // 5, list[str]()
    for passage in scope.passages:
        said.append(passage.sentence.text)
        words -= passage.sentence.words
        if words <= 0:
            break
    return " ".join(said)


def _sources(scope: Scope) -> list[str]:
    """The document at hand, and another one when there are several."""
    first = scope.unit.source or scope.title
    others = [title for title in scope.reader.titles if title != first]
    return [first, others[draw(len(others), scope.seed, "sources")]] if others else [first]


def _number(schema: Schema, slot: _Slot, *, is_integer: bool) -> int | float:
    if slot.name in _LINE_NAMES and slot.quoted is not None:
        return slot.quoted.sentence.line
    if slot.name == "confidence":
        share = 0.75 + slot.scope.draw(23, slot.name) / 100
        return round(share * 100) if is_integer else round(share, 2)
    if slot.name == "words":
        return slot.scope.unit.words
    return 1 + slot.scope.draw(5, slot.name)


def _may_be_null(schema: Schema) -> bool:
    options: list[Schema] = schema.get("anyOf") or schema.get("oneOf") or []
    return any(option.get("type") == "null" for option in options)


def _type_of(schema: Schema) -> str:
    kind: Any = schema.get("type")
    if isinstance(kind, list):
        kinds = cast("list[str]", kind)
        return next((k for k in kinds if k != "null"), "null")
    if kind is None:
        return "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind)


def _title_in(written: Any) -> str:
    titles = (written.get(name) for name in ("source", "path", "document", "file"))
    return next((title for title in titles if title), "")
