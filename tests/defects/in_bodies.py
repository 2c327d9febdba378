"""Defects in what a unit says: figures, negations, names, terms, contradictions."""

import random
import re

from tests.defects.clean import Clean, in_paragraphs
from tests.defects.in_quotes import negated
from tests.defects.planting import Planted, other_digit, replaced
from throughline.domain.checks.figures import Figure, figures
from throughline.domain.output import Unit


def _with_sentence(unit: Unit, clean: Clean, old: str, new: str) -> Planted:
    """The unit with one sentence of its body in other words; its quotes stay right."""
    said = [new if sentence == old else sentence for sentence in clean.sentences[unit.unit_id]]
    return Planted(unit=unit.model_copy(update={"body": in_paragraphs(said)}))


def swapped_digit_in_body(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    places = [(s, m) for s in clean.sentences[unit.unit_id] for m in re.finditer(r"(?<![\w.])\d(?=\d|[ .,)])", s)]
    if not places:
        return None
    sentence, digit = chance.choice(places)
    return _with_sentence(unit, clean, sentence, replaced(sentence, digit, other_digit(digit[0], chance)))


def flipped_negation_in_body(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    sentence = chance.choice(clean.sentences[unit.unit_id])
    changed = negated(sentence, chance)
    return None if changed is None else _with_sentence(unit, clean, sentence, changed)


_OTHER_UNITS = {
    "B": "bits", "bit": "bytes", "KB": "MB", "KiB": "MiB", "MB": "GB", "MiB": "KiB", "GB": "MB", "s": "minutes",
    "min": "hours", "h": "seconds", "ms": "seconds", "day": "weeks", "week": "days", "month": "days",
    "year": "months", "%": "bytes", "character": "lines", "line": "characters", "times": "percent", "us": "seconds",
}  # fmt: skip


def wrong_unit(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    measured = [(s, f) for s in clean.sentences[unit.unit_id] for f in figures(s) if f.unit in _OTHER_UNITS]
    if not measured:
        return None
    sentence, figure = chance.choice(measured)
    return _with_sentence(unit, clean, sentence, _with_unit(sentence, figure))


def _with_unit(sentence: str, figure: Figure) -> str:
    number = re.sub(r"[^\d,.:]+$", "", figure.text)
    changed = f"{number} {_OTHER_UNITS[figure.unit or '']}"
    return sentence[: figure.start] + changed + sentence[figure.end :]


_SYLLABLES = ("bra", "kov", "len", "mar", "tis", "von", "dra", "quil", "zen", "hart", "os", "fel")


def invented_name(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """A person, a product or an identifier that nobody has heard of, inside a true sentence."""
    coined = "".join(chance.sample(_SYLLABLES, 3)).capitalize()
    said = chance.choice(
        [f", as {coined} showed.", f" (see {coined.lower()}_{coined[:3].lower()}).", f", says Dr. {coined}."]
    )
    sentence = chance.choice(clean.sentences[unit.unit_id])
    return _with_sentence(unit, clean, sentence, sentence.removesuffix(".") + said)


def foreign_figure(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """A sentence about the same things with a figure of another document."""
    figure = f"{chance.randrange(11, 97)},{chance.randrange(101, 998)}"
    if figure in clean.flat or figure.replace(",", "") in clean.flat:
        return None
    sentence = chance.choice(clean.sentences[unit.unit_id])
    words = sentence.removesuffix(".").split()
    return _with_sentence(unit, clean, sentence, f"{' '.join(words)}, in {figure} of the cases.")


def contradiction(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """What another unit says, with a number of which the sources have plenty."""
    stated = [told for told in clean.stated if told[0] != unit.unit_id]
    if not stated:
        return None
    where, sentence, figure = chance.choice(stated)
    number = chance.choice([n for n in ("2", "3", "4", "8", "10", "16", "64", "100") if n != figure.value])
    body = f"{unit.body}\n\n{sentence[: figure.start]}{number}{sentence[figure.end :]}"
    return Planted(unit=unit.model_copy(update={"body": body}), also=(where,))


def renamed_term_spelling(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """A term of three or more units, written as one word or with a hyphen in this one."""
    usual = [pair for pair, uses in clean.terms.items() if unit.unit_id in uses and len(uses) >= 3]
    usual = [pair for pair in usual if "".join(pair) not in clean.corpus.vocabulary]
    if not usual:
        return None
    pair = chance.choice(usual)
    new = chance.choice(["", "-"]).join(pair)
    if new in clean.flat:
        return None
    return Planted(unit=unit.model_copy(update={"body": unit.body.replace(" ".join(pair), new)}))


_OTHER_WORDS = ("mechanism", "facility", "engine", "wrapper", "register", "routine", "device", "artefact")


def renamed_term_word(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """A term that this unit uses twice and two others use, called otherwise throughout the unit."""
    usual = [pair for pair, uses in clean.terms.items() if uses[unit.unit_id] >= 2 and len(uses) >= 3]
    if not usual:
        return None
    old = " ".join(chance.choice(usual))
    new = f"{old.split()[0]} {chance.choice(_OTHER_WORDS)}"
    if new in clean.flat:
        return None
    return Planted(unit=unit.model_copy(update={"body": unit.body.replace(old, new)}))


def off_by_one_in_table(unit: Unit, _clean: Clean, chance: random.Random) -> Planted | None:
    cell = chance.choice(list(re.finditer(r"(?<=\| )\d+(?= \|)", unit.body)))
    number = int(cell[0]) + chance.choice([1, -1] if int(cell[0]) > 1 else [1])
    return Planted(unit=unit.model_copy(update={"body": replaced(unit.body, cell, str(number))}))
