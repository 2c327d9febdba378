"""Is everything there that the outline asks for, and is nothing that is there empty?"""

from collections.abc import Iterator

from pydantic import BaseModel

from throughline.domain.checks.material import DECILES, Material
from throughline.domain.checks.prose import CLOSING
from throughline.domain.checks.result import Finding, Result, conclude, error, warning
from throughline.domain.completeness import completeness
from throughline.domain.output import Unit

# A finding without advice and a document without a closing point are allowed; text that supports nothing is not.
_MAY_BE_EMPTY = frozenset({"suggestion"})


def check(material: Material) -> Result:
    """Missing units and an absent closing are errors; so are fields that hold no text."""
    output = material.output
    found = completeness(output.outline, output.units, closing=output.closing is not None)
    missing = [error(unit_id, "The outline asks for this unit and it is missing.") for unit_id in found.missing]
    closing = [] if found.closing else [error(CLOSING, "The closing is missing.")]
    empty = [finding for unit in output.ordered for finding in _empty_fields(unit)]
    measures = {
        "wanted": found.wanted,
        "missing": len(found.missing),
        "written_share_by_decile": _written_by_decile(material),
    }
    return conclude("completeness", (*missing, *closing, *empty, *_strangers(material)), measures)


def _written_by_decile(material: Material) -> tuple[float | None, ...]:
    wanted, written = [0] * DECILES, [0] * DECILES
    for unit_id in material.output.outline.unit_ids:
        wanted[material.decile(unit_id)] += 1
        written[material.decile(unit_id)] += unit_id in material.output.units
    return tuple(round(have / of, 4) if of else None for have, of in zip(written, wanted, strict=True))


def _empty_fields(unit: Unit) -> Iterator[Finding]:
    for part, text in _texts(unit, ""):
        if not text.strip():
            yield error(unit.unit_id, "This field holds no text.", part=part)


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Every text of a unit with the path to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields.keys() - _MAY_BE_EMPTY:
            yield from _texts(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            yield from _texts(item, f"{path}[{index}]")  # pyright: ignore[reportUnknownArgumentType]


def _strangers(material: Material) -> Iterator[Finding]:
    asked = frozenset(material.output.outline.unit_ids)
    for unit_id in material.output.units:
        if unit_id not in asked:
            yield warning(unit_id, "The outline does not ask for this unit, so no reader sees it.")
