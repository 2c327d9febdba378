"""What a planted defect is, and how a unit is changed."""

import random
import re
from dataclasses import dataclass

from throughline.domain.output import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One changed unit. `also` are other units where a finding would tell of the same defect, `other` one that changed
    with it."""

    unit: Unit
    also: tuple[str, ...] = ()
    other: Unit | None = None


def with_quote(unit: Unit, index: int, **changes: str) -> Planted:
    citations = list(unit.citations)
    citations[index] = citations[index].model_copy(update=changes)
    return Planted(unit=unit.model_copy(update={"citations": citations}))


def quote_with(unit: Unit, pattern: str, chance: random.Random) -> tuple[int, re.Match[str]] | None:
    """A quote that has such a place, and the place."""
    found = [(n, m) for n, quote in enumerate(unit.citations) for m in re.finditer(pattern, quote.quote)]
    return chance.choice(found) if found else None


def other_digit(digit: str, chance: random.Random) -> str:
    """Another digit than that."""
    return chance.choice([other for other in "123456789" if other != digit])


def replaced(text: str, found: re.Match[str], new: str) -> str:
    """The text with other words in that place."""
    return text[: found.start()] + new + text[found.end() :]
