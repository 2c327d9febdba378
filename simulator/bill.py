"""What a customer would have been charged, row by row.

Every answered request is a row, delivered or not: a dropped connection does not give the money back.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

from simulator.models import Model, Prices, geo_factor

_MILLION = Decimal(1_000_000)
_BATCH_FACTOR = Decimal("0.5")

Kind = Literal["message", "batch_item"]


@dataclass(slots=True, kw_only=True)
class Row:
    """One billed answer."""

    seq: int
    kind: Kind
    custom_id: str | None
    request_id: str
    model: str
    usage: dict[str, Any]
    cost_usd: str
    fingerprint: str
    delivered: bool
    at: str
    fault: str | None = None
    """The scripted failure of the item that spoilt what the model said."""


class RowKeeper(Protocol):
    """Where rows survive a restart."""

    def save_rows(self, rows: list[dict[str, Any]]) -> None: ...


def cost_usd(model: Model, usage: dict[str, Any], *, is_batch: bool, inference_geo: object = None) -> Decimal:
    """Price one request alone: the band depends on its own prompt, never on an aggregate."""
    read = int(usage.get("cache_read_input_tokens") or 0)
    written = int(usage.get("cache_creation_input_tokens") or 0)
    prices = model.prices_for(int(usage["input_tokens"]) + read + written)
    factor = geo_factor(model, inference_geo) * (_BATCH_FACTOR if is_batch else 1)
    return factor * _list_price(prices, usage, read) / _MILLION


def _list_price(prices: Prices, usage: dict[str, Any], read_tokens: int) -> Decimal:
    split: dict[str, int] = usage.get("cache_creation") or {}
    return (
        prices.input * int(usage["input_tokens"])
        + prices.output * int(usage["output_tokens"])
        + prices.read * read_tokens
        + prices.write_5m * split.get("ephemeral_5m_input_tokens", 0)
        + prices.write_1h * split.get("ephemeral_1h_input_tokens", 0)
    )


def fingerprint(params: dict[str, Any]) -> str:
    """The same for a streamed call and a batch item that ask the same thing."""
    asked = {key: value for key, value in params.items() if key != "stream"}
    canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def plain(amount: Decimal) -> str:
    """A decimal without exponent or trailing zeros."""
    return format(amount.normalize(), "f")


class Bill:
    """The rows, in the order in which the answers were produced."""

    def __init__(self, keeper: RowKeeper | None, rows: list[dict[str, Any]]) -> None:
        self._keeper = keeper
        self._rows = [Row(**row) for row in rows]

    def charge(
        self,
        model: Model,
        params: dict[str, Any],
        usage: dict[str, Any],
        *,
        request_id: str,
        custom_id: str | None = None,
        kind: Kind = "message",
        delivered: bool = True,
        fault: str | None = None,
    ) -> Row:
        is_batch, geo = kind == "batch_item", params.get("inference_geo")
        cost = cost_usd(model, usage, is_batch=is_batch, inference_geo=geo)
        row = Row(
            seq=len(self._rows),
            kind=kind,
            custom_id=custom_id,
            request_id=request_id,
            model=model.id,
            usage=usage,
            cost_usd=plain(cost),
            fingerprint=fingerprint(params),
            delivered=delivered,
            at=datetime.now(UTC).isoformat(),
            fault=fault,
        )
        self._rows.append(row)
        self._save([row])
        return row

    def deliver(self, request_ids: set[str]) -> None:
        """Note that these batch answers have reached the client."""
        rows = [row for row in self._rows if row.request_id in request_ids and not row.delivered]
        for row in rows:
            row.delivered = True
        self._save(rows)

    def lose(self, row: Row) -> None:
        """Note that an answer was produced, and charged, but never arrived."""
        row.delivered = False
        self._save([row])

    def cut(self, row: Row, model: Model, params: dict[str, Any], usage: dict[str, Any]) -> None:
        """Charge a stream that broke only for what it had said by then."""
        row.usage = usage
        row.cost_usd = plain(cost_usd(model, usage, is_batch=False, inference_geo=params.get("inference_geo")))
        self.lose(row)

    def clear(self) -> None:
        self._rows.clear()

    def report(self) -> dict[str, Any]:
        total = sum((Decimal(row.cost_usd) for row in self._rows), Decimal(0))
        return {
            "total_usd": plain(total),
            "rows": [_public(row) for row in self._rows],
            "messages": sum(1 for row in self._rows if row.kind == "message"),
        }

    def _save(self, rows: list[Row]) -> None:
        if self._keeper is not None and rows:
            self._keeper.save_rows([asdict(row) for row in rows])


def _public(row: Row) -> dict[str, Any]:
    shown = asdict(row)
    del shown["seq"]
    return shown
