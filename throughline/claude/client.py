"""Claude, as the service needs it: streamed messages, batches, counts, and what the endpoint offers."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx2
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.beta.messages import BetaMessageBatch

from throughline.claude import wire
from throughline.claude.body import BatchBody
from throughline.claude.failures import translated
from throughline.claude.patience import Patience, patiently
from throughline.claude.remote import RemoteBatch, RemoteModel, remote_batch, remote_count, remote_model, remote_page
from throughline.claude.results import items
from throughline.domain.ask import Ask, ItemResult, Reply
from throughline.domain.models import LONG_OUTPUT_BETA
from throughline.domain.plan import Endpoint
from throughline.errors import (
    AccessRefused,
    Ambiguous,
    BadInput,
    BrokenOff,
    NotFound,
    Redirected,
    Rejected,
    ResultsExpired,
    Retryable,
)

OFFICIAL_HOST = "api.anthropic.com"
_PROBE_TRIES = 2  # a person waits for this answer
_SYNC_CACHE_TTL = "5m"
_TIMEOUT = httpx2.Timeout(600.0, connect=5.0)


Before = Callable[[], Awaitable[None]]
"""Looks whether a request may still be sent, just before it is."""
Arrived = Callable[[str], Awaitable[None]]
"""Takes a piece of an answer's text as it comes."""


