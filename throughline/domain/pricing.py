"""What one request costs, to the last fraction of a cent.

Prices come from the genai-prices package and only through here, because three things about it are easy to
get wrong: the batch discount needs a context that it silently ignores when misspelt, an aggregate crosses
Haiku's 100,000-token price band where single requests do not, and one-hour cache writes must be given
twice. A price that is not known is `CostUnknown`, never zero.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache

import genai_prices
import genai_prices.types

from throughline.errors import CostUnknown

_MILLION = Decimal(1_000_000)
IN_US = "inference in the US, times 1.1: "
"""How the price row of an answer begins whose `usage` says that it was made in the US."""
_US_FACTOR = Decimal("1.1")  # on every category of tokens; a workspace may have this as its default


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The tokens of one request, as Claude's `usage` reports them.

    `input_tokens` excludes what was written to or read from the prompt cache. `thinking_tokens` is the
    part of `output_tokens` that is not visible.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0

    @property
    def cache_write_tokens(self) -> int:
        """Written to the cache, for either lifetime."""
        return self.cache_write_5m_tokens + self.cache_write_1h_tokens

    @property
    def prompt_tokens(self) -> int:
        """The whole prompt: uncached, written and read."""
        return self.input_tokens + self.cache_write_tokens + self.cache_read_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            thinking_tokens=self.thinking_tokens + other.thinking_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_5m_tokens=self.cache_write_5m_tokens + other.cache_write_5m_tokens,
            cache_write_1h_tokens=self.cache_write_1h_tokens + other.cache_write_1h_tokens,
        )


# Every token category, below and above the prompt length at which a price band may change.
_SAMPLES = tuple(
    Usage(
        input_tokens=tokens,
        output_tokens=tokens,
        cache_read_tokens=tokens,
        cache_write_5m_tokens=tokens,
        cache_write_1h_tokens=tokens,
    )
    for tokens in (1_000, 25_000, 200_000)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlistedPrice:
    """The price of a model of an own endpoint, stated by the person who runs it; zero must be said."""

    model: str
    input_usd_per_mtok: Decimal
    output_usd_per_mtok: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A cost and the price row behind it, stored together so that history is never repriced."""

    usd: Decimal
    row: str


def price(
    usage: Usage, model: str, *, batch: bool, at: datetime, unlisted: UnlistedPrice | None = None, in_us: bool = False
) -> Price:
    """The cost of one request in USD. Never price a sum of requests: bands depend on each prompt."""
    if unlisted is not None and unlisted.model == model:
        return _price_unlisted(usage, unlisted)
    rates = _rates(model, at.astimezone(UTC).date(), batch=batch)
    usd = rates.usd(usage)
    if usd <= 0 < usage.prompt_tokens + usage.output_tokens:
        raise CostUnknown(f"The price table says that {model} costs nothing; nothing is sent.")
    return Price(usd=usd * _US_FACTOR, row=IN_US + rates.row) if in_us else Price(usd=usd, row=rates.row)


BAND_STARTS = (100_000, 200_000)
"""Prompts longer than one of these may have another price. Requests on the same side of all may be summed."""


def price_alike(
    usage: Usage, model: str, *, prompt_tokens: int, batch: bool, day: date, in_us: bool = False
) -> Decimal:
    """The cost in USD of the summed tokens of many requests of that day, all in the price band of one such prompt."""
    usd = _rates(model, day, batch=batch).usd(usage, prompt_tokens)
    return usd * _US_FACTOR if in_us else usd


_Rate = Decimal | genai_prices.types.TieredPrices | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rates:
    """A model's price row of one day, in USD a million tokens; a tier holds for a whole request."""

    input: _Rate
    output: _Rate
    cache_read: _Rate
    cache_write_5m: _Rate
    cache_write_1h: _Rate
    row: str

    def usd(self, usage: Usage, prompt_tokens: int | None = None) -> Decimal:
        """The cost of one request, or of many with prompts of about that length."""
        prompt = usage.prompt_tokens if prompt_tokens is None else prompt_tokens
        return (
            usage.input_tokens * _at(self.input, prompt)
            + usage.output_tokens * _at(self.output, prompt)
            + usage.cache_read_tokens * _at(self.cache_read, prompt)
            + usage.cache_write_5m_tokens * _at(self.cache_write_5m, prompt)
            + usage.cache_write_1h_tokens * _at(self.cache_write_1h, prompt)
        ) / _MILLION


def _at(rate: _Rate, prompt_tokens: int) -> Decimal:
    if isinstance(rate, genai_prices.types.TieredPrices):
        reached = [tier.price for tier in rate.tiers if prompt_tokens > tier.start]
        return reached[-1] if reached else rate.base
    return rate or Decimal(0)


@cache
def _rates(model: str, day: date, *, batch: bool) -> _Rates:
    """The rates, read once a day and proved on samples: they give the package's own results, and a batch
    costs half of the standard price."""
    found = _look_up(model, day, _SAMPLES[0], batch=batch).model_price
    rates = _Rates(
        input=found.input_mtok,
        output=found.output_mtok,
        cache_read=found.cache_read_mtok,
        cache_write_5m=found.cache_write_mtok,
        cache_write_1h=found.cache_write_1h_mtok,
        row=f"genai-prices {genai_prices.__version__}: {found}",
    )
    for sample in _SAMPLES:
        calculated = _look_up(model, day, sample, batch=batch).total_price
        standard = _look_up(model, day, sample, batch=False).total_price
        if calculated != rates.usd(sample) or calculated * (2 if batch else 1) != standard:
            raise CostUnknown(
                f"The price table is not understood for {model}{' in a batch' if batch else ''}: "
                f"{rates.usd(sample)} and {calculated} USD for the same request, {standard} USD outside a batch. "
                "Nothing is sent."
            )
    return rates


def _look_up(model: str, day: date, usage: Usage, *, batch: bool) -> genai_prices.types.PriceCalculation:
    try:
        return genai_prices.calc_price(
            _tokens(usage),
            model,
            provider_id="anthropic",
            genai_request_timestamp=datetime.combine(day, time(12), UTC),
            price_context={"processing": "batch"} if batch else None,
        )
    except LookupError:
        raise CostUnknown(f"No price is known for {model!r}, so nothing is sent.") from None


def _tokens(usage: Usage) -> genai_prices.Usage:
    return genai_prices.Usage(
        input_tokens=usage.prompt_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        output_tokens=usage.output_tokens,
    )


def _price_unlisted(usage: Usage, unlisted: UnlistedPrice) -> Price:
    usd = (
        usage.prompt_tokens * unlisted.input_usd_per_mtok + usage.output_tokens * unlisted.output_usd_per_mtok
    ) / _MILLION
    row = f"settings: ${unlisted.input_usd_per_mtok}/input MTok, ${unlisted.output_usd_per_mtok}/output MTok"
    return Price(usd=usd, row=row)
