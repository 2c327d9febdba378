"""A sentence that follows a source almost word for word shows every slip."""

import pytest

from tests.unit.checks.support import bodies, check, only, source, told
from throughline.domain.checks.corpus import Corpus
from throughline.domain.checks.material import Material

TEXT = source(
    "Before it.\n\nThe survey asked 1,482 people in four large cities during 12 weeks of the spring. Ada Lovelace did "
    "not lead the well-known survey of the northern cities. After it came the rain and all the people went home. "
    "The sixteen of them came home (with 7 dogs, not cats) to the old town at noon today as ever."
)


def slips(body: str):
    return check("near_copies", bodies(body), TEXT)


def test_a_verbatim_sentence_is_a_copy_without_a_slip():
    result = slips("The survey asked 1,482 people in four large cities during 12 weeks of the spring.")
    assert told(result) == []
    assert result.measures["verbatim"] == 1


@pytest.mark.parametrize(
    ("body", "what"),
    [
        pytest.param(
            "The survey asked 1,428 people in four large cities during 12 weeks of the spring.",
            'Follows report.txt but for digits: "1,482" became "1,428".',
            id="digits",
        ),
        pytest.param(
            "The survey asked 1,482 people in four large cities during 12 days of the spring.",
            'Follows report.txt but for unit: "weeks" became "days".',
            id="unit",
        ),
        pytest.param(
            "Ada Lovelace did lead the well-known survey of the northern cities.",
            'Follows report.txt but for negation: "not" was left out.',
            id="negation",
        ),
        pytest.param(
            "Eva Lovelace did not lead the well-known survey of the northern cities of Belgium.",
            'Follows report.txt but for name: "of Belgium" was put in.',
            id="name",
        ),
    ],
)
def test_a_change_of_substance_is_a_warning_with_its_place(body: str, what: str):
    finding = only(slips(body))
    assert finding.what == what
    assert finding.span is not None
    assert "survey" in TEXT.text[finding.span.start : finding.span.end]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("Here the survey asked 1,482 people in four large cities during 12 weeks of spring.", id="words"),
        pytest.param("The survey asked 1,482 people in four large cities of the spring.", id="phrase-left-out"),
        pytest.param("After it came the rain and all went home.", id="words-left-out"),
        pytest.param("The sixteen of them came home to the old town at noon today as ever.", id="brackets-left-out"),
        pytest.param("Nothing of the kind was ever said in this place by any of them.", id="unrelated"),
        pytest.param("It is short.", id="short"),
    ],
)
def test_other_wording_is_no_slip(body: str):
    assert told(slips(body)) == []


def test_the_closest_of_several_places_is_compared():
    twice = source(
        "All the men of the old town went home at 5 today. " * 2 + "All the men of the new town went home at 6 today."
    )
    out = bodies("All the men of the new town went home at 6 today.")
    (copy,) = Material(out, Corpus([twice])).copies.values()
    assert copy.verbatim


def test_phrases_that_a_source_repeats_without_end_lead_nowhere():
    text = source("so it is and was again " * 200)
    assert Material(bodies("so it is and was again so it is."), Corpus([text])).copies == {}
