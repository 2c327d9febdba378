"""Counting what checks find of planted defects, and what they flag besides."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.defects.classes import CLASSES, DROPPED, DefectClass
from tests.defects.clean import Clean, code_review, findings, summary, tables
from tests.defects.planting import Planted
from tests.defects.real_text import real_texts
from throughline.domain.checks.corpus import Corpus


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How many planted defects were found, and how many units were flagged that are right.

    `alarms` are flagged units of the correct output, `elsewhere` flagged units of the spoilt one that are right.
    """

    planted: int = 0
    found: int = 0
    elsewhere: int = 0
    clean_units: int = 0
    alarms: int = 0
    missed: tuple[str, ...] = ()

    @property
    def recall(self) -> float:
        return self.found / max(self.planted, 1)

    @property
    def precision(self) -> float:
        """Found defects of all units that were flagged, in the output that has the defects."""
        return self.found / max(self.found + self.elsewhere, 1)

    @property
    def false_alarms(self) -> float:
        return self.alarms / max(self.clean_units, 1)

    def __add__(self, other: "Score") -> "Score":
        return Score(
            planted=self.planted + other.planted,
            found=self.found + other.found,
            elsewhere=self.elsewhere + other.elsewhere,
            clean_units=self.clean_units + other.clean_units,
            alarms=self.alarms + other.alarms,
            missed=self.missed + other.missed,
        )


def score(clean: Clean, defect: DefectClass, seed: int) -> Score:
    """Plant the defect in some units, each on its own, and look for new findings there."""
    before = clean.false_alarms(defect.checks)
    planted = dict(_planted(clean, defect, seed))
    changed = {each.unit_id: each for plant in planted.values() for each in (plant.unit, plant.other) if each}
    units = {where: changed.get(where, unit) for where, unit in clean.output.units.items()}
    after = findings(replace(clean.output, units=units), clean.corpus, defect.checks)
    told = {finding.where for finding in after if finding not in before}
    spoilt = {where for at, plant in planted.items() for where in (at, *plant.also)}
    missed = [where for where, plant in planted.items() if not {where, *plant.also} & told]
    return Score(
        planted=len(planted),
        found=len(planted) - len(missed),
        elsewhere=len({finding.where for finding in after} - spoilt),
        clean_units=len(clean.output.units),
        alarms=len({finding.where for finding in before}),
        missed=tuple(missed),
    )


def _planted(clean: Clean, defect: DefectClass, seed: int) -> Iterator[tuple[str, Planted]]:
    chance = random.Random(seed)
    touched: set[str] = set()
    for unit in clean.output.ordered:
        if chance.random() < defect.share and unit.unit_id not in touched:
            planted = defect.plant(unit, clean, chance)
            # A unit that another defect depends on stays as it is.
            if planted is not None and planted.unit != unit and not touched & set(planted.also):
                touched |= {unit.unit_id, *planted.also}
                yield unit.unit_id, planted


def score_dropped(clean: Clean, seed: int, share: float) -> Score:
    """Leave units out."""
    chance = random.Random(seed)
    dropped = [where for where in clean.output.units if chance.random() < share]
    units = {where: unit for where, unit in clean.output.units.items() if where not in dropped}
    told = {f.where for f in findings(replace(clean.output, units=units), clean.corpus, ("completeness",))}
    before = clean.false_alarms(("completeness",))
    return Score(
        planted=len(dropped),
        found=len(told & set(dropped)),
        elsewhere=len(told - set(dropped)),
        clean_units=len(clean.output.units),
        alarms=len({finding.where for finding in before}),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How much is planted in how much: a source a topic and a module, the first `skipped` modules left out."""

    modules: int
    skipped: int = 0
    topics: int | None = None
    units: int
    planted: int
    outputs: int


def scores(amount: Amount) -> dict[str, Score]:
    """Every class of defects, planted until there are enough of it or all outputs are used up."""
    texts = real_texts(amount.modules, amount.topics, skipped=amount.skipped)
    corpus = Corpus(text.source for text in texts)
    table: dict[str, Score] = {DROPPED: Score()}
    for seed in range(amount.outputs):
        outputs = {
            "summary": summary(texts, corpus, seed, amount.units),
            "tables": tables(texts, corpus, amount.units),
            "review": code_review(texts, corpus, seed, amount.units),
        }
        if table[DROPPED].planted < amount.planted:
            table[DROPPED] += score_dropped(outputs["summary"], seed, 0.3)
        for name, defect in CLASSES.items():
            done = table.setdefault(name, Score())
            if done.planted < amount.planted:
                table[name] = done + score(outputs[defect.material], defect, seed)
    return table
