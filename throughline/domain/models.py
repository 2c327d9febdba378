"""What each model can do that no API reports: the 300K cap, tokenizer family, thinking.

Dated rows with their source. The Models API gives context, ordinary caps and lifecycle, but not whether a
model takes `output-300k-2026-03-24`, what it costs or how it counts, so these facts are kept here. A model
that is listed nowhere is an error with a way out, never a guess.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from throughline.domain.guess import did_you_mean
from throughline.errors import BadInput

LONG_OUTPUT_BETA = "output-300k-2026-03-24"
LONG_OUTPUT_TOKENS = 300_000
DEFAULT_MODEL = "claude-sonnet-5-5"

_DOCS = "https://platform.claude.com/docs/en/"
_OVERVIEW_2026_10_07 = _DOCS + "models/haiku-5-5/overview"
_OVERVIEW = _DOCS + "about-claude/models/overview"


class Tokenizer(StrEnum):
    """How text becomes tokens: the 4.7 generation counts about 30 % more for the same text."""

    CLAUDE_OLD = "claude_old"
    CLAUDE_NEW = "claude_new"
    UNKNOWN = "unknown"


class Thinking(StrEnum):
    """Whether the model thinks when a request says nothing about it."""

    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model's limits. `batch_output_tokens` is the cap of a batch item with the long-output beta."""

    id: str
    context_tokens: int
    sync_output_tokens: int
    batch_output_tokens: int
    tokenizer: Tokenizer
    thinking: Thinking
    takes_effort: bool
    as_of: date
    source: str

    @property
    def long_output(self) -> bool:
        """Whether one batch request may write more than an ordinary call."""
        return self.batch_output_tokens > self.sync_output_tokens


def _long(model_id: str, *, thinking: Thinking, old_tokenizer: bool = False) -> Model:
    return Model(
        id=model_id,
        context_tokens=1_000_000,
        sync_output_tokens=128_000,
        batch_output_tokens=LONG_OUTPUT_TOKENS,
        tokenizer=Tokenizer.CLAUDE_OLD if old_tokenizer else Tokenizer.CLAUDE_NEW,
        thinking=thinking,
        takes_effort=True,
        as_of=date(2026, 10, 7),
        source=_OVERVIEW_2026_10_07,
    )


def _ordinary(model_id: str, *, context: int, cap: int, new: bool) -> Model:
    return Model(
        id=model_id,
        context_tokens=context,
        sync_output_tokens=cap,
        batch_output_tokens=cap,
        tokenizer=Tokenizer.CLAUDE_NEW if new else Tokenizer.CLAUDE_OLD,
        thinking=Thinking.ON if new else Thinking.OFF,
        takes_effort=new,
        as_of=date(2026, 11, 9),
        source=_OVERVIEW,
    )


# Fable models appear on no official list of models with 300K output, so they count as ordinary.
_TABLE = (
    _long("claude-opus-5-5", thinking=Thinking.ON),
    _long("claude-opus-5", thinking=Thinking.ON),
    _long("claude-opus-4-8", thinking=Thinking.OFF),
    _long("claude-opus-4-7", thinking=Thinking.OFF),
    _long("claude-opus-4-6", thinking=Thinking.OFF, old_tokenizer=True),
    _long("claude-sonnet-5-5", thinking=Thinking.ON),
    _long("claude-sonnet-5", thinking=Thinking.ON),
    _long("claude-sonnet-4-6", thinking=Thinking.OFF, old_tokenizer=True),
    _long("claude-haiku-5-5", thinking=Thinking.ON),
    _ordinary("claude-fable-5-2", context=1_000_000, cap=128_000, new=True),
    _ordinary("claude-fable-5-1", context=1_000_000, cap=128_000, new=True),
    _ordinary("claude-fable-5", context=1_000_000, cap=128_000, new=True),
    _ordinary("claude-haiku-4-5", context=200_000, cap=64_000, new=False),
    _ordinary("claude-opus-4-5", context=200_000, cap=64_000, new=False),
    _ordinary("claude-sonnet-4-5", context=200_000, cap=64_000, new=False),
)
MODELS: dict[str, Model] = {model.id: model for model in _TABLE}


def unlisted(model_id: str, *, context_tokens: int, output_tokens: int) -> Model:
    """A model of an own endpoint, described by the person who runs it."""
    return Model(
        id=model_id,
        context_tokens=context_tokens,
        sync_output_tokens=output_tokens,
        batch_output_tokens=output_tokens,
        tokenizer=Tokenizer.UNKNOWN,
        thinking=Thinking.OFF,
        takes_effort=False,
        as_of=date.min,
        source="settings",
    )


def find(model_id: str) -> Model:
    """The row of a listed model; `BadInput` names the listed ones."""
    if model_id in MODELS:
        return MODELS[model_id]
    known = ", ".join(sorted(MODELS))
    raise BadInput(
        f"Unknown model {model_id!r}.{did_you_mean(model_id, MODELS)} Known: {known}. For a model of your own "
        "endpoint set THROUGHLINE_UNLISTED_MODEL to "
        "'id context_tokens output_tokens input_usd_per_mtok output_usd_per_mtok'."
    )
