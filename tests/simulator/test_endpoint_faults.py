"""Failures of the connection and of the service, one by one, as the SDK meets them."""

import asyncio
import json
import time

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic

from tests.simulator.support import (
    MODEL,
    Simulator,
    answer_text,
    item,
    params,
    plain,
    results_of,
    units_params,
    whole,
)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, anthropic.BadRequestError),
        (402, anthropic.PaymentRequiredError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (504, anthropic.GatewayTimeoutError),
        (529, anthropic.OverloadedError),
    ],
)
async def test_a_scripted_status_is_raised_as_the_error_of_that_status(
    client: AsyncAnthropic, simulator: Simulator, status: int, expected: type[anthropic.APIStatusError]
):
    simulator.fault("messages", "status", {"status": status, "message": "as scripted"})
    with pytest.raises(expected, match="as scripted"):
        await client.messages.create(**params())
    assert simulator.bill()["rows"] == []


async def test_a_status_carries_its_retry_after_and_code(client: AsyncAnthropic, simulator: Simulator):
    args = {"status": 429, "retry_after": 7, "error_code": "enforced_spend_limit_reached"}
    simulator.fault("batches.create", "status", args)
    with pytest.raises(anthropic.RateLimitError) as caught:
        await client.messages.batches.create(requests=[item("a")])
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.error_code == "enforced_spend_limit_reached"
    assert caught.value.type == "rate_limit_error"
    assert simulator.bill()["batches_created"] == 0


async def test_a_fault_strikes_as_often_as_it_was_told(client: AsyncAnthropic, simulator: Simulator):
    """Skipped once, twice struck, then over."""
    simulator.fault("messages", "status", {"status": 529}, skip=1, times=2)
    outcomes = []
    for _ in range(4):
        try:
            await client.messages.create(**params())
            outcomes.append("answered")
        except anthropic.OverloadedError:
            outcomes.append("overloaded")
    assert outcomes == ["answered", "overloaded", "overloaded", "answered"]


