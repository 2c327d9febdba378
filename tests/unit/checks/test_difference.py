"""A difference names the words that changed, and says when they are numbers, negations, names or units."""

import pytest

from throughline.domain.checks.difference import Change, difference, is_negation


@pytest.mark.parametrize(
    ("source", "output", "change"),
    [
        pytest.param("It took 12 days.", "It took 13 days.", ("12", "13", ("digits",)), id="digit"),
        pytest.param("It took 1,482 of it.", "It took 1,428 of it.", ("1,482", "1,428", ("digits",)), id="swapped"),
        pytest.param("It is there.", "It is not there.", ("", "not", ("negation",)), id="negation-put-in"),
        pytest.param("They don't go.", "They do go.", ("don't", "do", ("negation",)), id="contraction"),
        pytest.param("as Ada said so", "as Eve said so", ("Ada", "Eve", ("name",)), id="name"),
        pytest.param("use the fooBar here", "use the foo here", ("fooBar", "foo", ("name",)), id="identifier"),
        pytest.param("It took 12 days.", "It took 12 weeks.", ("days", "weeks", ("unit",)), id="unit"),
        pytest.param("It took 12 days.", "It took 3 weeks.", ("12 days", "3 weeks", ("digits", "unit")), id="both"),
        pytest.param("a big house", "a large house", ("big", "large", ()), id="word"),
        pytest.param("It has two parts.", "It has 2 parts.", ("two", "2", ()), id="number-spelled-out"),
        pytest.param("The house", "Here the house", ("The", "Here the", ()), id="first-word"),
        pytest.param("So. The house", "So. A house", ("The", "A", ()), id="first-word-of-a-sentence"),
        pytest.param("no days of it", "no weeks of it", ("days", "weeks", ()), id="unit-without-a-number"),
    ],
)
def test_a_change_is_shown_with_what_it_touches(source: str, output: str, change: tuple[str, str, tuple[str, ...]]):
    before, after, marks = change
    assert difference(source, output) == (Change(source=before, output=after, marks=marks),)


def test_typography_is_no_difference():
    assert difference("It’s  “so”", 'It\'s "so"') == ()


def test_changes_come_in_order():
    found = difference("a b c 1 e f", "a x c 2 e")
    assert [(change.source, change.output) for change in found] == [("b", "x"), ("1", "2"), ("f", "")]


@pytest.mark.parametrize("word", ["not", "Never", "cannot", "isn’t", "without"])
def test_negations_are_known_in_any_shape(word: str):
    assert is_negation(word)
