"""Correct outputs in other words than their sources, on which every finding is a false alarm."""

import re
from dataclasses import replace

from tests.defects.clean import Clean, in_paragraphs
from throughline.domain.checks.material import Material
from throughline.domain.checks.table import CHECKS

_OTHER_WORDING = (
    (r"\breturns\b", "gives back"), (r"\bmust\b", "has to"), (r"\bfor example\b", "for instance"),
    (r"\bis used to\b", "serves to"), (r"\bIf\b", "When"), (r"\bis called\b", "gets called"), (r"\bthree\b", "3"),
    (r"\btwo\b", "2"), (r"\bA\b", "Any"), (r"\balso\b", "moreover"), (r"\bonly\b", "just"), (r"\bReturn\b", "Gives"),
    (r"\ball\b", "every one of the"), (r"\bnot\b", "never"), (r"\bwhich\b", "that"), (r"\bvery\b ", ""),
    (r"\bshould\b", "ought to"), (r"\bcan be\b", "may be"), (r"\bThe\b", "Here the"), (r"\s\([^()]*\)(?= )", ""),
    (r"\bspecified\b", "given"), (r"\bbecause\b", "since"), (r"\binstead\b", "in its place"),
    (r"\bobjects\b", "things"),
)  # fmt: skip


def in_other_words(clean: Clean) -> Clean:
    """The same output, its sentences reworded as people do without saying anything else."""
    sentences = {where: tuple(map(_in_other_words, said)) for where, said in clean.sentences.items()}
    units = {
        where: unit.model_copy(update={"body": in_paragraphs(sentences[where])})
        for where, unit in clean.output.units.items()
    }
    return Clean(output=replace(clean.output, units=units), corpus=clean.corpus, sentences=sentences)


def _in_other_words(sentence: str) -> str:
    for pattern, other in _OTHER_WORDING:
        sentence = re.sub(pattern, other, sentence)
    return sentence


def alarms(clean: Clean) -> dict[str, float]:
    """For each check the share of units in which it finds something."""
    material = Material(clean.output, clean.corpus)
    told = {name: {finding.where for finding in check(material).findings} for name, check in CHECKS.items()}
    return {name: len(where) / len(clean.output.units) for name, where in told.items()}
