"""What becomes of Prefect's events about a run while its server does not answer.

As it is set, Prefect's client tries to send each event for seven seconds, one after the other, and a process waits for
all of them before it ends: minutes or hours after its job is done. Here it tries each once; it keeps what it could not
send, and sends it with the first event that gets through. A process that ends before that gives them up. Only the view
in Prefect's pages depends on them.
"""

import logging

from prefect.events.clients import PrefectEventsClient
from prefect.events.worker import EventsWorker, emit_events_to_cloud, should_emit_events_to_running_server

_ONE_RECONNECTION = 1  # with none, the client goes on using a connection that has broken


def keep() -> None:
    """From now on, in this process; before its first run begins."""
    if should_emit_events_to_running_server() and not emit_events_to_cloud():
        EventsWorker.set_client_override(PrefectEventsClient, reconnection_attempts=_ONE_RECONNECTION)
        # Both speak of each event that waits, one with the whole event; that the server is away is told elsewhere.
        logging.getLogger("prefect.events.clients").addFilter(_of_no_event)
        logging.getLogger("prefect._internal.concurrency").addFilter(_of_no_event)


def _of_no_event(record: logging.LogRecord) -> bool:
    said = str(record.msg)
    waits = said.startswith("Unable to connect") or ("failed to process" in said and "EventsWorker" in str(record.args))
    return not waits
