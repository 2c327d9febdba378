"""The deployments' settings: what Prefect would not take is refused by the variable's name, before anything starts."""

import pytest

from deployments import schedules
from throughline.errors import BadInput


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("THROUGHLINE_SCHEDULE_TIMEZONE", "Mars/Base", "'Mars/Base' is no time zone. Write one like Europe/Berlin"),
        ("THROUGHLINE_WORK_POOL", " ", "String should match"),
        ("THROUGHLINE_WORK_POOL", "a/b", "String should match"),
        ("THROUGHLINE_NOTIFY_URL", "chat.example/hooks/secret", "it is no address like https://[^ ]*$"),
        ("THROUGHLINE_NOTIFY_URL", "https://", "it is no address"),
        ("THROUGHLINE_SWEEP_SCHEDULE", "often", "'often' is none of these forms"),
    ],
)
def test_what_prefect_would_not_take_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str):
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadInput, match=f"^{variable} is not usable: {says}"):
        schedules.load()


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_a_time_zone_is_taken_as_it_is_written(monkeypatch: pytest.MonkeyPatch, timezone: str):
    monkeypatch.setenv("THROUGHLINE_SCHEDULE_TIMEZONE", timezone)
    assert schedules.load().schedule_timezone == timezone
