"""Defects in how an output is built: units, headings, ends, fillers, references, places in code."""

import random
from collections.abc import Callable

from tests.defects.clean import Clean, in_paragraphs
from tests.defects.planting import Planted
from throughline.domain.outline import unit_id
from throughline.domain.output import CodeReviewUnit, Unit
from throughline.domain.output import Finding as ReviewFinding
from throughline.domain.source import line_starts


def duplicated_unit(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """The body of another unit, word for word or with a word changed in every sentence."""
    other = chance.choice([where for where in clean.sentences if where != unit.unit_id])
    said = [_reworded(sentence, chance) for sentence in clean.sentences[other]] if chance.random() < 0.5 else None
    body = in_paragraphs(said or clean.sentences[other])
    return Planted(unit=unit.model_copy(update={"body": body}), also=(other,))


def _reworded(sentence: str, chance: random.Random) -> str:
    words = sentence.split()
    at = chance.choice([1, len(words) - 2])
    return " ".join([*words[:at], "indeed", *words[at + 1 :]])


def swapped_units(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """Two units that changed places: each has the body and the quotes of the other under its own heading."""
    other = clean.output.units[chance.choice([where for where in clean.sentences if where != unit.unit_id])]
    if {quote.source for quote in other.citations} == {quote.source for quote in unit.citations}:
        return None  # two halves of one source: which is first, only the source's order knows
    here = unit.model_copy(update={"body": other.body, "citations": other.citations})
    there = other.model_copy(update={"body": unit.body, "citations": unit.citations})
    return Planted(unit=here, also=(other.unit_id,), other=there)


def swapped_heading(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """The heading of another unit over this one's text."""
    other = chance.choice([each for each in clean.output.ordered if each.unit_id != unit.unit_id])
    return Planted(unit=unit.model_copy(update={"heading": other.heading}), also=(other.unit_id,))


def empty_unit(unit: Unit, _clean: Clean, chance: random.Random) -> Planted | None:
    """Heading and quotes, and nothing said."""
    return Planted(unit=unit.model_copy(update={"body": chance.choice(["", " ", "\n\n"])}))


def truncated_end(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    last = clean.sentences[unit.unit_id][-1]
    cut = chance.randrange(3, len(last) - 2)
    return Planted(unit=unit.model_copy(update={"body": unit.body[: len(unit.body) - len(last) + cut].rstrip()}))


def _with_finding(unit: Unit, chance: random.Random, change: Callable[[ReviewFinding], dict[str, object]]) -> Planted:
    assert isinstance(unit, CodeReviewUnit)
    findings = list(unit.findings)
    index = chance.randrange(len(findings))
    findings[index] = findings[index].model_copy(update=change(findings[index]))
    return Planted(unit=unit.model_copy(update={"findings": findings}))


def wrong_line_range(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    def shifted(finding: ReviewFinding) -> dict[str, object]:
        lines = len(line_starts(clean.corpus.by_name[finding.path].text))
        other = chance.choice([line for line in range(1, lines + 9) if line != finding.start_line])
        return {"start_line": other, "end_line": other}

    return _with_finding(unit, chance, shifted)


def wrong_path(unit: Unit, _clean: Clean, chance: random.Random) -> Planted | None:
    return _with_finding(unit, chance, lambda finding: {"path": f"src/{finding.path}"})


def filler(unit: Unit, _clean: Clean, chance: random.Random) -> Planted | None:
    text = chance.choice(
        [
            "Shall I continue?",
            "[Insert examples here]",
            "TODO: describe the rest.",
            "(To be continued.)",
            "The remaining sections are omitted for brevity.",
            "Would you like me to continue with the next part?",
            "The rest follows the same pattern.",
        ]
    )
    return Planted(unit=unit.model_copy(update={"body": f"{unit.body}\n\n{text}"}))


def lost_evidence(unit: Unit, _clean: Clean, _chance: random.Random) -> Planted | None:
    return Planted(unit=unit.model_copy(update={"citations": []}))


def dangling_reference(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    beyond = len(clean.output.outline.units) + chance.randrange(1, 50)
    text = chance.choice([f"More is said there (see section {beyond}).", f"More is said in {unit_id(beyond)}."])
    return Planted(unit=unit.model_copy(update={"body": f"{unit.body}\n\n{text}"}))
