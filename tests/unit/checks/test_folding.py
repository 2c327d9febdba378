"""Typography is put aside; digits, signs, letters and hyphens inside a line are not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.checks.support import quote, source
from throughline.domain.checks.folding import Folded, Ranks, fold, read, same_hyphens
from throughline.domain.citations import CheckedCitation, CitationStatus, check_citations
from throughline.domain.source import Format

VERIFIED, ALTERED = CitationStatus.VERIFIED, CitationStatus.ALTERED


def checked(quoted: str, text: str, form: Format = Format.TEXT) -> CheckedCitation:
    (result,) = check_citations([quote(quoted)], [source(text, form=form)])
    return result


@pytest.mark.parametrize(
    ("quoted", "text"),
    [
        pytest.param('it\'s "so"', "it’s “so”", id="quotation-marks"),
        pytest.param("in «many» words", 'in "many" words', id="guillemets"),
        pytest.param("most - but not all", "most — but not all", id="dash"),
        pytest.param("pages 10-20 of it", "pages 10–20 of it", id="range"),
        pytest.param("most - but not all", "most -- but not all", id="double-dash"),
        pytest.param("an efficient file", "an eﬃcient ﬁle", id="ligatures"),
        pytest.param("the example here", "the exam\u00adple here", id="soft-hyphen"),
        pytest.param("the example here", "the exam\u00ad\n  ple here", id="soft-hyphen-at-line-end"),
        pytest.param("the example here", "the exam-\n    ple here", id="divided-word"),
        pytest.param("the exam- ple here", "the exam-\nple here", id="divided-word-copied"),
        pytest.param("the exam-\nple here", "the example here", id="divided-in-the-quote"),
        pytest.param("a well-known example of it", "a well-\nknown exam-\nple of it", id="both-kinds-of-line-end"),
        pytest.param("COVID-19 came", "COVID-\n19 came", id="number-at-line-end"),
        pytest.param("the * and _ marks", r"the \* and \_ marks", id="escapes-in-the-source"),
        pytest.param(r"the \*args of it", "the *args of it", id="escapes-in-the-quote"),
        pytest.param("full width 12", "ｆｕｌｌ ｗｉｄｔｈ １２", id="compatibility-letters"),
        pytest.param("a café there", "a cafe\u0301 there", id="composed"),
        pytest.param("10 km2 of land", "10 km² of land", id="raised-digit-behind-a-letter"),
        pytest.param("so much Ca2+ is there", "so much Ca²⁺ is there", id="raised-sign-behind-a-letter"),
        pytest.param("so... and on", "so… and on", id="ellipsis"),
        pytest.param("zero width", "zero\u200b width", id="invisible"),
        pytest.param("known facts here", "well-known facts here", id="behind-a-hyphen"),
        pytest.param("he is well", "he is well-known", id="before-a-hyphen"),
    ],
)
def test_a_quote_that_differs_only_in_typography_is_verified(quoted: str, text: str):
    assert checked(quoted, text).status is VERIFIED


@pytest.mark.parametrize(
    ("quoted", "text"),
    [
        pytest.param("about 102 people came today", "about 10² people came today", id="raised-digit"),
        pytest.param("about 10-5 of it came today", "about 10⁻⁵ of it came today", id="raised-sign-and-digit"),
        pytest.param("about 10⁻⁵ of it came today", "about 10-5 of it came today", id="raised-in-the-quote"),
        pytest.param("about 112 of the people", "about 1½ of the people", id="fraction"),
        pytest.param("about 12 of the people", "about 13 of the people", id="digit"),
        pytest.param("it is wellknown to all of us", "it is well-known to all of us", id="hyphen-left-out"),
        pytest.param("they re-sign today", "they resign today", id="hyphen-put-in"),
        pytest.param("ple of the many others", "an exam-\nple of the many others", id="half-a-divided-word"),
        pytest.param("such is the exam", "such is the exam-\nple", id="first-half-of-a-divided-word"),
        pytest.param("level 12 of the tower", "high-level 12.5 of the tower", id="number-cut-behind-a-hyphen"),
        pytest.param("it is able to fly", "it is not able to fly", id="negation"),
    ],
)
def test_a_quote_that_differs_in_more_is_not_verified(quoted: str, text: str):
    assert checked(quoted, text).status is not VERIFIED


def test_in_code_backslashes_and_hyphens_mean_what_they_say():
    assert checked("match('.')", r"x = re.match('\.') ", Format.CODE).status is not VERIFIED
    assert checked("x = a b", "x = a-\n  b", Format.CODE).status is not VERIFIED
    assert checked("x = a-b + c", "x = a-b + c", Format.CODE).status is VERIFIED


def test_words_that_differ_only_by_a_hyphen_are_altered_and_less_than_alike():
    result = checked("it is wellknown to all", "it is well-known to all")
    assert result.status is ALTERED
    assert result.similarity is not None
    assert result.similarity < 100


def test_the_span_is_the_text_as_the_source_has_it():
    text = "Some exam-\n   ples, eﬃcient ones, \\*here\\*."
    result = checked("examples, efficient ones, *here", text)
    assert text[result.start : result.end] == "exam-\n   ples, eﬃcient ones, \\*here"


def test_the_span_covers_a_whole_ligature_of_which_the_quote_has_a_part():
    folded = Folded("eﬃcient")
    assert (folded.original_start(2), folded.original_end(2)) == (1, 2)


@pytest.mark.parametrize("text", ["", "plain", "“x”", "a-b", "ﬁ\u0301", "\u0301", "\u00a0x"])
def test_folding_twice_changes_nothing_more(text: str):
    assert fold(fold(text)) == fold(text)


def test_reading_keeps_the_hyphens_between_letters():
    assert read("big-endian exam-\nple") == "big-endian exam- ple"
    assert fold("big-endian exam-\nple") == "bigendian example"


def test_hyphens_are_compared_by_the_letters_that_they_stand_before():
    assert same_hyphens("a well-known fact", "a  well-known fact")
    assert same_hyphens("a well-\nknown é-fact", "a wellknown é-fact")
    assert not same_hyphens("re-sign", "resign")


def test_a_rank_beyond_the_text_is_an_error():
    with pytest.raises(IndexError):
        Ranks("ab").offset(2)


VARIANTS = {"'": "’", '"': "“", "-": "–", "fi": "ﬁ", "*": "\\*", "ir": "i\u00adr", "é": "e\u0301"}
SENTENCE = "It isn't the first well-known “test” of 1,482 café pages - or is it 3 * 5 - that we find here"


@given(st.lists(st.sampled_from(sorted(VARIANTS)), max_size=5), st.sampled_from([" ", "\n", " \n  ", "\u00a0"]))
def test_any_mixture_of_typography_is_verified(marks: list[str], gap: str):
    text = SENTENCE
    for mark in marks:
        text = text.replace(VARIANTS[mark], mark).replace(mark, VARIANTS[mark])
    assert checked(text.replace(" ", gap), SENTENCE).status is VERIFIED
    assert checked(SENTENCE, f"Well. {text.replace(' ', gap)}, he said.").status is VERIFIED


@given(st.sampled_from([n for n, c in enumerate(SENTENCE) if c.isdigit()]), st.sampled_from("0123456789²①½٣"))
def test_another_digit_is_never_verified(at: int, digit: str):
    changed = SENTENCE[:at] + digit + SENTENCE[at + 1 :]
    same = unicodedata.normalize("NFKC", digit) == SENTENCE[at]
    assert (checked(changed, SENTENCE).status is VERIFIED) <= same


@given(st.integers(1, len(SENTENCE.split()) - 1), st.sampled_from(["not", "never", "no", "hardly"]))
def test_a_negation_put_in_is_never_verified(at: int, negation: str):
    words = SENTENCE.split()
    assert checked(" ".join([*words[:at], negation, *words[at:]]), SENTENCE).status is not VERIFIED


@given(st.text(st.sampled_from(list("ab1- \n\u00ad’–ﬁ\\*²é\u0301")), max_size=40))
def test_what_was_folded_leads_back_to_the_original(text: str):
    folded = Folded(text)
    for offset in range(len(folded.text)):
        start, end = folded.original_start(offset), folded.original_end(offset + 1)
        assert 0 <= start < end <= len(text)
