"""Verified means verbatim; whatever is only similar is shown, never believed."""

import random
from dataclasses import dataclass
from itertools import accumulate
from pydoc_data.topics import topics

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from throughline.domain.citations import CheckedCitation, CitationStatus, check_citations
from throughline.domain.source import Format, Source

VERIFIED, ALTERED, MISSING = CitationStatus.VERIFIED, CitationStatus.ALTERED, CitationStatus.MISSING


@dataclass(frozen=True)
class Quoted:
    source: str
    quote: str


def document(text: str, name: str = "report.txt") -> Source:
    return Source(name=name, format=Format.TEXT, text=text)


REFERENCE = document("".join(topics.values()), "reference.txt")
REPORT = document(
    "  The  survey of 2019 asked 1,482 people\n  in four cities — most of them (61.5 percent) between 30\n"
    "and 45 years old.\n\nNobody said that it was “too long”; it’s short, wrote the authors.\n"
    "Losses were -12 percent, or about 1.500 euros for 3 of 10.\n"
)


def check(quote: str, *sources: Source, named: str = "report.txt") -> CheckedCitation:
    (checked,) = check_citations([Quoted(named, quote)], sources or (REPORT,))
    return checked


def stretch(checked: CheckedCitation, source: Source = REPORT) -> str:
    return source.text[checked.start : checked.end]


# --- verified ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quote", "original"),
    [
        pytest.param("asked 1,482 people", "asked 1,482 people", id="short"),
        pytest.param("2019", "2019", id="one-word"),
        pytest.param(
            "The survey of 2019 asked 1,482 people in four cities",
            "The  survey of 2019 asked 1,482 people\n  in four cities",
            id="across-lines",
        ),
        pytest.param(
            ' said  that it was "too long"; it\'s short\n', "said that it was “too long”; it’s short", id="marks"
        ),
        pytest.param("it was „too long‟; it‘s", "it was “too long”; it’s", id="other-marks"),
        pytest.param("61.5 percent", "61.5 percent", id="inside-brackets"),
        pytest.param("45 years old", "45 years old", id="before-a-full-stop"),
        pytest.param("3 of 10.", "3 of 10.", id="end-of-text"),
        pytest.param("in four cities - most of them", "in four cities — most of them", id="dash"),
        pytest.param("30 and 45 years old. Nobody said", "30\nand 45 years old.\n\nNobody said", id="paragraphs"),
    ],
)
def test_a_verbatim_quote_is_verified_where_it_stands(quote: str, original: str):
    checked = check(quote)
    assert checked.status is VERIFIED
    assert checked.similarity == 100
    assert stretch(checked) == original


@settings(max_examples=50)
@given(st.data())
def test_any_run_of_whole_words_is_verified_in_place(data: st.DataObject):
    words = REPORT.text.split()
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    assume(words[first : last + 1] != ["—"])
    gap = data.draw(st.sampled_from([" ", "\n", " \t "]))
    checked = check(gap.join(words[first : last + 1]))
    assert checked.status is VERIFIED
    assert stretch(checked).split() == words[first : last + 1]


def test_the_first_of_several_places_is_given():
    source = document("a b c d e f. a b c d e f.")
    assert check("b c d e f", source).start == 2


def test_a_quote_in_a_script_without_spaces_may_begin_anywhere():
    assert check("平成時代", document("これは平成時代の話です。")).status is VERIFIED


# --- altered ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quote", "original"),
    [
        pytest.param(
            "survey of 2018 asked 1,482 people in four cities",
            "survey of 2019 asked 1,482 people\n  in four cities",
            id="changed-digit",
        ),
        pytest.param("asked 1,483 people", "asked 1,482 people", id="changed-digit-in-a-short-quote"),
        pytest.param("Nobody said that it was not “too long”", "Nobody said that it was “too long”", id="not"),
        pytest.param("nobody said that it was", "Nobody said that it was", id="case"),
        pytest.param("asked people in four cities", "asked 1,482 people\n  in four cities", id="left-out-word"),
        pytest.param("1.500 euros for 3 of 11.", "1.500 euros for 3 of 10.", id="last-word"),
    ],
)
def test_a_changed_quote_is_altered_and_shows_the_original(quote: str, original: str):
    checked = check(quote)
    assert checked.status is ALTERED
    assert checked.similarity is not None
    assert 80 <= checked.similarity < 100
    assert stretch(checked) == original


