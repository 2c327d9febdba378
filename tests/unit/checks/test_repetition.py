"""Text that comes again is found, exact or nearly."""

from pydoc_data.topics import topics

from tests.unit.checks.support import bodies, check, told

FIRST = "The harbour opens at six in the morning and closes late in the evening."
SECOND = "Ferries to the islands leave from the northern pier every other hour or so."
THIRD = "Nobody may bring a dog on board without a muzzle and a ticket for it."
OTHER = "Completely different matters are discussed in this sentence about the weather."


def test_different_units_repeat_nothing():
    result = check("repetition", bodies(FIRST, SECOND, THIRD))
    assert result.passed
    assert result.measures["repeated_exactly"] == 0


def test_a_repeated_sentence_is_a_warning():
    result = check("repetition", bodies(f"{FIRST} {SECOND}", f"{OTHER} {THIRD} {FIRST}"))
    assert result.passed
    assert told(result) == [("u002", f'Repeats a sentence of u001: "{FIRST}".')]


def test_a_nearly_repeated_sentence_is_a_warning():
    near = FIRST.replace("late in the evening", "late in the night")
    result = check("repetition", bodies(FIRST, f"{near} {OTHER}"))
    assert told(result) == [("u002", f'Nearly repeats a sentence of u001: "{near}".')]


def test_a_unit_that_repeats_another_is_an_error():
    result = check("repetition", bodies(f"{FIRST} {SECOND} {THIRD}", OTHER, f"{FIRST} {SECOND} {THIRD}"))
    assert not result.passed
    assert told(result) == [("u003", "100 % of this unit repeats u001.")]
    assert result.measures["repeated_share_by_decile"] == (0.0, *[None] * 2, 0.0, *[None] * 2, 1.0, *[None] * 3)


def test_short_sentences_may_repeat():
    assert told(check("repetition", bodies("It is so.", "It is so."))) == []


def test_a_phrase_that_everyone_uses_is_no_repetition():
    sentences = [f"In the case of the {name} it is as said in topic {name} of {name}." for name in list(topics)[:40]]
    assert check("repetition", bodies(*sentences)).passed
