"""What goes wrong, on request: only the simulator fails when it is told to. Each test says what may be asked again."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.support import ask, connection, document, lines, may_be_sent, named, post
from tests.servers import Simulator
from throughline.claude.body import BatchBody
from throughline.claude.client import Claude
from throughline.claude.patience import Patience
from throughline.domain.ask import ItemResult, Reply, Unanswered
from throughline.domain.job import CallId
from throughline.errors import (
    AccessRefused,
    Ambiguous,
    BadInput,
    NotFound,
    Rejected,
    Retryable,
    SpendLimitReached,
)

TRIES = 3  # of every connection here
BATCHES = "/v1/messages/batches"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def creations(simulator: Simulator) -> int:
    return len(simulator.requests("POST", BATCHES))


def messages(simulator: Simulator) -> int:
    return len(simulator.requests("POST", "/v1/messages"))


async def read_until_broken(claude: Claude, remote_id: str) -> list[ItemResult]:
    """The lines that came before the break."""
    found: list[ItemResult] = []

    async def read() -> None:
        async for line in claude.results(remote_id):
            found.append(line)  # noqa: PERF401  # a comprehension would lose them

    with pytest.raises(Ambiguous):
        await read()
    return found


# Creating a batch: posted once, whatever happens.


async def test_a_batch_whose_answer_is_lost_is_in_doubt_and_was_posted_once(simulated: Claude, simulator: Simulator):
    simulator.faults("batches.create", "drop_after_accept")
    with pytest.raises(Ambiguous):
        await post(simulated, named(ask()))
    assert creations(simulator) == 1
    assert simulator.bill()["batches_created"] == 1


async def test_a_batch_that_never_arrived_is_in_doubt_too(simulated: Claude, simulator: Simulator):
    simulator.faults("batches.create", "drop_before_accept")
    with pytest.raises(Ambiguous):
        await post(simulated, named(ask()))
    assert creations(simulator) == 1
    assert simulator.bill()["batches_created"] == 0


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_batch_met_by_a_server_error_is_in_doubt(simulated: Claude, simulator: Simulator, status: int):
    simulator.faults("batches.create", "status", status=status)
    with pytest.raises(Ambiguous):
        await post(simulated, named(ask()))
    assert creations(simulator) == 1


@pytest.mark.parametrize("status", [429, 529])
async def test_a_batch_refused_by_a_busy_api_is_not_posted_again_by_itself(
    simulated: Claude, simulator: Simulator, status: int
):
    simulator.faults("batches.create", "status", status=status)
    with pytest.raises(Retryable):
        await post(simulated, named(ask()))
    assert creations(simulator) == 1


async def test_a_batch_for_an_api_that_nobody_reached_may_be_posted_again():
    async with connection(f"http://127.0.0.1:{_closed_port()}") as claude:
        with pytest.raises(Retryable):
            await post(claude, named(ask()))


@contextlib.asynccontextmanager
async def answering_early(status: int) -> AsyncGenerator[str]:
    """An API, or a proxy before it, that answers when it has read the head of a request, and breaks off its body."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d Early\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        await writer.drain()
        writer.transport.abort()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_a_batch_whose_end_was_never_let_go_is_not_in_doubt(status: int):
    """Whatever became of its beginning: a body that is not whole cannot be accepted."""
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1

    large = ask(documents=(document(text="x" * 40_000_000),))
    async with answering_early(status) as url, connection(url) as claude:
        with BatchBody() as body:
            body.add(CallId("call-1"), large)
            with pytest.raises(Retryable):
                await claude.create_batch(body, before_end=look)
    assert looks == 0


async def test_a_batch_that_broke_off_is_posted_whole_the_next_time(simulated: Claude, simulator: Simulator):
    with BatchBody() as body:
        body.add(CallId("call-1"), ask(documents=(document(text="x" * 5_000_000),)))
        async with answering_early(429) as url, connection(url) as elsewhere:
            with pytest.raises(Retryable):
                await elsewhere.create_batch(body, before_end=may_be_sent)
        body.add(CallId("call-2"), ask())
        await simulated.create_batch(body, before_end=may_be_sent)
    (posted,) = simulator.requests("POST", BATCHES)
    assert [each["custom_id"] for each in posted["body"]["requests"]] == ["call-1", "call-2"]


