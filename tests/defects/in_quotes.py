"""Defects in quotes: changed digits, negations, wrong places and sources."""

import random
import re

from tests.defects.clean import Clean
from tests.defects.planting import Planted, other_digit, quote_with, replaced, with_quote
from throughline.domain.output import Unit


def swapped_digit_in_quote(unit: Unit, _clean: Clean, chance: random.Random) -> Planted | None:
    found = quote_with(unit, r"\d", chance)
    if found is None:
        return None
    index, digit = found
    return with_quote(unit, index, quote=replaced(unit.citations[index].quote, digit, other_digit(digit[0], chance)))


_VERB = r"\b(is|are|was|were|can|will|must|may|does|should|has been) (?!not\b)"


def negated(text: str, chance: random.Random) -> str | None:
    """The text with one negation taken out or put in; None where neither is possible."""
    negations = list(re.finditer(r"\bnot ", text))
    if negations:
        return replaced(text, chance.choice(negations), "")
    verbs = list(re.finditer(_VERB, text))
    return replaced(text, verb, f"{verb[1]} not ") if verbs and (verb := chance.choice(verbs)) else None


def flipped_negation_in_quote(unit: Unit, _clean: Clean, chance: random.Random) -> Planted | None:
    for index in chance.sample(range(len(unit.citations)), len(unit.citations)):
        quote = negated(unit.citations[index].quote, chance)
        if quote is not None:
            return with_quote(unit, index, quote=quote)
    return None


def moved_quote(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """A verbatim quote of another source's unit, in place of one's own."""
    own = {citation.source for citation in unit.citations}
    others = [c for other in clean.output.ordered for c in other.citations if c.source not in own]
    return with_quote(unit, 0, **chance.choice(others).model_dump()) if others else None


def merged_quotes(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    if len(unit.citations) < 2:
        return None
    first, second = chance.sample(range(len(unit.citations)), 2)
    joint = chance.choice([" ", " … ", " [...] "])
    merged = unit.citations[first].quote + joint + unit.citations[second].quote
    return None if clean.says(merged) else with_quote(unit, first, quote=merged)


def quote_from_wrong_source(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    others = [s.name for s in clean.corpus.sources if s.name != unit.citations[0].source]
    return with_quote(unit, 0, source=chance.choice(others))