@settings(max_examples=50)
@given(st.integers(0, 10**9))
def test_a_changed_digit_is_altered_never_verified(seed: int):
    chance = random.Random(seed)
    words = REPORT.text.split()
    first = chance.randrange(len(words) - 12)
    quote = " ".join(words[first : first + 12])
    places = [at for at, character in enumerate(quote) if character.isdigit()]
    if not places:
        return
    at = chance.choice(places)
    other = chance.choice([digit for digit in "0123456789" if digit != quote[at]])
    assert check(quote[:at] + other + quote[at + 1 :]).status is ALTERED


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        pytest.param("5 percent of the people agreed", "In all 15 percent of the people agreed.", id="digit"),
        pytest.param("500 people agreed with the plan", "Only 1,500 people agreed with the plan.", id="comma"),
        pytest.param("12 percent was the loss", "-12 percent was the loss", id="sign"),
        pytest.param("the people agreed to pay 15", "the people agreed to pay 15.75 euros", id="decimals"),
        pytest.param("the people agreed to pay 15", "the people agreed to pay 150 euros", id="zero"),
        pytest.param("the people agreed to meet at 12", "the people agreed to meet at 12:30 sharp", id="minutes"),
        pytest.param("2 cups of meal were agreed on", "In all 1/2 cups of meal were agreed on", id="fraction"),
        pytest.param("000 people agreed with the plan", "Only 5 000 people agreed with the plan.", id="zeros"),
        pytest.param("the people agreed to pay 15", "the people agreed to pay 15 000 euros", id="thousands"),
        pytest.param("250 people agreed with it", "Only 1\u202f250 people agreed with it.", id="narrow space"),
        pytest.param("250 people agreed with it", "Only 3\xa0141\xa0250 people agreed with it.", id="groups"),
        pytest.param("able to agree with the plan", "unable to agree with the plan", id="word"),
    ],
)
def test_a_quote_that_cuts_a_word_or_a_number_is_not_verbatim(quote: str, text: str):
    assert check(quote, document(text)).status is ALTERED


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        pytest.param("5 000 people agreed", "Only 5 000 people agreed.", id="whole"),
        pytest.param("250 people agreed", "In chapter 3 250 people agreed.", id="two numbers"),
        pytest.param("007 agreed at once", "In 2019 007 agreed at once.", id="a year before"),
    ],
)
def test_a_number_beside_another_one_is_whole(quote: str, text: str):
    assert check(quote, document(text)).status is VERIFIED


def test_a_cut_word_does_not_hide_a_whole_one_further_on():
    source = document("unable to agree. They were able to agree.")
    assert stretch(check("able to agree", source), source) == "able to agree"
    assert check("able to agree", source).status is VERIFIED


# --- missing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "quote",
    [
        pytest.param("", id="empty"),
        pytest.param(" \n\t", id="blank"),
        pytest.param(".", id="a-full-stop"),
        pytest.param("—", id="a-dash-that-the-source-has"),
        pytest.param("Dogs sleep for most of the day and dream at night", id="unrelated"),
        pytest.param("people people people people people people", id="repeated-word"),
        pytest.param("2020", id="one-changed-word"),
        pytest.param("people in four cities and in five towns", id="too-different"),
        pytest.param("The survey asked nothing " * 200, id="longer-than-any-quote"),
    ],
)
def test_what_the_source_does_not_say_is_missing(quote: str):
    checked = check(quote)
    assert checked.status is MISSING
    assert (checked.start, checked.end, checked.similarity, checked.found_in) == (None, None, None, None)


def test_a_quote_of_another_source_is_missing_and_says_where_it_was_found():
    other = document("Completely different words are here.", "other.txt")
    checked = check("different words are here", REPORT, other)
    assert (checked.status, checked.found_in, checked.start) == (MISSING, "other.txt", None)


