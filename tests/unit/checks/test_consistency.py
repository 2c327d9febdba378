"""One output says one thing about one thing, in one set of words."""

import pytest

from tests.unit.checks.support import bodies, check, output, quote, source, told, unit
from throughline.domain.outline import OutlineUnit

# --- contradictions ---------------------------------------------------------------------------------


def test_other_figures_for_the_same_thing_are_a_warning():
    first, second = "The cache holds 64 entries by default.", "By default the cache holds 128 entries."
    result = check("contradictions", bodies(first, second))
    assert told(result) == [("u002", f'Gives 128 where u001 gives 64: "{second}".')]
    assert result.passed


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("The cache holds 64 entries.", "The cache holds 64 entries.", id="same-figure"),
        pytest.param("The cache holds 64 entries.", "The queue sends 128 messages.", id="other-thing"),
        pytest.param("The cache waits for 64 seconds.", "The cache waits for 64 % seconds.", id="other-unit"),
        pytest.param("It has 3.", "It has 4.", id="too-few-words"),
        pytest.param("The cache holds entries.", "The cache holds items.", id="no-figures"),
    ],
)
def test_what_does_not_contradict_is_not_reported(first: str, second: str):
    assert told(check("contradictions", bodies(first, second))) == []


def test_a_contradiction_of_the_sources_is_theirs():
    first, second = "The cache holds 64 entries by default.", "The cache holds 128 entries by default."
    sources = source(f"{first} So they say."), source(f"{second} So they say.", "other.txt")
    assert told(check("contradictions", bodies(first, second), *sources)) == []
    assert len(told(check("contradictions", bodies(first, second), sources[0]))) == 1


# --- terms ------------------------------------------------------------------------------------------

TERMS = source("The token bucket refills. A token bucket has a size. Each token bucket is known. Use a rate-limiter.")
USUAL = "The token bucket refills. Each token bucket is known."


@pytest.mark.parametrize("spelled", ["tokenbucket", "token-bucket", "token_bucket"])
def test_a_term_spelled_otherwise_than_everywhere_else_is_a_warning(spelled: str):
    result = check("terms", bodies(USUAL, USUAL, f"Every {spelled} refills."), TERMS)
    assert told(result) == [("u003", f'Writes "{spelled}"; 2 other units say "token bucket".')]


def test_a_term_called_otherwise_than_everywhere_else_is_a_warning():
    body = "Every token basket refills. The token basket is known."
    result = check("terms", bodies(USUAL, USUAL, body), TERMS)
    assert told(result) == [("u003", 'Speaks of "token basket"; 2 other units say "token bucket".')]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(USUAL, id="same-term"),
        pytest.param("Every token basket refills.", id="used-once"),
        pytest.param("A token bucket is no token basket. No token basket.", id="both-terms"),
        pytest.param("A rate-limiter is there. Use a rate-limiter.", id="as-in-the-sources"),
        pytest.param("Every word basket refills. The word basket is known.", id="new-term"),
    ],
)
def test_what_may_be_meant_so_is_not_reported(body: str):
    assert told(check("terms", bodies(USUAL, USUAL, body), TERMS)) == []


def test_a_term_of_one_other_unit_is_no_custom():
    assert told(check("terms", bodies(USUAL, "Every tokenbucket refills."), TERMS)) == []


# --- headings and references ------------------------------------------------------------------------


def outline(*headings: str) -> list[OutlineUnit]:
    return [OutlineUnit(id=f"u{n:03d}", heading=heading) for n, heading in enumerate(headings, 1)]


def of(body: str, *quoted: str):
    return told(check("headings", output(unit(body, 1, *map(quote, quoted)), unit("Two.", 2, heading="Wide roads"))))


@pytest.mark.parametrize(
    "body",
    [
        "### Sub\n\n#### Subsub\n\nText (see section 2), as in u002.",
        "See [there](#wide-roads), [here](#own) and section “Wide roads”.\n\n### Own\n\nText.",
        'See the section "Wide roads" for more.',
        "```\n# no heading, see section 99\n```",
        "It is in section 4.5 of the standard.",
    ],
)
def test_headings_in_order_and_references_that_lead_somewhere_pass(body: str):
    assert of(body) == []


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("##### Deep\n\nText.", '"Deep" has level 5 below level 2.'),
        ("### Heading 1\n\nText.", "The body repeats the unit's own heading."),
        ("As told in u009.", 'The reference "u009" leads to no unit.'),
        ("As told (see section 9).", 'The reference "see section 9" leads to no unit.'),
        ("See [there](#nowhere).", 'The reference "#nowhere" leads to no unit.'),
        ('See the section "Narrow roads".', 'The reference "Narrow roads" leads to no unit.'),
    ],
)
def test_a_jump_or_a_reference_to_nothing_is_a_warning(body: str, what: str):
    assert of(body) == [("u001", what)]


def test_a_reference_that_a_quote_has_is_the_sources():
    assert of("It says: see section 9 of it.", "see section 9 of it") == []


def test_a_heading_that_differs_from_the_outline_or_comes_twice_is_a_warning():
    out = output(unit("One.", heading="Streets"), outline=outline("Roads", "Rivers", "rivers"))
    assert told(check("headings", out)) == [
        ("u003", 'The heading "rivers" occurs 2 times.'),
        ("u001", 'The heading is "Streets"; the outline calls it "Roads".'),
    ]


def test_numbered_headings_rise():
    mixed = outline("1. A", "3. B", "2. C", "Appendix")
    assert told(check("headings", output(outline=mixed))) == [
        ("u003", "The heading with number 2 comes after the one with number 3.")
    ]
    assert told(check("headings", output(outline=outline("2. A", "1. B", "C", "D")))) == []
