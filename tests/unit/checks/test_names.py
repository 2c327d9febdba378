"""Names that no source, heading or title has."""

import pytest

from tests.unit.checks.support import bodies, check, source, told

TEXT = source("Ada Lovelace met Charles in London. She used read_line and os.path. _PRIVATE too, in Ham-\nburg.")


@pytest.mark.parametrize(
    "body",
    [
        "There Ada met Charles in London.",
        "It was Charles's idea, the Londons say.",
        "One calls read_line or os.path here.",
        "Note the PRIVATE name; in March it was so.",
        "He came from Hamburg.",
        "It is in Title and in Heading.",
    ],
)
def test_names_of_the_sources_and_of_the_job_are_held(body: str):
    assert told(check("names", bodies(body), TEXT)) == []


@pytest.mark.parametrize(
    ("body", "name"),
    [
        pytest.param("There Ada met Kowalski.", "Kowalski", id="inside"),
        pytest.param("Then Dr. Kowalski came.", "Kowalski", id="behind-a-title"),
        pytest.param("One calls write_line here.", "write_line", id="identifier"),
        pytest.param("One calls openFile here.", "openFile", id="camel-case"),
        pytest.param("One calls sys.path( here.", "sys.path", id="dotted"),
    ],
)
def test_a_name_that_no_source_has_is_a_warning(body: str, name: str):
    result = check("names", bodies(body), TEXT)
    assert told(result) == [("u001", f'No source has the name "{name}".')]
    assert result.passed


def test_a_sentence_may_begin_with_any_word_and_a_second_capital_is_a_name():
    assert told(check("names", bodies("Jan Kowalski came."), TEXT)) == [("u001", 'No source has the name "Kowalski".')]
    assert told(check("names", bodies("Consequently they came. The Lovelace idea."), TEXT)) == []
