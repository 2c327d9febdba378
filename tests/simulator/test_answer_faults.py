"""Answers that come, are paid for, and are not what was hoped for."""

import json
import time
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic

from tests.simulator.support import ATLAS, Simulator, answer_text, item, run_batch, units_params, whole


async def _answer(client: AsyncAnthropic, simulator: Simulator, what: str, **args: Any) -> Any:
    simulator.fault("item", what, args)
    return await whole(client, units_params())


async def _units(client: AsyncAnthropic, simulator: Simulator, what: str, **args: Any) -> list[Any]:
    message = await _answer(client, simulator, what, **args)
    assert message.stop_reason == "end_turn"
    return json.loads(answer_text(message))["units"]


def _complete_units(cut_text: str) -> int:
    return cut_text.count('"confidence":')


@pytest.mark.parametrize(
    ("what", "stop_reason"), [("truncate", "max_tokens"), ("window_exceeded", "model_context_window_exceeded")]
)
async def test_a_cut_answer_ends_in_the_middle_of_the_next_unit(
    client: AsyncAnthropic, simulator: Simulator, what: str, stop_reason: str
):
    message = await _answer(client, simulator, what, after_units=2)
    cut = answer_text(message)
    assert message.stop_reason == stop_reason
    assert _complete_units(cut) == 2
    assert '"unit_id":"u003"' in cut
    assert message.usage.output_tokens == -(-len(cut.encode()) * 10 // 32)


async def test_an_early_end_is_valid_and_short(client: AsyncAnthropic, simulator: Simulator):
    units = await _units(client, simulator, "early_end", after_units=1)
    assert [unit["unit_id"] for unit in units] == ["u001"]


async def test_dropped_units_are_missing_from_the_middle(client: AsyncAnthropic, simulator: Simulator):
    units = await _units(client, simulator, "drop_units", count=2)
    assert [unit["unit_id"] for unit in units] == ["u001", "u004"]


async def test_empty_units_keep_their_names_and_say_nothing(client: AsyncAnthropic, simulator: Simulator):
    units = await _units(client, simulator, "empty_units", count=1)
    assert [bool(unit["body"]) for unit in units] == [True, True, True, False]
    assert units[3]["unit_id"] == "u004"
    assert units[3]["citations"] == []


async def test_repeated_units_say_what_was_said(client: AsyncAnthropic, simulator: Simulator):
    units = await _units(client, simulator, "repeat_units")
    assert units[0]["body"] == units[1]["body"]
    assert units[2]["body"] == units[3]["body"]
    assert units[0]["body"] != units[2]["body"]


async def test_a_drift_strikes_the_last_units_only(client: AsyncAnthropic, simulator: Simulator):
    before = await _units(client, simulator, "low_confidence", value=0.9)
    units = await _units(client, simulator, "drift", late=0.5, value=0.6)
    assert [unit["confidence"] == 0.6 for unit in units] == [False, False, True, True]
    same = [unit["citations"] == other["citations"] for unit, other in zip(units, before, strict=True)]
    assert same == [True, True, False, False]


async def test_low_confidence_is_said_of_every_unit(client: AsyncAnthropic, simulator: Simulator):
    units = await _units(client, simulator, "low_confidence", value=0.2)
    assert {unit["confidence"] for unit in units} == {0.2}


async def test_altered_quotes_differ_in_one_word_or_digit(client: AsyncAnthropic, simulator: Simulator):
    quotes = [c["quote"] for u in await _units(client, simulator, "alter_quotes", share=0.5) for c in u["citations"]]
    altered = [quote for quote in quotes if quote not in ATLAS]
    assert len(altered) == len(quotes) // 2
    originals = {line for line in ATLAS.splitlines() if line}
    for quote in altered:
        assert any(sum(a != b for a, b in zip(quote, line, strict=False)) == 1 for line in originals)


async def test_invented_quotes_are_nowhere(client: AsyncAnthropic, simulator: Simulator):
    units = await _units(client, simulator, "invent_quotes", share=1.0)
    quotes = [citation["quote"] for unit in units for citation in unit["citations"]]
    assert not [quote for quote in quotes if quote in ATLAS]
    assert len(set(quotes)) == len(quotes)


async def test_a_refusal_before_the_first_word_has_no_text(client: AsyncAnthropic, simulator: Simulator):
    message = await _answer(client, simulator, "refusal")
    assert message.stop_reason == "refusal"
    assert message.stop_details.type == "refusal"
    assert message.stop_details.category == "general_harms"
    assert message.content == []
    assert message.usage.output_tokens == 0


async def test_a_refusal_midway_is_billed_for_what_was_said(client: AsyncAnthropic, simulator: Simulator):
    message = await _answer(client, simulator, "refusal", after_units=1)
    assert message.stop_reason == "refusal"
    assert _complete_units(answer_text(message)) == 1
    assert simulator.bill()["rows"][0]["usage"]["output_tokens"] == message.usage.output_tokens > 0


async def test_malformed_json_ends_its_turn_all_the_same(client: AsyncAnthropic, simulator: Simulator):
    message = await _answer(client, simulator, "malformed_json")
    assert message.stop_reason == "end_turn"
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer_text(message))


async def test_an_empty_answer_is_two_tokens(client: AsyncAnthropic, simulator: Simulator):
    message = await _answer(client, simulator, "empty")
    assert (answer_text(message), message.stop_reason, message.usage.output_tokens) == ("{}", "end_turn", 2)


async def test_an_errored_call_raises_and_costs_nothing(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("item", "errored", {"type": "overloaded_error", "message": "busy"})
    with pytest.raises(anthropic.OverloadedError, match="busy"):
        await client.messages.create(**units_params())
    assert simulator.bill()["rows"] == []


@pytest.mark.parametrize("what", ["expired", "canceled", "slow"])
async def test_a_call_cannot_expire(client: AsyncAnthropic, simulator: Simulator, what: str):
    message = await _answer(client, simulator, what, seconds=5)
    assert message.stop_reason == "end_turn"


@pytest.mark.parametrize("what", ["errored", "expired", "canceled"])
async def test_an_item_without_a_message_costs_nothing(client: AsyncAnthropic, simulator: Simulator, what: str):
    simulator.fault("item", what, match='"bad"')
    results = await run_batch(client, item("good"), item("bad"))
    assert (results["good"].type, results["bad"].type) == ("succeeded", what)
    assert [row["custom_id"] for row in simulator.bill()["rows"]] == ["good"]


async def test_faults_of_items_are_dealt_out_in_the_order_of_the_requests(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("item", "truncate", {"after_units": 1}, skip=1)
    results = await run_batch(client, *(item(name, units_params()) for name in ("a", "b", "c")))
    reasons = {name: result.message.stop_reason for name, result in results.items()}
    assert reasons == {"a": "end_turn", "b": "max_tokens", "c": "end_turn"}


async def test_one_slow_item_holds_up_its_whole_batch(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("item", "slow", {"seconds": 0.3}, match='"slow"')
    batch = await client.messages.batches.create(requests=[item("slow"), item("quick")])
    assert (await client.messages.batches.retrieve(batch.id)).processing_status == "in_progress"
    time.sleep(0.3)  # noqa: ASYNC251  # nothing else runs here
    assert (await client.messages.batches.retrieve(batch.id)).request_counts.succeeded == 2
