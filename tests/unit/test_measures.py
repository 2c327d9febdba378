"""An output beside itself shows no difference, swapped sides differ by the sign, and every measure says its limits."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.comparison import Side
from throughline.domain.job import Path
from throughline.domain.measures import (
    Checked,
    Compared,
    Facts,
    compare,
    measure,
    observe,
    to_json,
    to_markdown,
    told,
    told_difference,
)
from throughline.domain.report import CitationCounts
from throughline.domain.spending import Spent

SIDE = Side(
    path=Path.SINGLE_PASS,
    status="complete",
    attempts=1,
    units=3,
    units_wanted=4,
    calls=2,
    input_tokens=10,
    output_tokens=20,
    wasted_tokens=0,
    cost_usd=Decimal(1),
    citations=CitationCounts(verified=3, altered=1),
    wall_s=60.5,
)
FACTS = Facts(
    side=SIDE,
    spent=Spent(calls=2, paid_usd=Decimal("1.000000000001"), list_usd=Decimal(2)),
    waiting_s=30.0,
    confidence=0.8,
    checks={"figures": Checked(errors=1, warnings=2), "names": Checked(errors=0, warnings=0)},
    tenths={"verified_share_by_decile": (1.0, None)},
    minutes=None,
)
keys = st.sampled_from(["paid_usd", "calls", "check.figures", "errors.figures", "tenth.confidence_by_decile.3"])
values = st.dictionaries(keys, st.none() | st.decimals(-(10**6), 10**6, places=12))


@settings(max_examples=50)
@given(values)
def test_an_output_beside_itself_shows_no_difference(side: dict[str, Decimal | None]):
    assert all(row.difference in (0, None) for row in compare(side, side))


@settings(max_examples=50)
@given(values, values)
def test_swapping_the_sides_changes_signs_only(left: dict[str, Decimal | None], right: dict[str, Decimal | None]):
    there = {row.measure.key: row for row in compare(left, right)}
    back = {row.measure.key: row for row in compare(right, left)}
    assert there.keys() == back.keys()
    for key, row in there.items():
        assert (row.left, row.right) == (back[key].right, back[key].left)
        opposite = None if row.difference is None else -row.difference
        assert back[key].difference == opposite


def test_what_is_observed_is_exact():
    found = observe(FACTS)
    assert found["paid_usd"] == Decimal("1.000000000001")
    assert (found["units_missing"], found["verified_share"], found["waiting_s"]) == (1, Decimal("0.75"), 30)
    assert (found["check.figures"], found["errors.figures"]) == (3, 1)
    assert (found["tenth.verified_share_by_decile.1"], found["tenth.verified_share_by_decile.2"]) == (1, None)
    assert found["minutes"] is None


def test_what_is_not_known_is_none_and_not_zero():
    side = Facts(
        side=replace(SIDE, units_wanted=None, citations=CitationCounts(), wall_s=None),
        spent=Spent(),
        waiting_s=0.0,
        confidence=None,
        checks={},
        tenths={},
        minutes=None,
    )
    found = observe(side)
    assert {key for key, value in found.items() if value is None} == {
        "units_missing",
        "verified_share",
        "wall_s",
        "confidence",
        "minutes",
    }


def test_every_measure_says_what_it_means_and_what_not():
    for key in observe(FACTS):
        of = measure(key)
        assert of.means.endswith((".", "?"))
        assert of.means_not.endswith(".")


@pytest.mark.parametrize(
    ("key", "title", "unit"),
    [
        ("paid_usd", "cost paid", "$"),
        ("check.near_copies", "near copies: findings", ""),
        ("errors.near_copies", "near copies: errors", ""),
        ("tenth.confidence_by_decile.10", "confidence, tenth 10", "share"),
        ("tenth.body_characters_by_decile.1", "body characters, tenth 1", ""),
    ],
)
def test_a_measure_has_a_title_and_a_unit(key: str, title: str, unit: str):
    found = measure(key)
    assert (found.title, found.unit) == (title, unit)


@pytest.mark.parametrize(
    ("key", "left", "right", "quiet"),
    [
        ("paid_usd", 0, 0, False),
        ("check.names", 0, 0, True),
        ("check.names", 0, 1, False),
        ("check.names", None, None, True),
        ("errors.names", 5, 5, True),
        ("tenth.confidence_by_decile.1", 1, 1, True),
    ],
)
def test_checks_that_found_nothing_are_quiet(key: str, left: int | None, right: int | None, quiet: bool):
    sides = [None if value is None else Decimal(value) for value in (left, right)]
    assert Compared(measure=measure(key), left=sides[0], right=sides[1]).is_quiet is quiet


@pytest.mark.parametrize(
    ("value", "unit", "text", "difference"),
    [
        (None, "$", "-", "-"),
        ("1.5", "$", "$1.5000", "+$1.5000"),
        ("-1.5", "", "-2", "−2"),
        ("0", "", "0", "±0"),
        ("90", "s", "90.0 s", "+90.0 s"),
        ("2.25", "min", "2.2 min", "+2.2 min"),
        ("0.125", "share", "12.5%", "+12.5 points"),
    ],
)
def test_values_are_told_with_their_unit(value: str | None, unit: str, text: str, difference: str):
    number = None if value is None else Decimal(value)
    assert (told(number, unit), told_difference(number, unit)) == (text, difference)


def test_the_markdown_table_says_what_each_measure_means_and_leaves_quiet_ones_out():
    rows = compare({"calls": Decimal(2), "check.names": Decimal(0)}, {"calls": Decimal(5), "check.names": Decimal(0)})
    head, _, line = to_markdown(rows).splitlines()
    assert head == "| measure | single pass | chunked | difference | means | does not mean |"
    assert line == "| calls | 2 | 5 | +3 | Paid requests. | Nothing about what was written. |"


def test_the_json_has_both_values_and_what_they_mean():
    row = to_json(compare({"calls": Decimal(2), "minutes": None}, {"calls": Decimal(5)}))
    assert row[0] | {"means": "", "does_not_mean": ""} == {
        "measure": "calls",
        "unit": "",
        "single_pass": "2",
        "chunked": "5",
        "difference": "3",
        "means": "",
        "does_not_mean": "",
    }
    assert (row[1]["single_pass"], row[1]["difference"]) == (None, None)
