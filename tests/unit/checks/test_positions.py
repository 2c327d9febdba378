"""Figures by position: in the output, whose level may fall, and in the sources, which may stay unread."""

from tests.unit.checks.support import bodies, check, output, quote, source, told, unit

WORDS = [f"word{number} stands here alone in line {number}." for number in range(3_000)]
LARGE = source("\n".join(WORDS))


def quoting(lines: range, per_unit: int = 1):
    units = [
        unit("Body text.", number, *(quote(WORDS[line]) for line in lines[start : start + per_unit]))
        for number, start in enumerate(range(0, len(lines), per_unit), 1)
    ]
    return output(*units)


# --- coverage ---------------------------------------------------------------------------------------


def test_a_source_that_is_quoted_throughout_passes():
    result = check("coverage", quoting(range(0, 3_000, 100)), LARGE)
    assert told(result) == []
    assert result.measures["sources_quoted"] == 1


def test_a_long_stretch_without_a_quote_is_a_warning_with_its_place():
    result = check("coverage", quoting(range(0, 1_000, 40)), LARGE)
    assert told(result) == [("u001", "No verified quote comes from tenths 5 to 10 of report.txt.")]
    span = result.findings[0].span
    assert span is not None
    assert span.end == len(LARGE.text)


def test_sources_that_are_never_quoted_are_named():
    others = [source(LARGE.text.replace("word", "mot"), f"other{number}.txt") for number in range(7)]
    result = check("coverage", quoting(range(0, 3_000, 100)), LARGE, *others[:1])
    assert told(result) == [("u001", "No verified quote comes from other0.txt.")]
    assert told(check("coverage", quoting(range(0, 3_000, 100)), LARGE, *others))[0][1].endswith(
        "other4.txt and 2 more."
    )


def test_few_quotes_and_small_sources_say_nothing_about_coverage():
    assert told(check("coverage", quoting(range(0, 10)), LARGE)) == []
    assert told(check("coverage", quoting(range(0, 3_000, 100)), LARGE, source("Small.", "small.txt"))) == []
    result = check("coverage", bodies("Text."), source("", "empty.txt"))
    assert result.measures["evenness"] == {"empty.txt": None}


def test_evenness_is_nothing_when_one_tenth_has_all():
    result = check("coverage", quoting(range(0, 30)), LARGE)
    assert result.measures["evenness"] == {LARGE.name: 0.0}
    assert told(result)


# --- drift ------------------------------------------------------------------------------------------


def test_an_even_output_has_no_drift():
    assert told(check("drift", quoting(range(0, 3_000, 100)), LARGE)) == []


def test_a_short_output_is_not_judged_by_tenths():
    units = [unit("Text. " * 9, number, confidence=0.9 if number < 5 else 0.1) for number in range(1, 9)]
    result = check("drift", output(*units))
    assert told(result) == []
    assert result.measures["confidence_by_decile"] == (0.9, 0.9, 0.9, 0.9, None, 0.1, 0.1, 0.1, 0.1, None)


def test_an_end_that_is_worse_than_the_beginning_is_a_warning():
    late = 15
    units = [
        unit(
            f"Body {number} says much about a thing that only this unit number {number} knows of. "
            * (1 if number > late else 3),
            number,
            quote(WORDS[number] if number <= late else "Nothing that anybody ever wrote anywhere"),
            confidence=0.9 if number <= late else 0.5,
        )
        for number in range(1, 21)
    ]  # fmt: skip
    found = [what for _, what in told(check("drift", output(*units), LARGE))]
    assert [what.split(" in the last")[0] for what in found] == [
        "The share of verified quotes falls from 1.00 to 0.17",
        "Confidence falls from 0.90 to 0.57",
        "Units shrink from 212 to 96 characters",
    ]


def test_repetition_that_rises_is_a_warning():
    repeated = "The very same sentence stands in each of these units at the end."
    texts = [f"Unit {n} has its own words about matter {n} and {n} other things, {n}." for n in range(1, 16)]
    result = check("drift", bodies(*texts, *[repeated] * 6))
    assert any(what.startswith("Repetition rises") for _, what in told(result))
    assert {where for where, _ in told(result)} == {"u016"}
