"""How much one link asks for, and how many tokens it may take."""

import pytest

from tests.unit.plans import case
from throughline.domain.estimates import outline_max_tokens, part_limits, part_max_tokens, planned_units
from throughline.domain.job import Depth, Kind
from throughline.domain.models import find, unlisted
from throughline.domain.sizing import thinking_share


def test_a_part_asks_for_what_fills_half_of_its_cap():
    limits = part_limits(case().spec, find("claude-opus-5-5"))
    assert limits.units == 16_000 // 952
    assert part_max_tokens(case().spec, find("claude-opus-5-5"), limits.units) == 2 * (16 * 952 + 540)


def test_a_part_of_long_units_still_asks_for_one():
    spec = case(kind=Kind.RESEARCH_REPORT, depth=Depth.EXHAUSTIVE).spec
    small = unlisted("llama", context_tokens=32_000, output_tokens=4_096)
    assert part_limits(spec, small).units == 1


def test_a_part_carries_source_text_even_in_a_tiny_window():
    small = unlisted("llama", context_tokens=8_000, output_tokens=4_096)
    assert part_limits(case().spec, small).source_characters == 1_000


@pytest.mark.parametrize(
    ("units", "generous", "expected"),
    [
        pytest.param(1, False, 4_096, id="never tiny"),
        pytest.param(3, False, 2 * (3 * 952 + 540), id="twice what is expected"),
        pytest.param(3, True, 4 * (3 * 952 + 540), id="generous: four times"),
        pytest.param(1_000, False, 128_000, id="never above the model's cap"),
    ],
)
def test_the_cap_of_a_link(units: int, generous: bool, expected: int):
    assert part_max_tokens(case().spec, find("claude-opus-5-5"), units, generous=generous) == expected


@pytest.mark.parametrize("units", [0, 1], ids=["a closing", "a unit"])
def test_a_generous_cap_is_twice_the_cap(units: int):
    spec, model = case().spec, find("claude-opus-5-5")
    assert part_max_tokens(spec, model, units, generous=True) == 2 * part_max_tokens(spec, model, units)


@pytest.mark.parametrize(
    ("model_id", "units", "expected"),
    [
        pytest.param("claude-haiku-4-5", 12, 4_096, id="never tiny"),
        pytest.param("claude-haiku-4-5", 40, 2 * 40 * 60, id="twice what is expected"),
        pytest.param("claude-haiku-4-5", 1_000, 64_000, id="never above the model's cap"),
    ],
)
def test_the_cap_of_a_link_that_plans(model_id: str, units: int, expected: int):
    spec = case(kind=Kind.SYNTHESIS, model=model_id).spec
    assert outline_max_tokens(spec, find(model_id), units) == expected


def test_a_model_that_thinks_gets_room_for_it_where_it_plans():
    of = case(kind=Kind.SYNTHESIS)
    share = thinking_share(of.model, of.spec.effort)
    assert share > 0
    assert outline_max_tokens(of.spec, of.model, 200) == 2 * round(200 * 60 * (1 + share))


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        pytest.param(1, 12, id="few sources: the norm"),
        pytest.param(20, 20, id="more sources than the norm"),
        pytest.param(500, 40, id="never more than forty"),
    ],
)
def test_the_model_plans_at_least_a_unit_a_source(sources: int, expected: int):
    assert planned_units(case(kind=Kind.SYNTHESIS).spec, sources) == expected