class Claude:
    """One connection to a Claude endpoint. Close it, or use it as an async context."""

    def __init__(self, sdk: anthropic.AsyncAnthropic, patience: Patience) -> None:
        self._sdk = sdk
        self._patience = patience
        self.host = _host(str(sdk.base_url))
        self.key_fingerprint = hashlib.sha256((sdk.api_key or "").encode()).hexdigest()[:16]

    @property
    def is_official(self) -> bool:
        """Whether this is the Claude API itself, not a gateway or a stand-in."""
        return self.host == OFFICIAL_HOST

    async def __aenter__(self) -> "Claude":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._sdk.close()

    async def stream(self, ask: Ask, *, before: Before | None = None, arrived: Arrived | None = None) -> Reply:
        """One Messages call, streamed. Refusals with a status are retried with patience; they cost nothing.

        `before` runs ahead of each try and may forbid it by raising; `arrived` gets each piece of text as it
        comes. Raises `Ambiguous` when the answer broke off: it may be paid, and only its beginning was seen.
        """

        async def once() -> Reply:
            if before is not None:
                await before()
            return await self._stream_once(ask, arrived)

        return await patiently(once, self._patience)

    async def _stream_once(self, ask: Ask, arrived: Arrived | None) -> Reply:
        blocks: list[str] = []
        usage: dict[str, Any] = {}  # Any: raw usage is JSON
        ended: Any = None  # Any: the SDK's delta of the message, with the reason for which it stops
        is_whole = False
        with translated():
            async with await self._post_message(ask) as stream:
                async for event in stream:
                    match event.type:
                        case "content_block_delta":
                            if event.delta.type == "text_delta":
                                blocks.append(event.delta.text)
                                if arrived is not None:
                                    await arrived(event.delta.text)
                        case "message_start":
                            usage |= _told(event.message.usage)
                            usage.pop("output_tokens", None)  # of the beginning; only a later event knows the cost
                        case "message_delta":
                            usage |= _later(usage, event.usage)
                            ended = event.delta if event.delta.stop_reason is not None else ended
                        case "message_stop":
                            is_whole = True
                        case _:
                            pass
            if ended is None and not is_whole:
                raise Ambiguous("The answer ended before its last event.")
            details = None if ended is None else ended.stop_details
            return wire.reply(
                blocks=blocks,
                usage=usage,
                stop_reason=None if ended is None else ended.stop_reason,
                stop_details=None if details is None else details.to_dict(),
                request_id=stream.response.headers.get("request-id"),
            )

    async def _post_message(self, ask: Ask) -> anthropic.AsyncStream[RawMessageStreamEvent]:
        """Send the request as bytes: the SDK's own `create` copies and encodes it in Python, at twice the time."""
        return await self._sdk.post(
            "/v1/messages",
            cast_to=Message,
            content=wire.encoded(wire.params(ask, cache_ttl=_SYNC_CACHE_TTL) | {"stream": True}),
            options={"headers": {"content-type": "application/json"}},
            stream=True,
            stream_cls=anthropic.AsyncStream[RawMessageStreamEvent],
        )

    async def create_batch(self, body: BatchBody, *, before_end: Before) -> str:
        """Submit once, never again by itself: a second POST is a second, paid batch.

        `before_end` runs when all but the last bytes are sent, and may forbid them by raising: a body that is not
        whole cannot be accepted. Raises `Ambiguous` when they were let go and the batch may exist all the same; then
        look for it before anything else. The body is sent from the disk: the SDK's own `create` would hold it three
        times over.
        """
        forbidden: list[Exception] = []
        let_go = False

        async def look() -> None:
            nonlocal let_go
            try:
                await before_end()
            except Exception as error:
                forbidden.append(error)  # the SDK takes it for a broken connection
                raise
            let_go = True

        headers = {
            "anthropic-beta": LONG_OUTPUT_BETA,
            "content-type": "application/json",
            "content-length": str(body.length),
        }
        try:
            with translated():
                created: Any = await self._sdk.with_options(max_retries=0).post(
                    "/v1/messages/batches",
                    cast_to=BetaMessageBatch,
                    content=body.pieces(look),
                    options={"headers": headers, "params": {"beta": "true"}},
                )
                remote_id = getattr(created, "id", None)
                if not isinstance(remote_id, str) or not remote_id:
                    raise Ambiguous("The API answered the batch without an id.")
        except Ambiguous as error:
            if forbidden:
                raise forbidden[0] from None
            if not let_go:
                raise BrokenOff(f"Nothing was accepted: the end of the batch was not sent. {error}") from error
            raise
        except Retryable as error:
            if let_go and _may_have_passed_on(error):
                raise Ambiguous(str(error)) from error
            raise
        return remote_id

    async def batch(self, remote_id: str) -> RemoteBatch:
        """Where a batch stands. A 404 on a batch that exists passes, so it is asked again for a while."""

        async def once() -> RemoteBatch:
            with _reading_of(remote_id):
                return remote_batch(await self._sdk.beta.messages.batches.retrieve(remote_id))

        return await patiently(once, self._patience)

    async def batches_since(self, earliest: datetime) -> AsyncIterator[RemoteBatch]:
        """Every batch of the key's workspace created at `earliest` or later, newest first."""
        after: str | None = None
        while True:
            found, following = await patiently(partial(self._page, after), self._patience)
            for remote in found:
                if remote.created_at < earliest:
                    return
                yield remote
            if following is None:
                return
            after = following

    async def _page(self, after: str | None) -> tuple[list[RemoteBatch], str | None]:
        with _reading():
            return remote_page(await self._sdk.beta.messages.batches.list(limit=100, after_id=after or anthropic.omit))

    async def results(self, remote_id: str) -> AsyncGenerator[ItemResult]:
        """The results of an ended batch, line by line, in whatever order they come.

        The address is looked up once and must be on our own host: the key travels with the request, and
        the SDK's own `results()` would follow whatever a second look-up names. Raises `Retryable` when the results
        cannot be opened for now, and `Ambiguous` when what was opened breaks off.
        """
        response = await patiently(lambda: self._open_results(remote_id), self._patience)
        try:
            with translated():
                async with aclosing(items(response)) as found:
                    async for item in found:
                        yield item
        finally:
            await response.aclose()

    async def _open_results(self, remote_id: str) -> httpx2.Response:
        with _reading_of(remote_id):
            found = await self._sdk.beta.messages.batches.retrieve(remote_id)
            address = self._address_of_results(found)
        try:
            with _reading_of(remote_id):
                return await self._sdk.get(
                    str(address),
                    cast_to=httpx2.Response,  # as it is: opened, its body unread
                    options={"headers": {"Accept": "application/binary"}},
                    stream=True,
                )
        except Redirected as error:  # the API itself answered: this concerns one batch's file alone
            raise Rejected(str(error)) from error

    def _address_of_results(self, found: Any) -> httpx2.URL:  # Any: the SDK's batch
        """Where the results of an ended batch are, if that is where the key may go: same scheme, host and port."""
        if not found.results_url and found.archived_at is not None:
            raise ResultsExpired(f"The results of {found.id} were deleted when it was archived ({found.archived_at}).")
        if not found.results_url:
            raise Retryable(f"The API names no results of batch {found.id} at the moment.")
        base = self._sdk.base_url
        try:
            address = base.join(found.results_url)
        except (httpx2.InvalidURL, TypeError, ValueError) as error:
            raise Rejected(f"The address of the results of {found.id} cannot be used: {error}") from error
        if (address.scheme, address.host, address.port) != (base.scheme, base.host, base.port):
            raise Rejected(
                f"The results of {found.id} are said to be on {_origin(address)}, not on {_origin(base)}. "
                "The key is not sent there."
            )
        if address.userinfo not in (b"", base.userinfo):
            raise Rejected(f"The address of the results of {found.id} names a user. The key is not sent there.")
        return address

    async def cancel_batch(self, remote_id: str) -> None:
        """Ask the API to stop a batch; what it finished is still delivered and paid."""
        with translated():
            await self._sdk.beta.messages.batches.cancel(remote_id)

    async def count_tokens(self, ask: Ask) -> int:
        """The prompt's tokens as the API counts them: free, and close to what is billed."""
        body = wire.params(ask, cache_ttl=_SYNC_CACHE_TTL)
        del body["max_tokens"]

        async def once() -> int:
            with _reading():
                return remote_count(await self._sdk.messages.count_tokens(**body))

        return await patiently(once, self._patience)

    async def model(self, model_id: str) -> RemoteModel:
        """The model's limits as the API knows them; `NotFound` when this key cannot use it. Costs nothing."""

        async def once() -> RemoteModel:
            with _reading():
                return remote_model(await self._sdk.models.retrieve(model_id))

        return await patiently(once, self._patience)

    async def endpoint(self) -> Endpoint:
        """What this endpoint offers; also the check that it is there and takes the key. Costs nothing."""
        batches = await self._answers(self._list_one_batch)
        # The servers without batches document no structured outputs either; the prompt carries the schema.
        return Endpoint(host=self.host, batches=batches, structured_outputs=batches)

    async def _list_one_batch(self) -> None:
        with translated():
            await self._sdk.beta.messages.batches.list(limit=1)

    async def _answers(self, question: Callable[[], Awaitable[None]]) -> bool:
        try:
            await patiently(question, replace(self._patience, tries=_PROBE_TRIES))
        except Rejected:
            if self.is_official:
                raise
            return False
        except AccessRefused:
            raise
        except (Retryable, Ambiguous) as error:
            raise BadInput(
                f"The Claude API at {self.host} cannot be reached: {str(error).rstrip('.')}. "
                "Check ANTHROPIC_BASE_URL and the network; nothing was spent."
            ) from error
        return True


