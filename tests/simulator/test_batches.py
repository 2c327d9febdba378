"""Message Batches: what they show before and after they end."""

import asyncio
import json
from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from tests.simulator.support import (
    Simulator,
    answer_text,
    item,
    results_of,
    run_batch,
    sdk,
    units_params,
    whole,
)

HEADERS = {"x-api-key": "sim-key"}


async def test_a_new_batch_is_in_progress_and_expires_after_a_day(client: AsyncAnthropic):
    batch = await client.messages.batches.create(requests=[item("a"), item("b")])
    assert batch.processing_status == "in_progress"
    assert batch.request_counts.processing == 2
    assert (batch.expires_at - batch.created_at).total_seconds() == 86_400
    assert batch.results_url is None
    assert batch.ended_at is None


async def test_an_ended_batch_counts_its_results_and_names_them(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("item", "errored", match='"b"')
    simulator.fault("item", "expired", match='"c"')
    created = await client.messages.batches.create(requests=[item("a"), item("b"), item("c"), item("d")])
    batch = await client.messages.batches.retrieve(created.id)
    assert batch.processing_status == "ended"
    assert batch.request_counts.model_dump() == {
        "processing": 0,
        "succeeded": 2,
        "errored": 1,
        "canceled": 0,
        "expired": 1,
    }
    assert batch.results_url == f"{simulator.url}/v1/messages/batches/{batch.id}/results"


async def test_counts_stay_zero_and_results_closed_until_the_whole_batch_ends():
    with Simulator.running("--batch-seconds", "30") as slow:
        async with sdk(slow) as client:
            batch = await client.messages.batches.create(requests=[item("a")])
            seen = await client.messages.batches.retrieve(batch.id)
            assert (seen.request_counts.processing, seen.request_counts.succeeded) == (1, 0)
            with pytest.raises(anthropic.AnthropicError, match="results_url"):
                await client.messages.batches.results(batch.id)
            with pytest.raises(anthropic.BadRequestError):
                await client.messages.batches.delete(batch.id)
            assert _fetch_results(slow, batch.id).status_code == 404
            assert slow.bill()["rows"] == []


async def test_a_canceled_batch_ends_by_the_next_look_without_a_bill():
    with Simulator.running("--batch-seconds", "30") as slow:
        async with sdk(slow) as client:
            batch = await client.messages.batches.create(requests=[item("a"), item("b")])
            canceling = await client.messages.batches.cancel(batch.id)
            assert canceling.processing_status == "canceling"
            ended = await client.messages.batches.retrieve(batch.id)
            assert ended.processing_status == "ended"
            assert ended.cancel_initiated_at is not None
            assert ended.request_counts.canceled == 2
            assert {line.result.type for line in await results_of(client, batch.id)} == {"canceled"}
            assert slow.bill()["total_usd"] == "0"


async def test_canceling_what_has_ended_changes_nothing(client: AsyncAnthropic):
    batch = await client.messages.batches.create(requests=[item("a")])
    await client.messages.batches.retrieve(batch.id)
    canceled = await client.messages.batches.cancel(batch.id)
    assert canceled.processing_status == "ended"
    assert canceled.cancel_initiated_at is None


async def test_a_batch_answers_what_a_call_answers_at_the_batch_tier(client: AsyncAnthropic):
    called = await whole(client, units_params())
    result = (await run_batch(client, item("a", units_params())))["a"]
    assert answer_text(result.message) == answer_text(called)
    assert result.message.usage.service_tier == "batch"


async def test_results_come_in_another_order_always_the_same(client: AsyncAnthropic):
    ids = [f"request-{number}" for number in range(10)]
    batch = await client.messages.batches.create(requests=[item(id_) for id_ in ids])
    first = [line.custom_id for line in await results_of(client, batch.id)]
    again = [line.custom_id for line in await results_of(client, batch.id)]
    assert sorted(first) == ids
    assert first != ids
    assert first == again


async def test_both_sdk_surfaces_read_the_same_results(client: AsyncAnthropic):
    batch = await client.messages.batches.create(requests=[item("a")])
    plain: list[Any] = [line async for line in await client.messages.batches.results(batch.id)]
    beta = await results_of(client, batch.id)
    assert answer_text(plain[0].result.message) == answer_text(beta[0].result.message)


async def test_batches_are_listed_newest_first_page_by_page(client: AsyncAnthropic):
    ids = [(await client.messages.batches.create(requests=[item("a")])).id for _ in range(5)]
    newest_first = ids[::-1]
    assert [batch.id async for batch in await client.messages.batches.list(limit=2)] == newest_first
    page = await client.messages.batches.list(limit=2)
    assert (page.has_more, page.first_id, page.last_id) == (True, newest_first[0], newest_first[1])
    older = await client.messages.batches.list(limit=2, after_id=newest_first[3])
    assert [batch.id for batch in older.data] == newest_first[4:]
    assert not older.has_more
    newer = await client.messages.batches.list(limit=2, before_id=newest_first[3])
    assert [batch.id for batch in newer.data] == newest_first[1:3]
    assert newer.has_more


@pytest.mark.parametrize("limit", [0, 1001])
async def test_a_page_holds_one_to_a_thousand(client: AsyncAnthropic, limit: int):
    with pytest.raises(anthropic.BadRequestError):
        await client.messages.batches.list(limit=limit)


async def test_a_deleted_batch_is_gone(client: AsyncAnthropic):
    batch = await client.messages.batches.create(requests=[item("a")])
    deleted = await client.messages.batches.delete(batch.id)
    assert (deleted.id, deleted.type) == (batch.id, "message_batch_deleted")
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.batches.retrieve(batch.id)


async def test_a_batch_takes_as_long_as_it_was_told():
    with Simulator.running("--batch-seconds", "0.4") as slow:
        async with sdk(slow) as client:
            batch = await client.messages.batches.create(requests=[item("a")])
            assert (await client.messages.batches.retrieve(batch.id)).processing_status == "in_progress"
            await asyncio.sleep(0.45)
            ended = await client.messages.batches.retrieve(batch.id)
            assert ended.processing_status == "ended"
            assert ended.ended_at is not None
            assert (ended.ended_at - ended.created_at).total_seconds() == pytest.approx(0.4, abs=0.001)


async def test_an_errored_result_has_the_shape_of_an_error(client: AsyncAnthropic):
    request = units_params(temperature=0.5)
    result = (await run_batch(client, item("a", request)))["a"]
    assert result.type == "errored"
    assert result.error.type == "error"
    assert result.error.error.type == "invalid_request_error"
    assert "Extra inputs are not permitted" in result.error.error.message


@pytest.mark.parametrize(
    "requests",
    [
        pytest.param([], id="none"),
        pytest.param([item("a"), item("a")], id="duplicate"),
        pytest.param([item("has space")], id="characters"),
        pytest.param([item("x" * 65)], id="too long"),
        pytest.param([item("")], id="empty id"),
        pytest.param([item("newline\n")], id="newline"),
        pytest.param([{"custom_id": "a"}], id="no params"),
        pytest.param([item("a") | {"extra": 1}], id="extra key"),
    ],
)
async def test_ill_formed_submissions_are_refused_at_once(client: AsyncAnthropic, simulator: Simulator, requests: Any):
    with pytest.raises(anthropic.BadRequestError):
        await client.messages.batches.create(requests=requests)
    assert simulator.bill()["batches_created"] == 0


def test_more_than_a_hundred_thousand_requests_are_refused(simulator: Simulator):
    requests: list[dict[str, Any]] = [{"custom_id": f"r{number}", "params": {}} for number in range(100_001)]
    response = simulator.post("/v1/messages/batches", {"requests": requests})
    assert response.status_code == 400
    assert "100000" in response.json()["error"]["message"]


def test_a_result_is_one_line_of_json(simulator: Simulator):
    batch = simulator.post("/v1/messages/batches", {"requests": [item("a", units_params()), item("b")]}).json()
    simulator.get("/_sim/bill")
    body = _fetch_results(simulator, batch["id"]).text
    assert {json.loads(line)["custom_id"] for line in body.splitlines()} == {"a", "b"}
    assert body.endswith("\n")


def _fetch_results(simulator: Simulator, batch_id: str) -> httpx.Response:
    """Without the SDK, which would look at the batch first."""
    url = f"{simulator.url}/v1/messages/batches/{batch_id}/results"
    return httpx.get(url, headers=HEADERS, verify=False)
