"""Settings: `THROUGHLINE_*` from the environment or `.env`; key and address are the SDK's own variables."""

import os
import re
from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from throughline.domain.job import Effort
from throughline.domain.learning.costs import RISK_OF_CUT
from throughline.domain.models import DEFAULT_MODEL, Model, find, unlisted
from throughline.domain.pricing import UnlistedPrice
from throughline.domain.review import OnExpiry
from throughline.errors import BadInput

# A root is a directory or the beginning of an address, whose own colons do not separate.
_ROOT = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*://[^/:]*(?::\d+)?[^{os.pathsep}]*|[^{os.pathsep}]+")
_CENTURY_H = 876_000  # added to now it is still a date
_CENTURY_S = _CENTURY_H * 3600
_SHORTEST_LEASE_S = 0.001
_PREFIX = "THROUGHLINE_"
# Read by the deployments, the compose file, the failpoints and the chaos tests.
_READ_ELSEWHERE = frozenset(
    {
        "CALIBRATE_SCHEDULE",
        "CHAOS_SEED",
        "COLLECT_SCHEDULE",
        "FAILPOINT",
        "JOBS_PER_WORKER",
        "NOTIFY_URL",
        "REPORT_SCHEDULE",
        "SCHEDULE_TIMEZONE",
        "SWEEP_SCHEDULE",
        "VERSION",
        "WORK_POOL",
    }
)
# Kubernetes sets these for a service that is called throughline, or throughline-review.
_OF_KUBERNETES = re.compile(r"(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_.+)?)")


class BatchWait(StrEnum):
    """How a deployment's flow run waits for a batch: suspended, holding no process, or polling in its own."""

    SUSPEND = "suspend"
    POLL = "poll"