def connect(*, api_key: str, base_url: str | None, patience: Patience) -> Claude:
    """A connection with the SDK's own retries off: waiting is decided here, where the ledger knows of it.

    It follows no redirect: the documents would go along to whatever host it names.
    """
    address = base_url or f"https://{OFFICIAL_HOST}"  # without one the SDK would read the environment itself
    http = anthropic.DefaultAsyncHttpxClient(follow_redirects=False, timeout=_TIMEOUT)
    sdk = anthropic.AsyncAnthropic(api_key=api_key, base_url=address, max_retries=0, timeout=_TIMEOUT, http_client=http)
    return Claude(sdk, patience)


@contextmanager
def _reading() -> Generator[None]:
    """For requests that change nothing: what broke off is simply asked again."""
    try:
        with translated():
            yield
    except Ambiguous as error:
        raise Retryable(str(error)) from error


@contextmanager
def _reading_of(remote_id: str) -> Generator[None]:
    """As `_reading`. A batch that exists may be denied for a while, and so may its results."""
    try:
        with _reading():
            yield
    except NotFound as error:
        raise Retryable(f"The API does not know batch {remote_id} at the moment: {error}") from error


def _may_have_passed_on(error: Retryable) -> bool:
    """A time-out or an unavailable gateway may come from in between, after the request went on."""
    return isinstance(error.__cause__, anthropic.APIStatusError) and error.__cause__.status_code in (408, 503)


def _told(usage: Any) -> dict[str, Any]:  # Any: one of the SDK's usage models, or None
    """What a usage says; a null must not wipe out what an earlier event said."""
    return {} if usage is None else {name: value for name, value in usage.to_dict().items() if value is not None}


def _later(before: Mapping[str, Any], usage: Any) -> dict[str, Any]:  # Any: one of the SDK's usage models, or None
    """What a later usage adds; own endpoints repeat a prompt's count as 0 there."""
    return {name: value for name, value in _told(usage).items() if value or name not in before}


def _origin(address: httpx2.URL) -> str:
    """Scheme, host and port alone: an address may carry a password or a signature."""
    return f"{address.scheme}://{address.netloc.decode()}"


def _host(url: str) -> str:
    """Host and port, without a user name or password that the address may carry."""
    return urlsplit(url).netloc.rpartition("@")[2]
