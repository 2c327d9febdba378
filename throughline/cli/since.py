"""A point in the past as people type it: a date, or how long ago."""

from datetime import UTC, datetime, timedelta

from throughline.cli.duration import seconds
from throughline.errors import BadInput


def since(text: str | None, now: datetime) -> datetime | None:
    """The time that `2026-11-01` or `30d` names; None stays None. A date begins at midnight UTC."""
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        return _ago(text, now)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _ago(text: str, now: datetime) -> datetime:
    try:
        return now - timedelta(seconds=seconds(text))
    except (BadInput, OverflowError):
        raise BadInput(f"--since {text!r} is not understood. Write a date like 2026-11-01, or 7d, 12h.") from None