async def test_a_batch_is_not_sent_when_the_last_look_fails(simulated: Claude, simulator: Simulator):
    """As when the ledger cannot be reached: what it raised is raised, and the batch is not in doubt."""

    async def look() -> None:
        raise OSError("no ledger")

    with BatchBody() as body:
        body.add(CallId("call-1"), ask())
        with pytest.raises(OSError, match="no ledger"):
            await simulated.create_batch(body, before_end=look)
    assert simulator.bill()["batches_created"] == 0


async def test_an_unusable_batch_is_rejected(simulated: Claude, simulator: Simulator):
    with pytest.raises(Rejected):
        await post(simulated, [])
    assert simulator.bill()["batches_created"] == 0


# Asking again: only where it costs nothing, with an end.


@pytest.mark.parametrize("status", [408, 409, 429, 503, 529])
async def test_a_busy_api_is_asked_again(simulated: Claude, simulator: Simulator, status: int):
    simulator.faults("messages", "status", status=status, times=TRIES - 1)
    reply = await simulated.stream(ask())
    assert reply.text
    assert messages(simulator) == TRIES
    assert simulator.bill()["messages"] == 1


async def test_a_busy_api_is_given_as_much_time_as_it_asks_for(simulated: Claude, simulator: Simulator):
    simulator.faults("messages", "status", status=429, retry_after="0.3")
    started = time.monotonic()
    await simulated.stream(ask())
    assert 0.3 <= time.monotonic() - started < 5


async def test_patience_ends(simulated: Claude, simulator: Simulator):
    simulator.faults("messages", "status", status=429, times=-1)
    with pytest.raises(Retryable):
        await simulated.stream(ask())
    assert messages(simulator) == TRIES


async def test_an_api_that_asks_for_a_day_is_given_up_at_once(simulated: Claude, simulator: Simulator):
    simulator.faults("messages", "status", status=429, retry_after=86_400, times=-1)
    started = time.monotonic()
    with pytest.raises(Retryable) as caught:
        await simulated.stream(ask())
    assert time.monotonic() - started < 5
    assert caught.value.retry_after_s == 86_400
    assert messages(simulator) == 1


@pytest.mark.parametrize("odd", ["soon", "-5", "nan", "Fri, 31 Dec 2027 23:59:59 GMT"])
async def test_an_odd_retry_after_is_no_reason_to_fail(simulated: Claude, simulator: Simulator, odd: str):
    simulator.faults("messages", "status", status=429, retry_after=odd)
    assert (await simulated.stream(ask())).text


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param({"status": 400}, Rejected, id="400"),
        pytest.param({"status": 401}, AccessRefused, id="401"),
        pytest.param({"status": 402}, SpendLimitReached, id="402"),
        pytest.param({"status": 403}, AccessRefused, id="403"),
        pytest.param({"status": 404}, NotFound, id="404"),
        pytest.param({"status": 413}, Rejected, id="413"),
        pytest.param(
            {"status": 429, "error_code": "enforced_spend_limit_reached", "retry_after": "0"},
            SpendLimitReached,
            id="429 of the spend limit",
        ),
        pytest.param({"status": 500}, Ambiguous, id="500"),
        pytest.param({"status": 504}, Ambiguous, id="504"),
    ],
)
async def test_what_asking_again_cannot_help_is_asked_once(
    simulated: Claude, simulator: Simulator, fault: dict[str, Any], expected: type[Exception]
):
    simulator.faults("messages", "status", message="as scripted", **fault)
    with pytest.raises(expected, match="as scripted"):
        await simulated.stream(ask())
    assert messages(simulator) == 1


async def test_an_error_names_the_request(simulated: Claude, simulator: Simulator):
    """Support asks for it."""
    simulator.faults("messages", "status", status=400)
    with pytest.raises(Rejected, match=r"HTTP 400, request req_\w+"):
        await simulated.stream(ask())


async def test_counting_tokens_waits_for_a_busy_api_too(simulated: Claude, simulator: Simulator):
    simulator.faults("count_tokens", "status", status=529, times=TRIES - 1)
    assert await simulated.count_tokens(ask()) > 0


# Answers that break off: paid perhaps, never asked again by themselves.


@pytest.mark.parametrize("after_chars", [0, 10])
async def test_a_stream_that_breaks_is_in_doubt(simulated: Claude, simulator: Simulator, after_chars: int):
    simulator.faults("messages", "cut_stream", after_chars=after_chars)
    with pytest.raises(Ambiguous):
        await simulated.stream(ask(documents=(document(),)))
    assert messages(simulator) == 1
    assert simulator.bill()["messages"] == 1


