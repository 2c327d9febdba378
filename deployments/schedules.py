"""When the scheduled flows run: `THROUGHLINE_*_SCHEDULE`, in words that people type."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import IntervalSchedule, RRuleSchedule
from pydantic import AfterValidator, Field, SecretStr, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from throughline.cli.duration import seconds
from throughline.errors import BadInput

_MOMENT = re.compile(r"(daily|mon|tue|wed|thu|fri|sat|sun) ([01]?\d|2[0-3]):([0-5]\d)")
_POOL = r"^[^/%&><]+$"  # what Prefect takes for a name
_ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)  # fixed, so that deploying again gives the same moments


def _schedule(text: str) -> str:
    """The text as it is, once it is known to be a schedule."""
    scheduled(text, "UTC")
    return text


def _timezone(text: str) -> str:
    """The text as it is, once Prefect takes it for a time zone."""
    try:
        scheduled("1m", text)
    except ValidationError:
        raise ValueError(f"{text!r} is no time zone. Write one like Europe/Berlin, or UTC") from None
    return text


def _webhook(address: SecretStr) -> SecretStr:
    """The address as it is, once something can be sent there; it may hold a secret, so it is not repeated."""
    if not re.fullmatch(r"https?://[^\s/?#]+\S*", address.get_secret_value().strip()):
        raise ValueError("it is no address like https://chat.example.org/hooks/...")
    return address


Schedule = Annotated[str, AfterValidator(_schedule)]


class ServiceSettings(BaseSettings):
    """What a person may set about the deployments. A schedule is `5m`, `daily 02:00`, `mon 07:00` or `off`."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_", env_file=".env", extra="ignore", env_ignore_empty=True)

    collect_schedule: Schedule = "1m"
    sweep_schedule: Schedule = "5m"
    report_schedule: Schedule = "mon 07:00"
    calibrate_schedule: Schedule = "mon 07:15"
    schedule_timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    work_pool: Annotated[str, StringConstraints(strip_whitespace=True, pattern=_POOL)] = "throughline"
    jobs_per_worker: int = Field(default=8, gt=0)
    notify_url: Annotated[SecretStr, AfterValidator(_webhook)] | None = None


def load() -> ServiceSettings:
    """The settings; `BadInput` names the variable that is wrong."""
    try:
        return ServiceSettings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        variable = f"THROUGHLINE_{str(first['loc'][0]).upper()}"
        raise BadInput(f"{variable} is not usable: {first['msg'].removeprefix('Value error, ')}.") from None


def scheduled(text: str, timezone: str) -> list[DeploymentScheduleCreate]:
    """The schedule that a text means: `5m`, `daily 02:00`, `mon 07:00`, or none at all for `off`.

    No cron lines: Prefect 3.9 never fires them on Python 3.11 and 3.12.
    """
    wanted = text.strip().lower()
    if wanted == "off":
        return []
    if (moment := _MOMENT.fullmatch(wanted)) is not None:
        schedule = RRuleSchedule(rrule=_rule(*moment.groups()), timezone=timezone)
    else:
        schedule = IntervalSchedule(interval=_interval(wanted), anchor_date=_ANCHOR, timezone=timezone)
    return [DeploymentScheduleCreate(schedule=schedule, active=True, slug="regular")]


def _rule(day: str, hour: str, minute: str) -> str:
    which = "FREQ=DAILY" if day == "daily" else f"FREQ=WEEKLY;BYDAY={day[:2].upper()}"
    return f"{which};BYHOUR={int(hour)};BYMINUTE={int(minute)};BYSECOND=0"


def _interval(text: str) -> timedelta:
    try:
        return timedelta(seconds=seconds(text))
    except BadInput:
        raise ValueError(f"{text!r} is none of these forms: 5m, daily 02:00, mon 07:00, off") from None