async def test_a_fault_strikes_only_what_it_matches(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("messages", "status", {"status": 500}, match="weather", times=-1)
    await client.messages.create(**params())
    with pytest.raises(anthropic.InternalServerError):
        await client.messages.create(**params(system="the weather"))


async def test_cleared_faults_strike_no_more(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("messages", "status", {"status": 500}, times=-1)
    httpx2.delete(f"{simulator.url}/_sim/faults")
    await client.messages.create(**params())


async def test_what_has_struck_is_counted_and_what_only_might_is_not(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("messages", "status", {"status": 500}, times=3)
    simulator.fault("models", "not_found")
    for _ in range(2):
        with pytest.raises(anthropic.InternalServerError):
            await client.messages.create(**params())
    assert simulator.get("/_sim/faults") == {"struck": 2}


async def test_faults_come_alone_or_as_a_list(client: AsyncAnthropic, simulator: Simulator):
    scripts = [{"on": "models", "what": "not_found"}, {"on": "count_tokens", "what": "not_found"}]
    assert simulator.post("/_sim/faults", scripts).json() == {"added": 2}
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve(MODEL)
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.count_tokens(model=MODEL, messages=params()["messages"])


@pytest.mark.parametrize(
    "script",
    [
        {"on": "nowhere", "what": "status"},
        {"on": "messages", "what": "expired"},
        {"on": "item", "what": "status"},
        {"on": "item", "what": "refusal", "time": 1},
        "status",
    ],
)
def test_a_fault_that_cannot_happen_is_refused(simulator: Simulator, script: object):
    assert simulator.post("/_sim/faults", script).status_code == 400


async def test_a_call_dropped_before_acceptance_costs_nothing(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("messages", "drop_before_accept")
    with pytest.raises(anthropic.APIConnectionError):
        await client.messages.create(**params())
    assert simulator.bill()["rows"] == []
    assert len(simulator.requests()) == 1


@pytest.mark.parametrize("streams", [False, True])
async def test_a_call_dropped_after_acceptance_is_billed_in_full(
    client: AsyncAnthropic, simulator: Simulator, streams: bool
):
    answered = await plain(client, params())
    simulator.fault("messages", "drop_after_accept")
    with pytest.raises(anthropic.APIConnectionError):
        await client.messages.create(**params(), stream=streams)
    first, second = simulator.bill()["rows"]
    assert (first["delivered"], second["delivered"]) == (True, False)
    assert second["usage"]["output_tokens"] == answered.usage.output_tokens
    assert first["fingerprint"] == second["fingerprint"]
    assert first["cost_usd"] == second["cost_usd"]


async def test_a_batch_dropped_before_acceptance_does_not_exist(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("batches.create", "drop_before_accept")
    with pytest.raises(anthropic.APIConnectionError):
        await client.messages.batches.create(requests=[item("a")])
    assert (await client.messages.batches.list()).data == []


async def test_a_batch_dropped_after_acceptance_exists_and_is_billed(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("batches.create", "drop_after_accept")
    with pytest.raises(anthropic.APIConnectionError):
        await client.messages.batches.create(requests=[item("orphan")])
    (orphan,) = (await client.messages.batches.list()).data
    (line,) = await results_of(client, orphan.id)
    assert line.custom_id == "orphan"
    assert simulator.bill()["batches_created"] == 1
    assert len(simulator.bill()["rows"]) == 1


async def test_a_batch_held_back_on_its_way_exists_once_it_is_released(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("batches.create", "accept_late")
    with pytest.raises(anthropic.APIConnectionError):
        await client.messages.batches.create(requests=[item("late")])
    assert simulator.bill()["batches_created"] == 0
    assert simulator.post("/_sim/release", {}).json() == {"released": 1}
    assert simulator.bill()["batches_created"] == 1


async def test_a_batch_can_be_held_back_for_a_time(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("batches.create", "accept_late", {"seconds": 0.05})
    with pytest.raises(anthropic.APIConnectionError):
        await client.messages.batches.create(requests=[item("late")])
    async with asyncio.timeout(20):
        while not simulator.bill()["batches_created"]:  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.01)


async def test_what_is_held_back_at_a_reset_is_never_accepted(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("batches.create", "accept_late")
    with pytest.raises(anthropic.APIConnectionError):
        await client.messages.batches.create(requests=[item("late")])
    simulator.post("/_sim/reset", {})
    assert simulator.post("/_sim/release", {}).json() == {"released": 0}


async def test_the_sdks_own_retry_makes_a_second_paid_batch(client: AsyncAnthropic, simulator: Simulator):
    """Why the service must submit without retries."""
    simulator.fault("batches.create", "drop_after_accept")
    await client.with_options(max_retries=1).messages.batches.create(requests=[item("a")])
    assert simulator.bill()["batches_created"] == 2


@pytest.mark.parametrize("place", ["batches.retrieve", "batches.list", "batches.results", "batches.cancel"])
async def test_every_batch_endpoint_can_fail(client: AsyncAnthropic, simulator: Simulator, place: str):
    batch = await client.messages.batches.create(requests=[item("a")])
    simulator.fault(place, "not_found")
    ask = {
        "batches.retrieve": lambda: client.messages.batches.retrieve(batch.id),
        "batches.list": client.messages.batches.list,
        "batches.results": lambda: results_of(client, batch.id),
        "batches.cancel": lambda: client.messages.batches.cancel(batch.id),
    }[place]
    with pytest.raises(anthropic.NotFoundError):
        await ask()
    assert len(await results_of(client, batch.id)) == 1


async def test_a_hanging_answer_is_accepted_at_once_and_comes_late(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("messages", "hang", {"seconds": 0.3})
    started_s = time.monotonic()
    await client.messages.create(**params())
    assert time.monotonic() - started_s >= 0.3
    assert simulator.bill()["rows"][0]["delivered"]


async def test_who_does_not_wait_for_a_hanging_answer_pays_for_it(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("messages", "hang", {"seconds": 0.3})
    with pytest.raises(anthropic.APITimeoutError):
        await client.with_options(timeout=0.1).messages.create(**params())
    (row,) = simulator.bill()["rows"]
    time.sleep(0.3)  # noqa: ASYNC251  # nothing else runs here
    assert row["usage"]["output_tokens"] > 0
    assert not simulator.bill()["rows"][0]["delivered"]


async def test_results_may_be_said_to_lie_on_a_foreign_host(client: AsyncAnthropic, simulator: Simulator):
    url = "http://127.0.0.1:9/v1/messages/batches/x/results"
    batch = await client.messages.batches.create(requests=[item("a")])
    simulator.fault("batches.retrieve", "foreign_results_url", {"url": url})
    assert (await client.messages.batches.retrieve(batch.id)).results_url == url
    assert (await client.messages.batches.retrieve(batch.id)).results_url != url


async def test_a_cut_stream_breaks_after_so_many_characters(client: AsyncAnthropic, simulator: Simulator):
    simulator.fault("messages", "cut_stream", {"after_chars": 64})
    said: list[str] = []
    with pytest.raises(httpx2.RemoteProtocolError):
        await _listen(client, said)
    full = await whole(client, units_params())
    assert "".join(said) == answer_text(full)[:64]
    cut, answered = simulator.bill()["rows"]
    assert cut["usage"]["output_tokens"] == 20  # 64 bytes
    assert cut["usage"]["input_tokens"] == answered["usage"]["input_tokens"]
    assert (cut["delivered"], answered["delivered"]) == (False, True)


async def test_results_cut_in_mid_line_leave_the_rest_undelivered(client: AsyncAnthropic, simulator: Simulator):
    batch = await client.messages.batches.create(requests=[item("a"), item("b")])
    size = len(_results_text(simulator, batch.id).encode())
    simulator.post("/_sim/reset")
    batch = await client.messages.batches.create(requests=[item("a"), item("b")])
    await client.messages.batches.retrieve(batch.id)
    simulator.fault("batches.results", "cut_stream", {"after_bytes": size - 10})
    received: list[str] = []
    with pytest.raises(httpx2.RemoteProtocolError):
        await _receive(client, batch.id, received)
    assert len(received) == 1
    delivered = {row["custom_id"]: row["delivered"] for row in simulator.bill()["rows"]}
    assert sum(delivered.values()) == 1
    assert delivered[received[0]]


async def test_results_may_end_cleanly_in_mid_line(client: AsyncAnthropic, simulator: Simulator):
    batch = await client.messages.batches.create(requests=[item("a"), item("b")])
    await client.messages.batches.retrieve(batch.id)
    simulator.fault("batches.results", "cut_stream", {"after_bytes": 100, "clean": True})
    with pytest.raises(json.JSONDecodeError):
        await results_of(client, batch.id)
    assert [row["delivered"] for row in simulator.bill()["rows"]] == [False, False]
    await results_of(client, batch.id)
    assert [row["delivered"] for row in simulator.bill()["rows"]] == [True, True]


async def test_a_result_may_come_twice(client: AsyncAnthropic, simulator: Simulator):
    batch = await client.messages.batches.create(requests=[item("a"), item("b")])
    simulator.fault("batches.results", "duplicate_results")
    ids = [line.custom_id for line in await results_of(client, batch.id)]
    assert len(ids) == 3
    assert set(ids) == {"a", "b"}
    assert len(simulator.bill()["rows"]) == 2


async def test_a_result_may_belong_to_nobody(client: AsyncAnthropic, simulator: Simulator):
    batch = await client.messages.batches.create(requests=[item("a")])
    simulator.fault("batches.results", "foreign_custom_id")
    ids = [line.custom_id for line in await results_of(client, batch.id)]
    assert ids == ["of-another-batch", "a"]


async def test_a_result_of_nobody_may_stand_in_the_place_of_the_last(client: AsyncAnthropic, simulator: Simulator):
    batch = await client.messages.batches.create(requests=[item("a")])
    simulator.fault("batches.results", "foreign_custom_id", {"instead_of_last": True})
    assert [line.custom_id for line in await results_of(client, batch.id)] == ["of-another-batch"]


async def test_a_line_of_the_results_may_be_no_json(client: AsyncAnthropic, simulator: Simulator):
    batch = await client.messages.batches.create(requests=[item("a")])
    await client.messages.batches.retrieve(batch.id)
    simulator.fault("batches.results", "odd_line")
    odd, whole = _results_text(simulator, batch.id).splitlines()
    assert odd == "{odd"
    assert json.loads(whole)["custom_id"] == "a"


async def test_an_ended_batch_may_not_name_its_results_yet(client: AsyncAnthropic, simulator: Simulator):
    batch = await client.messages.batches.create(requests=[item("a")])
    simulator.fault("batches.retrieve", "no_results_url")
    assert (await client.messages.batches.retrieve(batch.id)).results_url is None
    assert (await client.messages.batches.retrieve(batch.id)).results_url is not None


async def test_a_gateways_page_may_come_in_place_of_an_answer_and_accepts_nothing(
    client: AsyncAnthropic, simulator: Simulator
):
    simulator.fault("batches.create", "page")
    said: object = await client.messages.batches.create(requests=[item("a")])
    assert "Back soon" in str(said)
    assert simulator.bill()["batches_created"] == 0


async def _listen(client: AsyncAnthropic, said: list[str]) -> None:
    async with client.messages.stream(**units_params()) as stream:
        async for piece in stream.text_stream:
            said.append(piece)  # noqa: PERF401  # what came before the break is looked at


async def _receive(client: AsyncAnthropic, batch_id: str, received: list[str]) -> None:
    async for line in await client.messages.batches.results(batch_id):
        received.append(line.custom_id)  # noqa: PERF401  # what came before the break is looked at


def _results_text(simulator: Simulator, batch_id: str) -> str:
    simulator.get("/_sim/bill")
    headers = {"x-api-key": "sim-key"}
    return httpx2.get(f"{simulator.url}/v1/messages/batches/{batch_id}/results", headers=headers).text