async def test_a_message_whose_answer_is_lost_is_in_doubt(simulated: Claude, simulator: Simulator):
    simulator.faults("messages", "drop_after_accept")
    with pytest.raises(Ambiguous):
        await simulated.stream(ask())
    assert messages(simulator) == 1


@pytest.mark.parametrize("clean", [True, False], ids=["the file ends", "the connection breaks"])
async def test_results_that_end_in_the_middle_of_a_line_are_in_doubt(
    simulated: Claude, simulator: Simulator, clean: bool
):
    """The lines before the break are whole and are delivered; reading again brings the rest."""
    remote_id = await post(simulated, named(ask(), ask(), ask()))
    simulator.faults("batches.results", "cut_stream", clean=clean)
    before = await read_until_broken(simulated, remote_id)
    assert len(before) == 1
    assert len(await lines(simulated, remote_id)) == 3
    assert creations(simulator) == 1


# A batch that the API does not know for a moment.


async def test_a_batch_unknown_right_after_its_creation_is_asked_for_again(simulated: Claude, simulator: Simulator):
    simulator.faults("batches.retrieve", "not_found", times=TRIES - 1)
    remote_id = await post(simulated, named(ask()))
    assert (await simulated.batch(remote_id)).ended


async def test_results_that_are_denied_for_a_moment_are_asked_for_again(simulated: Claude, simulator: Simulator):
    remote_id = await post(simulated, named(ask(), ask()))
    simulator.faults("batches.results", "not_found", times=TRIES - 1)
    assert len(await lines(simulated, remote_id)) == 2


async def test_results_that_stay_denied_are_never_called_lost(simulated: Claude, simulator: Simulator):
    remote_id = await post(simulated, named(ask()))
    simulator.faults("batches.results", "not_found", times=-1)
    with pytest.raises(Retryable, match="does not know batch") as caught:
        await lines(simulated, remote_id)
    assert isinstance(caught.value.__cause__, NotFound)


async def test_an_ended_batch_whose_results_are_not_named_yet_is_asked_again(simulated: Claude, simulator: Simulator):
    remote_id = await post(simulated, named(ask()))
    simulator.faults("batches.retrieve", "no_results_url", times=TRIES - 1)
    assert len(await lines(simulated, remote_id)) == 1


async def test_a_batch_that_stays_unknown_is_never_called_lost(simulated: Claude):
    with pytest.raises(Retryable, match="msgbatch_nonesuch"):
        await simulated.batch("msgbatch_nonesuch")


# The key stays here.


