"""Durations as people type them: 45s, 90m, 2h, 1d, 1h30m."""

import re

from throughline.errors import BadInput

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_FORM = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?")


def seconds(text: str) -> int:
    """The duration in seconds, more than 0; `BadInput` shows the accepted forms."""
    match = _FORM.fullmatch(text.strip().lower())
    total = 0
    if match is not None:
        total = sum(int(number or 0) * unit for number, unit in zip(match.groups(), _SECONDS.values(), strict=True))
    if match is not None and text.strip() and total == 0:
        raise BadInput(f"The deadline {text!r} must lie ahead. Write it like 45m, 2h, 1h30m or 1d.")
    if total == 0:
        raise BadInput(f"The deadline {text!r} is not understood. Write it like 45m, 2h, 1h30m or 1d.")
    return total
