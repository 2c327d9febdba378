"""Defects planted in correct outputs of real text are found, and correct outputs raise no alarm.

`python -m benchmarks.checks` prints the same tables with more of each class. The least shares below are a little under
what was measured, so that a check that gets worse fails here.
"""

import pytest

from tests.defects.classes import CLASSES, DROPPED
from tests.defects.clean import summary
from tests.defects.counting import Amount, Score, scores
from tests.defects.real_text import real_texts
from tests.defects.rewording import alarms, in_other_words
from tests.planted_quotes import INVENTED, PER_CLASS, VERBATIM, QuoteTable, quote_table
from throughline.domain.checks.corpus import Corpus

AMOUNT = Amount(modules=15, topics=40, units=60, planted=40, outputs=5)
LEAST_RECALL = 0.90
LEAST_PRECISION = 0.95
HARD = {  # signs of a defect rather than proofs: the recall that is asked of them
    "contradiction between units": 0.85,
    "renamed term, spelled otherwise": 0.80,
    "renamed term, another word": 0.75,
}
FORTY_OF_EACH = [
    "duplicated unit",
    DROPPED,
    "swapped units",
    "empty unit",
    "foreign figure",
    "filler",
    "truncated end",
]


@pytest.fixture(scope="module")
def table() -> dict[str, Score]:
    return scores(AMOUNT)


@pytest.fixture(scope="module")
def quotes() -> QuoteTable:
    return quote_table()


def test_every_class_was_planted(table: dict[str, Score]):
    assert {name for name, score in table.items() if score.planted < 3} == set()
    assert {name: table[name].planted for name in FORTY_OF_EACH if table[name].planted < 40} == {}


def test_every_class_is_found(table: dict[str, Score]):
    weak = {name: score for name, score in table.items() if score.recall < HARD.get(name, LEAST_RECALL)}
    assert weak == {}


def test_mechanical_defects_are_found_nearly_all(table: dict[str, Score]):
    mechanical = [DROPPED, *(name for name, defect in CLASSES.items() if defect.mechanical)]
    total = sum((table[name] for name in mechanical), Score())
    assert total.recall >= 0.98, {name: score.missed for name, score in table.items() if score.missed}


def test_what_is_flagged_is_wrong(table: dict[str, Score]):
    assert {name: score.elsewhere for name, score in table.items() if score.precision < LEAST_PRECISION} == {}


def test_correct_outputs_raise_no_alarm(table: dict[str, Score]):
    assert {name: score.alarms for name, score in table.items() if score.false_alarms > 0.01} == {}


def test_forty_quotes_of_each_class_were_planted(quotes: QuoteTable):
    assert {name: score.planted for name, score in quotes.classes.items()} == dict.fromkeys(quotes.classes, PER_CLASS)


def test_changed_and_invented_quotes_are_flagged_and_verbatim_ones_pass(quotes: QuoteTable):
    assert quotes.recall >= 0.99
    assert quotes.precision >= 0.99


def test_only_a_verbatim_quote_is_called_verified(quotes: QuoteTable):
    verified = {name for name, score in quotes.classes.items() if score.statuses.get("verified")}
    assert verified == {VERBATIM}


def test_an_invented_quote_is_missing_and_a_changed_one_altered_with_its_mark(quotes: QuoteTable):
    for name, score in quotes.classes.items():
        if name not in (VERBATIM, INVENTED):
            assert score.statuses.get("altered", 0) >= 0.95 * PER_CLASS, name
            assert score.marked >= 0.9 * PER_CLASS, name
    assert quotes.classes[INVENTED].statuses.get("missing", 0) >= 0.95 * PER_CLASS


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