@contextlib.asynccontextmanager
async def listener() -> AsyncGenerator[tuple[str, list[bytes]]]:
    """Another host: its address, and all that anyone sends to it."""
    received: list[bytes] = []

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(65_536))
        writer.close()

    async with await asyncio.start_server(receive, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", received


async def test_results_on_another_host_are_refused_and_the_key_is_not_sent_there(
    simulated: Claude, simulator: Simulator
):
    remote_id = await post(simulated, named(ask()))
    async with listener() as (foreign, received):
        simulator.faults("batches.retrieve", "foreign_results_url", times=-1, url=f"{foreign}/results")
        with pytest.raises(Rejected, match="The key is not sent there"):
            await lines(simulated, remote_id)
    assert received == []


@contextlib.asynccontextmanager
async def redirecting(to: str, status: int) -> AsyncGenerator[str]:
    """An API that answers every request with another address."""

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        path = asked.split(b" ", 2)[1].decode()
        writer.write(f"HTTP/1.1 {status} Moved\r\nlocation: {to}{path}\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(redirect, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def send_a_message(claude: Claude) -> object:
    return await claude.stream(ask())


async def send_a_batch(claude: Claude) -> object:
    return await post(claude, named(ask()))


async def look_at_a_batch(claude: Claude) -> object:
    return await claude.batch("msgbatch_1")


async def look_at_the_endpoint(claude: Claude) -> object:
    return await claude.endpoint()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("use", [send_a_message, send_a_batch, look_at_a_batch, look_at_the_endpoint])
async def test_a_redirect_is_not_followed_so_that_no_document_goes_elsewhere(
    status: int, use: Callable[[Claude], Awaitable[object]]
):
    async with listener() as (foreign, received), redirecting(foreign, status) as url, connection(url) as claude:
        with pytest.raises(AccessRefused, match=f"answers with a redirect to {foreign.removeprefix('http://')}"):
            await use(claude)
    assert received == []


# What is on offer.


async def test_a_server_of_messages_only_has_no_batches(local_server: Simulator):
    async with connection(local_server.url) as claude:
        endpoint = await claude.endpoint()
        assert not endpoint.batches
        assert not endpoint.structured_outputs
        assert (await claude.stream(ask())).text


async def test_looking_at_an_endpoint_costs_nothing(simulated: Claude, simulator: Simulator):
    await simulated.endpoint()
    assert simulator.bill()["rows"] == []
    assert {request["method"] for request in simulator.requests()} == {"GET"}


async def test_a_busy_endpoint_is_not_taken_for_one_without_batches(simulated: Claude, simulator: Simulator):
    simulator.faults("batches.list", "status", status=529)
    assert (await simulated.endpoint()).batches


async def test_an_endpoint_that_stays_busy_is_not_waited_for(simulated: Claude, simulator: Simulator):
    """A person waits for this answer."""
    simulator.faults("batches.list", "status", status=529, times=-1)
    with pytest.raises(BadInput, match="nothing was spent"):
        await simulated.endpoint()
    assert len(simulator.requests()) < TRIES


async def test_an_endpoint_that_is_not_there_is_named():
    port = _closed_port()
    async with connection(f"http://127.0.0.1:{port}", patience=Patience(tries=1)) as claude:
        with pytest.raises(BadInput, match=f"127.0.0.1:{port} cannot be reached"):
            await claude.endpoint()


# Batches beside ours.


async def test_a_listing_goes_through_every_page_newest_first(simulated: Claude):
    created = [await post(simulated, named(ask())) for _ in range(103)]
    listed = [batch.id async for batch in simulated.batches_since(LONG_AGO)]
    assert listed == created[::-1]


async def test_a_listing_ends_at_what_is_too_old(simulated: Claude):
    for _ in range(2):
        await post(simulated, named(ask()))
    assert [batch async for batch in simulated.batches_since(datetime.now(UTC) + timedelta(hours=1))] == []


async def test_a_running_batch_counts_its_requests(simulated: Claude, simulator: Simulator):
    simulator.faults("item", "slow", seconds=60)
    found = await simulated.batch(await post(simulated, named(ask(), ask(), ask())))
    assert not found.ended
    assert found.request_count == 3


async def test_a_canceled_batch_ends_without_answers(simulated: Claude, simulator: Simulator):
    simulator.faults("item", "slow", seconds=60)
    remote_id = await post(simulated, named(ask()))
    await simulated.cancel_batch(remote_id)
    assert (await simulated.batch(remote_id)).ended
    (line,) = await lines(simulated, remote_id)
    assert line.result == Unanswered(outcome="canceled")
    assert simulator.bill()["rows"] == []


@pytest.mark.parametrize(
    ("what", "error_type", "resendable"),
    [
        pytest.param("expired", None, True, id="expired"),
        pytest.param("errored", "api_error", True, id="server error"),
        pytest.param("errored", "invalid_request_error", False, id="invalid request"),
    ],
)
async def test_an_item_without_an_answer_says_whether_it_may_be_sent_again(
    simulated: Claude, simulator: Simulator, what: str, error_type: str | None, resendable: bool
):
    args: dict[str, Any] = {"type": error_type} if error_type else {}
    simulator.faults("item", what, **args)
    (line,) = await lines(simulated, await post(simulated, named(ask())))
    assert isinstance(line.result, Unanswered)
    assert (line.result.outcome, line.result.error_type) == (what, error_type)
    assert line.result.resendable is resendable


@pytest.mark.parametrize("in_batch", [True, False], ids=["batch", "message"])
async def test_a_refusal_is_an_answer_with_its_category(simulated: Claude, simulator: Simulator, in_batch: bool):
    simulator.faults("item", "refusal")
    if in_batch:
        (line,) = await lines(simulated, await post(simulated, named(ask())))
        reply = line.result
    else:
        reply = await simulated.stream(ask())
    assert isinstance(reply, Reply)
    assert reply.stop_reason == "refusal"
    assert reply.refusal_category


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
