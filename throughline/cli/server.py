"""What a command settles before it imports Prefect, which reads its settings once."""

import os

from throughline.errors import BadInput

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_CLI_PROMPT": "false",
}  # no telemetry, no advertisements, no questions


def require_server() -> None:
    if not os.environ.get("PREFECT_API_URL"):
        raise BadInput("PREFECT_API_URL names no Prefect server. Set it, or start everything here: throughline serve")


async def require_answer() -> None:
    """Where a Prefect server is to show a run of this process, that it answers: else nothing is begun."""
    if os.environ.get("PREFECT_API_URL"):
        quieten()
        from deployments import reaching

        await reaching.require_answer()


def quieten() -> None:
    """Before Prefect is imported, which reads its settings once."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
