"""Tell Prefect what has happened, as events that automations can send on.

Prefect's own record of events is what says what was told: a look finds what happened since the ledger's last event and
tells what is not in that record. So nothing is told twice, whoever ended the job (a flow, a terminal, a person on the
review pages), and what a crash left untold is told by the next look.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.events import Event
from prefect.events.filters import (
    EventFilter,
    EventIDFilter,
    EventNameFilter,
    EventOccurredFilter,
    EventOrder,
    EventResourceFilter,
)
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import PrefectHTTPStatusError

from tasks import runtime
from tasks.happenings import in_full, ledger, noticed
from throughline.domain.happenings import LOOKED_FOR, Happening

logger = logging.getLogger(__name__)
_FIRST_LOOK = timedelta(hours=24)
_OVERLAP = timedelta(minutes=10)  # an end is committed, and clocks of two machines agree, within this time
_LEDGER = "throughline.ledger"
_NO_LABELS: Mapping[str, str] = {}
_PAGE = 50  # the most that Prefect gives at once


async def tell(client: PrefectClient) -> int:
    """Tell what has not been told; how much that was. While Prefect does not answer, it waits for the next look."""
    try:
        return await _tell(client)
    except (httpx.HTTPError, PrefectHTTPStatusError) as error:
        logger.warning("events not told reason=%s", error)
        return 0


async def _tell(client: PrefectClient) -> int:
    of_ledger = await ledger()
    notices = await noticed(await _last_told(client, of_ledger) - _OVERLAP)
    told = await _told(client, [notice.id for notice in notices])
    fresh = [await in_full(notice) for notice in notices if notice.id not in told]
    return await send(client, [happening for happening in fresh if happening is not None], {_LEDGER: of_ledger})


async def send(client: PrefectClient, happenings: Iterable[Happening], labels: Mapping[str, str] = _NO_LABELS) -> int:
    """Hand these to Prefect's server, what they are about with these labels; how many they were."""
    events = [_event(happening, labels) for happening in happenings]
    for page in range(0, len(events), _PAGE):
        body = [event.model_dump(mode="json") for event in events[page : page + _PAGE]]
        (await client.request("POST", "/events", json=body)).raise_for_status()
    return len(events)


async def _last_told(client: PrefectClient, of_ledger: str) -> datetime:
    earliest = runtime.now() - _FIRST_LOOK
    wanted = EventFilter(
        event=EventNameFilter(name=[*LOOKED_FOR]),
        resource=EventResourceFilter(labels=ResourceSpecification({_LEDGER: of_ledger})),
        occurred=_since(earliest),
        order=EventOrder.DESC,
    )
    found = (await client.read_events(wanted, limit=1)).events
    return found[0].occurred if found else earliest


async def _told(client: PrefectClient, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these events Prefect has."""
    known: set[UUID] = set()
    for page in range(0, len(ids), _PAGE):
        wanted = EventFilter(
            id=EventIDFilter(id=list(ids[page : page + _PAGE])),
            occurred=_since(runtime.now() - 2 * _FIRST_LOOK),
        )
        known |= {event.id for event in (await client.read_events(wanted, limit=_PAGE)).events}
    return known


def _since(moment: datetime) -> EventOccurredFilter:
    return EventOccurredFilter.model_validate({"since": moment})  # Prefect has a type of its own for times


def _event(happening: Happening, labels: Mapping[str, str]) -> Event:
    notice = happening.notice
    return Event.model_validate(
        {
            "id": notice.id,
            "event": notice.event,
            "occurred": notice.at,
            "resource": {"prefect.resource.id": notice.subject, "prefect.resource.name": happening.name, **labels},
            "payload": {"text": happening.sentence, **happening.facts},
        }
    )
