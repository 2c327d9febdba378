"""Defects planted in correct outputs of real text are found, and correct outputs raise no alarm.

The counts here keep the test short; `python -m benchmarks.checks` plants fifty or more of each class.
"""

import pytest

from tests.defects import CLASSES, DROPPED, Amount, Score, alarms, in_other_words, real_texts, scores, summary
from throughline.domain.checks.corpus import Corpus

AMOUNT = Amount(modules=10, topics=12, units=40, planted=12, outputs=2)
MECHANICAL = [DROPPED, *(name for name, defect in CLASSES.items() if defect.mechanical)]


@pytest.fixture(scope="module")
def table() -> dict[str, Score]:
    return scores(AMOUNT)


def test_every_class_was_planted(table: dict[str, Score]):
    assert [name for name, score in table.items() if not score.planted] == []


def test_mechanical_defects_are_found(table: dict[str, Score]):
    total = sum((table[name] for name in MECHANICAL), Score())
    assert total.recall >= 0.95, {name: score.missed for name, score in table.items() if score.missed}


def test_correct_outputs_raise_no_alarm(table: dict[str, Score]):
    assert {name: score.alarms for name, score in table.items() if score.false_alarms > 0.01} == {}


def test_rewording_a_correct_output_raises_no_error():
    texts = real_texts(AMOUNT.modules, AMOUNT.topics)
    clean = summary(texts, Corpus(text.source for text in texts), seed=0, most_units=AMOUNT.units)
    shares = alarms(in_other_words(clean))
    assert {name for name, share in shares.items() if share > 0.01} <= {
        "near_copies",
        "terms",
        "coverage",
        "contradictions",
    }