def test_no_quote_reaches_across_two_sources():
    halves = document("one two three", "a.txt"), document("four five six", "b.txt")
    assert check("two three four five", *halves, named="c.txt").found_in is None


def test_a_source_that_does_not_exist_holds_nothing():
    checked = check("asked 1,482 people", named="invented.txt")
    assert (checked.status, checked.found_in) == (MISSING, "report.txt")


def test_an_altered_quote_says_which_source_has_it_verbatim():
    other = document("survey of 2018 asked 1,482 people in four cities", "older.txt")
    checked = check("survey of 2018 asked 1,482 people in four cities", REPORT, other)
    assert (checked.status, checked.found_in) == (ALTERED, "older.txt")


# --- the whole --------------------------------------------------------------------------------------


def test_citations_keep_their_order_and_repeats_are_checked_alike():
    quotes = ["2019", "invented", "2019", "asked 1,482 people"]
    checked = check_citations([Quoted("report.txt", quote) for quote in quotes], [REPORT])
    assert [citation.quote for citation in checked] == quotes
    assert [citation.status for citation in checked] == [VERIFIED, MISSING, VERIFIED, VERIFIED]


def test_no_citations_need_no_sources():
    assert check_citations([], []) == ()


texts = st.text(st.sampled_from(list("ab1 \n\t,.“’é")), max_size=60)


@given(text=texts, other=texts, quote=texts)
def test_verified_stretches_equal_the_quote_up_to_spaces_and_marks(text: str, other: str, quote: str):
    def plain(value: str) -> str:
        return " ".join(value.replace("“", '"').replace("’", "'").split())

    source = document(text)
    checked = check(quote, source, document(other, "other"))
    if checked.status is VERIFIED:
        assert plain(stretch(checked, source)) == plain(quote)
    if checked.status is ALTERED:
        assert plain(stretch(checked, source)) != plain(quote)
    if checked.found_in:
        assert plain(quote) in plain(other)


def reference_quotes(number: int) -> list[str]:
    """Runs of words of real prose, tables and code included."""
    chance = random.Random(7)
    words = REFERENCE.text.split()
    starts = [chance.randrange(len(words) - 30) for _ in range(number)]
    return [" ".join(words[start : start + chance.randrange(6, 30)]) for start in starts]


def test_two_hundred_quotes_of_real_prose_are_all_verified():
    quotes = reference_quotes(200)
    checked = check_citations([Quoted(REFERENCE.name, quote) for quote in quotes], [REFERENCE])
    assert {citation.status for citation in checked} == {VERIFIED}
    assert all(REFERENCE.text[c.start : c.end].split() for c in checked)


def test_one_changed_word_in_real_prose_is_always_found_and_never_verified():
    def changed(quote: str, seed: int) -> str:
        words = quote.split()
        at = random.Random(seed).randrange(len(words))
        return " ".join([*words[:at], words[at] + "9", *words[at + 1 :]])

    quotes = [changed(quote, seed) for seed, quote in enumerate(reference_quotes(200)) if len(quote) > 60]
    checked = check_citations([Quoted(REFERENCE.name, quote) for quote in quotes], [REFERENCE])
    assert {citation.status for citation in checked} == {ALTERED}


def test_words_repeated_without_end_are_still_found():
    source = document("tick tock " * 3_000 + "the clock stopped. " + "x" * 3_000)
    quotes = ["tick tock tick tock the clock stopped.", "tick tock tick", "x"]
    checked = check_citations([Quoted("report.txt", quote) for quote in quotes], [source])
    assert [citation.status for citation in checked] == [VERIFIED, VERIFIED, MISSING]


def test_offsets_are_right_behind_every_gap():
    text = "\n\n one\r\n two \n\n\n three\u00a0four\t\tfive "
    ends = list(accumulate(map(len, text.split())))
    for word in text.split():
        source = document(text)
        assert stretch(check(word, source), source) == word
    assert ends[-1] == len("onetwothreefourfive")
