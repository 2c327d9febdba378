"""Both outputs beside each other: which units share a line, and which side stands on the left."""

import pytest

from review.sides import aligned
from throughline.domain.outline import Outline, OutlineUnit


def outline(*headings: str) -> Outline:
    return Outline(units=tuple(OutlineUnit(id=f"u{n:03d}", heading=h) for n, h in enumerate(headings, start=1)))


def lines(left: Outline, right: Outline) -> list[tuple[str | None, str | None]]:
    return [(row.left and row.left.heading, row.right and row.right.heading) for row in aligned(left, right)]


def test_units_of_one_outline_stand_beside_themselves_also_where_headings_come_twice():
    same = outline("Part", "Part", "End")
    assert [(row.left, row.right) for row in aligned(same, same)] == [(unit, unit) for unit in same.units]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param(
            ["Names", "Scopes", "Closures"],
            ["Scopes", "Closures", "Classes"],
            [("Names", None), ("Scopes", "Scopes"), ("Closures", "Closures"), (None, "Classes")],
            id="shifted",
        ),
        pytest.param(
            ["Names", "Binding", "End"],
            ["NAMES", "Name binding", "end"],
            [("Names", "NAMES"), ("Binding", "Name binding"), ("End", "end")],
            id="worded otherwise in between",
        ),
        pytest.param(["A"], ["B", "C"], [("A", "B"), (None, "C")], id="nothing alike"),
    ],
)
def test_outlines_that_each_path_planned_align_by_their_headings_and_lose_no_unit(
    left: list[str], right: list[str], expected: list[tuple[str | None, str | None]]
):
    assert lines(outline(*left), outline(*right)) == expected
    assert lines(outline(*right), outline(*left)) == [(b, a) for a, b in expected]
