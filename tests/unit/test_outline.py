"""An outline finds its units and survives the way into the ledger and back."""

import json

import pytest

from throughline.domain.outline import Outline, OutlineUnit, from_json, to_json, unit_id
from throughline.domain.source import Span

OUTLINE = Outline(
    units=(
        OutlineUnit(id="u001", heading="One", spans=(Span(source="a", start=0, end=5),)),
        OutlineUnit(id="u002", heading="Two", sources=("a", "b")),
    )
)


def test_a_unit_is_found_by_its_id():
    assert OUTLINE.unit("u002").heading == "Two"


def test_a_unit_that_the_outline_does_not_have_is_an_error():
    with pytest.raises(KeyError, match="u003"):
        OUTLINE.unit("u003")


@pytest.mark.parametrize(("position", "expected"), [(1, "u001"), (42, "u042"), (1_000, "u1000")])
def test_an_id_counts_from_one(position: int, expected: str):
    assert unit_id(position) == expected


def test_an_outline_comes_back_from_json_as_it_was():
    assert from_json(json.loads(json.dumps(to_json(OUTLINE)))) == OUTLINE
