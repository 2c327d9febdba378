"""Which models exist, what they allow, and what they cost in USD per million tokens.

The table is the simulator's own: it must be able to disagree with the service's table.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

OUTPUT_300K_BETA = "output-300k-2026-03-24"
OUTPUT_300K_TOKENS = 300_000
MIN_CACHEABLE_TOKENS = 512

_EPOCH = "1970-01-01T00:00:00Z"  # what the API answers when a release date is unknown
_ALWAYS_THINKS = frozenset({"adaptive"})
_CAN_STOP_THINKING = frozenset({"adaptive", "disabled"})
_BUDGETED = frozenset({"adaptive", "disabled", "enabled"})
_BUDGETED_ONLY = frozenset({"disabled", "enabled"})


@dataclass(frozen=True, slots=True)
class Prices:
    """USD per million tokens."""

    input: Decimal
    output: Decimal
    write_5m: Decimal
    write_1h: Decimal
    read: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """`high_band` replaces `prices` for a whole request whose prompt exceeds `low_band_tokens`."""

    id: str
    name: str
    line: str | None
    prices: Prices
    high_band: Prices | None = None
    low_band_tokens: int = 100_000
    context_tokens: int = 1_000_000
    sync_output_tokens: int = 128_000
    takes_300k: bool = False
    thinking_types: frozenset[str] = _CAN_STOP_THINKING
    thinks_by_default: bool = True
    refuses_forced_tools: bool = False
    refuses_prefill: bool = True
    created_at: str = _EPOCH
    retires_at: str | None = None

    def prices_for(self, prompt_tokens: int) -> Prices:
        if self.high_band is not None and prompt_tokens > self.low_band_tokens:
            return self.high_band
        return self.prices


def _usd(input_: str, output: str, write_5m: str, write_1h: str, read: str) -> Prices:
    return Prices(Decimal(input_), Decimal(output), Decimal(write_5m), Decimal(write_1h), Decimal(read))


_FABLE_5_2 = _usd("8", "40", "10", "16", "0.20")
_FABLE_5_1 = _usd("10", "50", "12.50", "20", "0.25")
_FABLE_5 = _usd("10", "50", "12.50", "20", "1.00")
_OPUS = _usd("5", "25", "6.25", "10", "0.50")
_SONNET_4 = _usd("3", "15", "3.75", "6", "0.30")


def _fable(id_: str, name: str, line: str, prices: Prices, created_at: str, *, refuses: bool) -> Model:
    return Model(
        id=id_,
        name=name,
        line=line,
        prices=prices,
        created_at=created_at,
        thinking_types=_ALWAYS_THINKS,
        refuses_forced_tools=refuses,
    )


def _opus_4(id_: str, name: str, thinking_types: frozenset[str] = _CAN_STOP_THINKING) -> Model:
    return Model(
        id=id_,
        name=name,
        line="opus",
        prices=_OPUS,
        takes_300k=True,
        thinking_types=thinking_types,
        thinks_by_default=False,
    )


def _small_window(id_: str, name: str, line: str, prices: Prices, retires_at: str | None = None) -> Model:
    return Model(
        id=id_,
        name=name,
        line=line,
        prices=prices,
        context_tokens=200_000,
        sync_output_tokens=64_000,
        thinking_types=_BUDGETED_ONLY,
        thinks_by_default=False,
        refuses_prefill=False,
        retires_at=retires_at,
    )


# Newest first: the order in which the Models API lists them.
MODELS = (
    _fable("claude-fable-5-2", "Claude Fable 5.2", "fable", _FABLE_5_2, "2026-11-09T00:00:00Z", refuses=True),
    _fable("claude-mythos-5-2", "Claude Mythos 5.2", "mythos", _FABLE_5_2, "2026-11-09T00:00:00Z", refuses=True),
    Model(
        id="claude-haiku-5-5",
        name="Claude Haiku 5.5",
        line="haiku",
        prices=_usd("0.10", "0.50", "0.125", "0.20", "0.01"),
        high_band=_usd("0.50", "2.50", "0.625", "1.00", "0.05"),
        takes_300k=True,
        created_at="2026-10-07T00:00:00Z",
    ),
    Model(
        id="claude-sonnet-5-5",
        name="Claude Sonnet 5.5",
        line="sonnet",
        prices=_usd("2", "10", "2.50", "4", "0.10"),
        takes_300k=True,
        thinking_types=frozenset({"adaptive", "between_tools", "disabled"}),
        refuses_forced_tools=True,
        created_at="2026-09-28T00:00:00Z",
    ),
    Model(
        id="claude-opus-5-5",
        name="Claude Opus 5.5",
        line="opus",
        prices=_usd("4", "20", "5", "8", "0.20"),
        takes_300k=True,
        thinking_types=_ALWAYS_THINKS,
        refuses_forced_tools=True,
        created_at="2026-09-22T00:00:00Z",
    ),
    _fable("claude-fable-5-1", "Claude Fable 5.1", "fable", _FABLE_5_1, "2026-09-01T00:00:00Z", refuses=True),
    _fable("claude-mythos-5-1", "Claude Mythos 5.1", "mythos", _FABLE_5_1, "2026-09-01T00:00:00Z", refuses=True),
    Model(
        id="claude-sonnet-5",
        name="Claude Sonnet 5",
        line="sonnet",
        prices=_usd("2", "10", "2.50", "4", "0.20"),
        takes_300k=True,
    ),
    _fable("claude-fable-5", "Claude Fable 5", "fable", _FABLE_5, _EPOCH, refuses=False),
    _fable("claude-mythos-5", "Claude Mythos 5", "mythos", _FABLE_5, _EPOCH, refuses=False),
    Model(id="claude-opus-5", name="Claude Opus 5", line="opus", prices=_OPUS, takes_300k=True),
    _opus_4("claude-opus-4-8", "Claude Opus 4.8"),
    _opus_4("claude-opus-4-7", "Claude Opus 4.7"),
    _opus_4("claude-opus-4-6", "Claude Opus 4.6", _BUDGETED),
    Model(
        id="claude-sonnet-4-6",
        name="Claude Sonnet 4.6",
        line="sonnet",
        prices=_SONNET_4,
        takes_300k=True,
        thinking_types=_BUDGETED,
        thinks_by_default=False,
    ),
    _small_window("claude-haiku-4-5", "Claude Haiku 4.5", "haiku", _usd("1", "5", "1.25", "2", "0.10")),
    _small_window("claude-opus-4-5", "Claude Opus 4.5", "opus", _OPUS),
    _small_window("claude-sonnet-4-5", "Claude Sonnet 4.5", "sonnet", _SONNET_4, "2026-11-30T00:00:00Z"),
)
_BY_ID = {model.id: model for model in MODELS}
_NO_INFERENCE_GEO = frozenset({"claude-haiku-4-5", "claude-opus-4-5", "claude-sonnet-4-5"})
_US_SURCHARGE = Decimal("1.1")


def find(model_id: str) -> Model | None:
    return _BY_ID.get(model_id)


def local(model_id: str) -> Model:
    """A model of a local server: any name is served, and nothing is charged."""
    return Model(
        id=model_id,
        name=model_id,
        line=None,
        prices=_usd("0", "0", "0", "0", "0"),
        sync_output_tokens=1_000_000,
        thinks_by_default=False,
    )


def geo_factor(model: Model, inference_geo: object) -> Decimal:
    is_surcharged = inference_geo == "us" and model.id not in _NO_INFERENCE_GEO
    return _US_SURCHARGE if is_surcharged else Decimal(1)


def describe(model: Model) -> dict[str, Any]:
    """The model as the Models API shows it: the 300K cap and the prices are not part of it."""
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.name,
        "created_at": model.created_at,
        "lifecycle": "deprecated" if model.retires_at else "active",
        "deprecated_at": _EPOCH if model.retires_at else None,
        "retires_at": model.retires_at,
        "line": model.line,
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.sync_output_tokens,
        "capabilities": _capabilities(model),
    }


def _capabilities(model: Model) -> dict[str, Any]:
    yes, no = {"supported": True}, {"supported": False}
    kinds = ("adaptive", "between_tools", "disabled", "enabled")
    has_effort = "adaptive" in model.thinking_types
    levels = dict.fromkeys(("low", "medium", "high", "xhigh", "max"), yes if has_effort else no)
    return {
        "batch": yes,
        "citations": yes,
        "code_execution": no,
        "context_management": {"supported": False},
        "effort": {"supported": has_effort, **levels},
        "image_input": yes,
        "pdf_input": yes,
        "server_tools": {"supported": False, "code_execution": no, "web_search": no},
        "structured_outputs": yes,
        "thinking": {
            "supported": True,
            "types": {kind: yes if kind in model.thinking_types else no for kind in kinds},
        },
    }
