"""An output is complete when it holds every unit of its outline and the closing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.completeness import completeness
from throughline.domain.outline import Outline, OutlineUnit

OUTLINE = Outline(units=tuple(OutlineUnit(id=unit_id, heading="H") for unit_id in ("u1", "u2", "u3")))


@pytest.mark.parametrize(
    ("written", "closing", "complete"),
    [
        pytest.param(("u1", "u2", "u3"), True, True, id="all"),
        pytest.param(("u3", "u2", "u1", "u9"), True, True, id="all and a stranger"),
        pytest.param(("u1", "u2", "u3"), False, False, id="no closing"),
        pytest.param(("u1", "u3"), True, False, id="a unit missing"),
        pytest.param((), False, False, id="nothing"),
    ],
)
def test_an_output_is_complete_with_every_unit_and_its_closing(written: tuple[str, ...], closing: bool, complete: bool):
    assert completeness(OUTLINE, written, closing=closing).complete is complete


@settings(max_examples=20)
@given(st.sets(st.sampled_from(OUTLINE.unit_ids)), st.booleans())
def test_what_is_missing_is_named_in_outline_order(written: set[str], closing: bool):
    found = completeness(OUTLINE, written, closing=closing)
    assert found.wanted == 3
    assert found.missing == tuple(unit_id for unit_id in OUTLINE.unit_ids if unit_id not in written)
