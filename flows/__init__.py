"""Prefect flows: one file a flow, reading aloud what happens to a job."""

import logging

from flows import events

events.keep()

LOGGERS = ("throughline", "flows", "tasks", "storage")

# Prefect shows these loggers beside a run where it is told to (PREFECT_LOGGING_EXTRA_LOGGERS), and gives them its
# handler, but no level: without one only warnings would come through. Elsewhere they stay as quiet as they were.
for _name in LOGGERS:
    if (_logger := logging.getLogger(_name)).handlers:
        _logger.setLevel(logging.INFO)
