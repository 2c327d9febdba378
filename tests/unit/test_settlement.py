"""Of an answer counts what was asked for and is complete; the rest is named and its tokens are waste."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.ask import Reply, StopReason
from throughline.domain.job import Kind
from throughline.domain.outline import Outline, OutlineUnit
from throughline.domain.pricing import Usage
from throughline.domain.salvage import read_answer
from throughline.domain.settlement import (
    TOO_LATE,
    Settlement,
    Wanted,
    planned_outline,
    settle,
    settle_late,
    settle_partial,
)

OUTLINE = Outline(units=tuple(OutlineUnit(id=f"u{number:03d}", heading=f"H{number}") for number in range(1, 5)))
CLOSING = {"overview": "Overview.", "key_points": ["One."]}
NO_OUTLINE = "`outline` is missing, incomplete, too long or has the same id twice"


def unit(unit_id: str, body: str = "Body. " * 20) -> dict[str, Any]:
    return {"unit_id": unit_id, "heading": "H", "body": body, "citations": [], "confidence": 0.5}


def entry(unit_id: str) -> dict[str, Any]:
    return {"id": unit_id, "heading": f"Heading {unit_id}", "sources": ["a.md"]}


def answer(*units: dict[str, Any], outline: tuple[str, ...] = (), closing: dict[str, Any] | None = None) -> str:
    planned = [entry(unit_id) for unit_id in outline]
    return json.dumps({"outline": planned, "units": units, "closing": closing}, separators=(",", ":"))


def reply(text: str, stop: StopReason = StopReason.END_TURN, category: str | None = None) -> Reply:
    usage = Usage(input_tokens=5, output_tokens=1_200, thinking_tokens=200)
    return Reply(text=text, usage=usage, raw_usage={}, stop_reason=stop, refusal_category=category)


def wanted(*ids: str, closing: bool = False) -> Wanted:
    return Wanted(outline=OUTLINE, unit_ids=frozenset(ids), closing=closing)


WHOLE_JOB = Wanted(outline=None, unit_ids=frozenset(), closing=True)


def settled(text: str, asked: Wanted, stop: StopReason = StopReason.END_TURN) -> Settlement:
    return settle(reply(text, stop), Kind.SUMMARY, asked)


def test_everything_that_was_asked_for_counts_and_nothing_is_wasted():
    settlement = settled(answer(unit("u001"), unit("u002"), closing=CLOSING), wanted("u001", "u002", closing=True))
    assert settlement.delivered == ("u001", "u002")
    assert settlement.closing is not None
    assert (settlement.errors, settlement.wasted_tokens) == ((), 0)


def test_a_unit_that_was_not_asked_for_is_named_and_wasted():
    settlement = settled(answer(unit("u001"), unit("u004"), unit("u003")), wanted("u001"))
    assert settlement.delivered == ("u001",)
    assert settlement.errors == ("units that were not asked for: u003, u004",)
    assert 600 < settlement.wasted_tokens < 750


def test_a_unit_that_did_not_come_is_no_error():
    settlement = settled(answer(unit("u001")), wanted("u001", "u002"))
    assert settlement.delivered == ("u001",)
    assert (settlement.errors, settlement.wasted_tokens) == ((), 0)


def test_a_cut_answer_wastes_only_what_was_begun():
    whole = answer(unit("u001"), unit("u002"), unit("u003"))
    settlement = settled(whole[: whole.index("u003") + 40], wanted("u001", "u002", "u003"), StopReason.MAX_TOKENS)
    assert settlement.delivered == ("u001", "u002")
    assert settlement.errors == ("the JSON ends before it is complete",)
    assert 0 < settlement.wasted_tokens < 300


def test_an_invalid_unit_is_an_error_with_its_id():
    settlement = settled(answer(unit("u001"), unit("u002", " ")), wanted("u001", "u002"))
    assert settlement.errors == ("u002: body: Value error, must not be empty",)
    assert settlement.wasted_tokens > 0


def test_a_unit_that_came_invalid_and_then_valid_is_no_error():
    settlement = settled(answer(unit("u001", ""), unit("u001")), wanted("u001"))
    assert settlement.delivered == ("u001",)
    assert settlement.errors == ()


def test_a_unit_that_came_twice_is_wasted_once():
    once = settled(answer(unit("u001"), unit("u002")), wanted("u001", "u002"))
    twice = settled(answer(unit("u001"), unit("u002"), unit("u001")), wanted("u001", "u002"))
    assert (twice.delivered, twice.errors) == (once.delivered, once.errors)
    assert once.wasted_tokens == 0
    assert 300 < twice.wasted_tokens < 400


def test_the_same_error_is_named_once():
    text = answer({"heading": "H"}, {"heading": "H"})
    assert settled(text, wanted("u001")).errors == ("unit_id: Field required",)


def test_a_closing_that_was_not_asked_for_does_not_count():
    assert settled(answer(unit("u001"), closing=CLOSING), wanted("u001")).closing is None


def test_the_given_outline_stands_whatever_the_answer_plans():
    assert settled(answer(unit("u001"), outline=("u009",)), wanted("u001")).outline is OUTLINE


@pytest.mark.parametrize(
    ("category", "error"),
    [("cyber", "the model refused (cyber)"), (None, "the model refused (no category given)")],
    ids=["named", "unnamed"],
)
def test_the_text_of_a_refusal_is_never_used(category: str | None, error: str):
    refusal = reply(answer(unit("u001"), closing=CLOSING), StopReason.REFUSAL, category)
    settlement = settle(refusal, Kind.SUMMARY, wanted("u001", closing=True))
    assert (settlement.outline, settlement.units, settlement.closing) == (None, (), None)
    assert settlement.errors == (error,)


def test_a_refusal_wastes_every_visible_token():
    assert settled(answer(unit("u001")), wanted("u001"), StopReason.REFUSAL).wasted_tokens == 1_000


def test_an_answer_that_plans_its_own_outline_is_asked_for_that_outline():
    settlement = settled(answer(unit("a"), unit("b"), outline=("a", "b"), closing=CLOSING), WHOLE_JOB)
    assert settlement.outline is not None
    assert settlement.outline.unit_ids == ("a", "b")
    assert settlement.delivered == ("a", "b")
    assert settlement.closing is not None
    assert (settlement.errors, settlement.wasted_tokens) == ((), 0)


def test_an_outline_keeps_headings_and_sources():
    outline = planned_outline(read_answer(answer(outline=("a",)), Kind.SYNTHESIS))
    assert outline == Outline(units=(OutlineUnit(id="a", heading="Heading a", sources=("a.md",)),))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(answer(unit("a"), closing=CLOSING), id="missing"),
        pytest.param(answer(unit("a"), outline=("a", "b", "a"), closing=CLOSING), id="an id twice"),
        pytest.param(answer(outline=("a", "b"))[:60], id="cut"),
        pytest.param(answer(unit("a"), outline=("a", " "), closing=CLOSING), id="an unusable entry"),
    ],
)
def test_without_a_usable_outline_nothing_counts(text: str):
    settlement = settled(text, WHOLE_JOB)
    assert (settlement.outline, settlement.units, settlement.closing) == (None, (), None)
    assert settlement.errors[-1] == NO_OUTLINE
    assert settlement.wasted_tokens > 900


@pytest.mark.parametrize(
    "ids", [tuple(f"u{n}" for n in range(200)), ("a", "b" * 65)], ids=["longer than anyone asked for", "a long id"]
)
def test_an_outline_that_would_cost_without_end_is_not_taken(ids: tuple[str, ...]):
    assert planned_outline(read_answer(answer(outline=ids), Kind.SYNTHESIS)) is None


@pytest.mark.parametrize("text", ["", "Sorry."], ids=["empty", "prose"])
def test_an_answer_without_json_is_wasted_whole(text: str):
    assert settled(text, wanted("u001")).wasted_tokens == 1_000


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from(["u001", "u002", "u003", "x"]), max_size=4),
    st.sets(st.sampled_from(["u001", "u002", "u003"])),
    st.booleans(),
    st.integers(0, 1_000),
    st.sampled_from(StopReason),
)
def test_only_asked_units_count_and_waste_stays_within_the_visible_tokens(
    came: list[str], asked: set[str], closes: bool, cut: int, stop: StopReason
):
    text = answer(*(unit(unit_id, "Body. é") for unit_id in came), closing=CLOSING if closes else None)[: cut or None]
    settlement = settled(text, wanted(*asked, closing=closes), stop)
    assert set(settlement.delivered) <= asked & set(came)
    assert len(set(settlement.delivered)) == len(settlement.delivered)
    assert 0 <= settlement.wasted_tokens <= 1_000


def test_the_beginning_of_an_answer_counts_with_its_complete_units():
    text = answer(unit("u001"), unit("u002"), unit("u009"))
    cut = text[: text.index("u009") + 40]
    assert [each.unit_id for each in settle_partial(cut, Kind.SUMMARY, wanted("u001", "u002", "u009"))] == [
        "u001",
        "u002",
    ]


def test_of_a_beginning_only_what_was_asked_for_counts():
    text = answer(unit("u001"), unit("u002"))
    assert [each.unit_id for each in settle_partial(text, Kind.SUMMARY, wanted("u002"))] == ["u002"]


def test_the_beginning_of_an_answer_that_plans_its_own_outline_counts_only_as_a_whole():
    text = answer(unit("u001"), outline=("u001",))
    nothing_known = Wanted(outline=None, unit_ids=frozenset(), closing=True)
    assert settle_partial(text, Kind.SUMMARY, nothing_known) == ()


@pytest.mark.parametrize("saved", [frozenset[str](), frozenset({"u001"}), frozenset({"u001", "u002"})])
def test_of_an_answer_that_came_too_late_only_what_was_saved_before_counts(saved: frozenset[str]):
    text = answer(unit("u001"), unit("u002"), closing=CLOSING)
    late = settle_late(reply(text), settled(text, wanted("u001", "u002", closing=True)), saved)
    assert (frozenset(late.delivered), late.closing, late.outline, late.errors) == (saved, None, None, (TOO_LATE,))
    kept = sum(len(json.dumps(unit(unit_id), separators=(",", ":"))) for unit_id in saved)
    assert late.wasted_tokens == round(1_000 * (1 - kept / len(text)))
