"""Where real dependencies are chosen, once: settings, database, Claude, clock."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from storage import schema
from storage.disk import DiskSync, disk_sync
from storage.engine import Engine, connect
from throughline import settings
from throughline.claude.patience import Patience
from throughline.domain.plan import Endpoint
from throughline.errors import BadInput
from throughline.settings import BatchWait, Settings

if TYPE_CHECKING:
    from throughline.claude.client import Claude

_SIMULATED_KEY_PREFIX = "sim-"
_current: ContextVar["Runtime"] = ContextVar("runtime")


@dataclass(slots=True, kw_only=True)
class Runtime:
    """What the steps need. The connection to Claude is made when it is first wanted: `show` never does."""

    settings: Settings
    engine: Engine
    simulated: bool
    disk: DiskSync | None = None
    connection: "Claude | None" = None
    known_endpoint: Endpoint | None = None

    @property
    def claude(self) -> "Claude":
        """The connection to Claude; `BadInput` when there is no key."""
        if self.connection is None:
            self.require_key()
            self.connection = _connected(self.settings)
        return self.connection

    def require_key(self) -> None:
        """Raise `BadInput` when there is no key to send anything with."""
        if self.settings.api_key is None:
            raise BadInput(
                "There is no API key. Set ANTHROPIC_API_KEY, or use --simulate to run against the local "
                "stand-in without a key. Nothing was sent."
            )

    @property
    def polls(self) -> bool:
        """Whether a deployment's flow run waits for a batch in its own process instead of being suspended."""
        return self.settings.batch_wait is BatchWait.POLL

    async def endpoint(self) -> Endpoint:
        """What the endpoint offers, asked once."""
        if self.known_endpoint is None:
            self.known_endpoint = await self.claude.endpoint()
        return self.known_endpoint

    async def close(self) -> None:
        """Close what was opened."""
        if self.connection is not None:
            await self.connection.close()
        if self.disk is not None:
            self.disk.close()
        self.engine.dispose()


def current() -> Runtime:
    """The runtime that is open around the caller."""
    return _current.get()


def now() -> datetime:
    """The one clock."""
    return datetime.now(UTC)


def day_start() -> datetime:
    """When the day began whose budget holds now (UTC)."""
    return now().replace(hour=0, minute=0, second=0, microsecond=0)


@asynccontextmanager
async def opened(given: Settings | None = None) -> AsyncGenerator[Runtime]:
    """The runtime for the duration; an outer one is used as it is."""
    if (outer := _current.get(None)) is not None:
        yield outer
        return
    chosen = given or settings.load()
    key = chosen.api_key.get_secret_value() if chosen.api_key else ""
    engine = connect(chosen.database_url)
    rt = Runtime(
        settings=chosen,
        engine=engine,
        disk=disk_sync(engine),
        simulated=key.startswith(_SIMULATED_KEY_PREFIX),
    )
    token = _current.set(rt)
    try:
        schema.require_current(rt.engine)
        yield rt
    finally:
        _current.reset(token)
        await rt.close()


def _connected(chosen: Settings) -> "Claude":
    from throughline.claude.client import connect as connect_claude  # the SDK takes half a second to import

    assert chosen.api_key is not None
    return connect_claude(
        api_key=chosen.api_key.get_secret_value(), base_url=chosen.base_url, patience=patience(chosen)
    )


def patience(chosen: Settings) -> Patience:
    """How long to go on asking a busy API."""
    return Patience(
        tries=chosen.api_tries,
        first_wait_s=chosen.api_first_wait_s,
        longest_wait_s=chosen.api_longest_wait_s,
    )
