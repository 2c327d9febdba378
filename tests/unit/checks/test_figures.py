"""Numbers, dates and units in one form, whatever way they were written."""

import pytest

from tests.unit.checks.support import bodies, check, output, source, told, unit
from throughline.domain.checks.figures import figure_at, figures


def read(text: str) -> list[tuple[str, str | None]]:
    return [(figure.value, figure.unit) for figure in figures(text)]


@pytest.mark.parametrize(
    ("text", "value", "unit_name"),
    [
        pytest.param("1,482 people", "1482", "people", id="separator"),
        pytest.param("12 %", "12", "%", id="percent-sign"),
        pytest.param("12 percent", "12", "%", id="percent"),
        pytest.param("$3.5 million", "3500000", "USD", id="currency-and-scale"),
        pytest.param("2 thousand euros", "2000", "EUR", id="unit-behind-scale"),
        pytest.param("1.2345 thousand", "1234.5", None, id="more-decimals-than-the-scale"),
        pytest.param("64KB", "64", "KB", id="unit-without-a-space"),
        pytest.param("-12 °C", "-12", "C", id="minus"),
        pytest.param("0.50", "0.50", None, id="decimals"),
        pytest.param("007", "7", None, id="leading-zeros"),
        pytest.param("version 3.11.2", "3.11.2", None, id="version"),
        pytest.param("at 12:30", "12:30", None, id="time"),
        pytest.param("0xFF_FF", "0xffff", None, id="hexadecimal"),
        pytest.param("2021-03-12", "2021-03-12", "date", id="iso-date"),
        pytest.param("12 March 2021", "2021-03-12", "date", id="day-first"),
        pytest.param("March 12, 2021", "2021-03-12", "date", id="month-first"),
        pytest.param("on 12th of Mar", "-----03-12", "date", id="without-a-year"),
    ],
)
def test_a_figure_has_one_value_however_it_is_written(text: str, value: str, unit_name: str | None):
    assert read(text) == [(value, unit_name)]


@pytest.mark.parametrize(
    "text",
    ["see section 3", "item [4]", "utf8 and x86", "the 3rd of them", "v3.8 it is", "two of them", "PEP 8", "§7"],
)
def test_what_only_counts_or_names_is_no_figure(text: str):
    assert read(text) == []


def test_a_small_word_behind_a_number_is_no_month():
    assert read("3 may differ") == [("3", None)]


def test_a_range_has_two_figures_and_no_minus():
    assert read("10-20 of 5") == [("10", None), ("20", None), ("5", None)]


def test_spelled_numbers_are_read_where_a_source_has_them():
    found = figure_at("two seconds", "two", 0)
    assert found is not None
    assert (found.value, found.unit) == ("2", "s")
    assert figure_at("may be", "may", 0) is None
    assert figure_at("word", "word", 0) is None


# --- held by the sources ----------------------------------------------------------------------------

SOURCE = source(
    "The harbour of Genoa opened in 1851 with 12 cranes, two docks and a basin of 64 metres.\n"
    + "It rains. " * 100
    + "\nFerries leave Naples after 30 minutes on 3 May 1999; tickets cost $15 each.\n"
    + "It snows. " * 100
    + "\nTREES = 40\nSHRUBS = 41\nThe 41 trees of the park.\n"
)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("Genoa's harbour had 12 cranes since 1851.", id="same-words-nearby"),
        pytest.param("The harbour of Genoa has 2 docks.", id="spelled-out-in-the-source"),
        pytest.param("Ferries to Naples wait for 30 min.", id="unit-otherwise-spelled"),
        pytest.param("Naples has ferries since May 3, 1999.", id="date-otherwise-written"),
        pytest.param("Tickets for ferries cost 15.", id="without-the-unit"),
        pytest.param("| TREES | 40 |", id="table"),
        pytest.param("In all, 64 are mentioned here elsewhere.", id="no-word-of-the-sources"),
    ],
)
def test_a_figure_that_the_sources_have_about_the_same_thing_is_held(body: str):
    assert told(check("figures", bodies(body), SOURCE)) == []


@pytest.mark.parametrize(
    ("body", "what"),
    [
        pytest.param("Genoa's harbour had 13 cranes.", 'No source has the figure "13".', id="nowhere"),
        pytest.param(
            "Genoa's harbour had 30 cranes.",
            'The sources have "30", but not where they speak of the same things.',
            id="elsewhere",
        ),
        pytest.param(
            "| TREES | 41 |", 'The sources have "41", but not where they speak of the same things.', id="other-row"
        ),
        pytest.param(
            "Ferries to Naples wait for 30 hours.",
            '"30 hours" has the unit h here; the sources have it in min.',
            id="other-unit",
        ),
    ],
)
def test_a_figure_that_the_sources_do_not_bear_out_is_a_warning(body: str, what: str):
    result = check("figures", bodies(body), SOURCE)
    assert told(result) == [("u001", what)]
    assert result.passed


def test_a_sentence_that_a_source_has_verbatim_needs_no_second_look():
    text = "The harbour of Genoa opened in 1851 with 12 cranes."
    assert told(check("figures", output(unit(text)), source(f"{text} More."))) == []