class Settings(BaseSettings):
    """Everything that a person may set. Read once, at the edges."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_file=".env",
        extra="ignore",
        env_ignore_empty=True,
        frozen=True,
        populate_by_name=True,
    )

    api_key: SecretStr | None = Field(default=None, validation_alias="ANTHROPIC_API_KEY")
    base_url: str | None = Field(default=None, validation_alias="ANTHROPIC_BASE_URL")
    database_url: str = "sqlite:///.throughline/throughline.db"
    source_roots: Annotated[tuple[str, ...], NoDecode] = ()
    max_source_bytes: int = Field(default=20_000_000, gt=0)
    max_total_source_bytes: int = Field(default=100_000_000, gt=0)
    model: str = DEFAULT_MODEL
    effort: Effort = Effort.MEDIUM
    daily_budget_usd: Decimal | None = Field(default=None, gt=0)
    report_folder: str = ".throughline/reports"
    review_usd_per_hour: Decimal = Field(default=Decimal(60), ge=0)
    waiting_usd_per_hour: Decimal = Field(default=Decimal("0.25"), ge=0)
    risk_of_cut: float = Field(default=RISK_OF_CUT, gt=0, lt=1)
    explore_share: float = Field(default=0.0, ge=0, le=1)
    explore_daily_usd: Decimal = Field(default=Decimal(0), ge=0)
    batch_poll_s: float = Field(default=60.0, gt=0)
    batch_settle_s: float = Field(default=30.0, ge=0, le=_CENTURY_S)
    batch_wait: BatchWait = BatchWait.SUSPEND
    batch_unknown_s: float = Field(default=600.0, ge=0)
    database_patience_s: float = Field(default=900.0, ge=0)
    partial_save_s: float = Field(default=5.0, ge=0)
    sweep_concurrency: int = Field(default=4, gt=0, le=64)
    tolerated_error_share: float = Field(default=0.0, ge=0, le=1)
    repairable_share: float = Field(default=0.3, ge=0, le=1)
    least_confidence: float = Field(default=0.5, ge=0, le=1)
    review_expires_h: float = Field(default=0.0, ge=0, le=_CENTURY_H)
    review_on_expiry: OnExpiry = OnExpiry.REJECT
    review_url: str = "http://127.0.0.1:8420"
    batch_overdue_h: float = Field(default=6.0, gt=0, le=_CENTURY_H)
    review_token: SecretStr | None = None
    lease_s: float = Field(default=120.0, ge=_SHORTEST_LEASE_S, le=_CENTURY_S)
    chain_concurrency: int = Field(default=4, gt=0, le=64)
    api_tries: int = Field(default=6, gt=0)
    api_first_wait_s: float = Field(default=1.0, ge=0)
    api_longest_wait_s: float = Field(default=60.0, ge=0)
    unlisted_model: str = ""

    @field_validator("api_key", mode="before")
    @classmethod
    def _is_header(cls, value: Any) -> Any:  # Any: a raw setting before validation
        if isinstance(value, str):
            value = value.strip()
            if not (value.isascii() and value.isprintable()):
                raise ValueError("it holds a line break or another character that no key has; copy the key anew")
        return value or None

    @field_validator("base_url", mode="before")
    @classmethod
    def _is_endpoint(cls, value: Any) -> Any:  # Any: a raw setting before validation
        if isinstance(value, str):
            value = value.strip()
            if value and not _has_host(value):
                raise ValueError("it is no address like https://api.anthropic.com")
        return value or None

    @field_validator("review_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s?#]+", value):
            raise ValueError("it is no address like https://review.example.org")
        return value.rstrip("/")

    @field_validator("source_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: Any) -> Any:  # Any: a raw setting before validation
        if isinstance(value, str):
            return tuple(_ROOT.findall(value))
        return value

    def find_model(self, model_id: str) -> Model:
        """The model's row: from the table, or as `UNLISTED_MODEL` describes it."""
        described = self._unlisted()
        if described is not None and described[0].id == model_id:
            return described[0]
        return find(model_id)

    def unlisted_price(self) -> UnlistedPrice | None:
        """The stated price of the unlisted model."""
        described = self._unlisted()
        return None if described is None else described[1]

    def _unlisted(self) -> tuple[Model, UnlistedPrice] | None:
        if not self.unlisted_model.strip():
            return None
        try:
            model_id, context, output, input_usd, output_usd = self.unlisted_model.split()
            model = unlisted(model_id, context_tokens=int(context), output_tokens=int(output))
            prices = UnlistedPrice(
                model=model_id,
                input_usd_per_mtok=Decimal(input_usd),
                output_usd_per_mtok=Decimal(output_usd),
            )
            if not all(price.is_finite() and price >= 0 for price in (Decimal(input_usd), Decimal(output_usd))):
                raise ValueError("no price")
            if not (int(context) > 0 < int(output)):
                raise ValueError("no room")
        except (ValueError, ArithmeticError):
            raise BadInput(
                "THROUGHLINE_UNLISTED_MODEL must be five words: id, context tokens, output tokens, and the "
                "price of a million input and output tokens in USD, for example 'llama3.3 131072 8192 0 0'."
            ) from None
        return model, prices


def _has_host(address: str) -> bool:
    """Whether it is an address that a request can be sent to."""
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        return False
    return usable and address.isascii() and address.isprintable() and " " not in address


def load(**overrides: Any) -> Settings:  # Any: whatever the fields take
    """The settings; `BadInput` names the variable that is wrong."""
    try:
        chosen = Settings(**overrides)
        _refuse_unknown({*os.environ, *dotenv_values(".env", interpolate=False)})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        variable = name if name.isupper() else f"{_PREFIX}{name.upper()}"
        raise BadInput(f"{variable} is not usable: {first['msg'].removeprefix('Value error, ')}.") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"The file .env is not UTF-8 (it stops at byte {error.start}). Save it as UTF-8.") from None
    except OSError as error:
        raise BadInput(f"The file .env cannot be read: {error.strerror}. Change its permissions.") from None
    return chosen


def _refuse_unknown(variables: Iterable[str]) -> None:
    """Raise `BadInput` for a slip in a name: a budget that is not read would limit nothing."""
    known = {name.upper() for name in Settings.model_fields} | _READ_ELSEWHERE
    for variable in sorted(variables):
        name = variable.upper().removeprefix(_PREFIX)
        if name == variable.upper() or name in known or _OF_KUBERNETES.fullmatch(name):
            continue
        nearest = get_close_matches(name, known, n=1)
        guess = f" Did you mean {_PREFIX}{nearest[0]}?" if nearest else ""
        raise BadInput(f"{variable} is no setting.{guess} All of them are in .env.example.")
