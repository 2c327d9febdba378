"""One answered request, a sync call or a batch item: from its parameters to text, stop reason and usage."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from simulator.alterations import Draft, alter_text, alter_tree, dump
from simulator.caching import InputUsage, PromptCache
from simulator.errors import invalid
from simulator.faults import Fault
from simulator.models import Model
from simulator.options import Options
from simulator.prompt import Prompt, count_text_tokens
from simulator.writer import write_answer

_THINKING_OFF = frozenset({"disabled", "between_tools"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model returned, and what it cost in tokens."""

    model: Model
    params: dict[str, Any]
    text: str
    stop_reason: str
    stop_details: dict[str, Any] | None
    stop_sequence: str | None
    input: InputUsage
    thinks: bool
    thinking_tokens: int
    text_tokens: int
    service_tier: str
    is_local: bool

    @property
    def output_tokens(self) -> int:
        return self.thinking_tokens + self.text_tokens

    def usage(self, output_tokens: int | None = None) -> dict[str, Any]:
        """As the API reports it; a local server counts input and output and knows no more."""
        total = self.output_tokens if output_tokens is None else output_tokens
        if self.is_local:
            return {"input_tokens": self.input.uncached, "output_tokens": total}
        return {
            "input_tokens": self.input.uncached,
            "cache_creation_input_tokens": self.input.written_5m + self.input.written_1h,
            "cache_read_input_tokens": self.input.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.input.written_5m,
                "ephemeral_1h_input_tokens": self.input.written_1h,
            },
            "output_tokens": total,
            "output_tokens_details": {"thinking_tokens": min(self.thinking_tokens, total)},
            "service_tier": self.service_tier,
            "inference_geo": self.params.get("inference_geo") or "global",
        }

    def content(self) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        if self.thinks:
            blocks.append({"type": "thinking", "thinking": "", "signature": "c2ltdWxhdGVk"})
        if self.text:
            blocks.append({"type": "text", "text": self.text, "citations": None})
        return blocks

    def message(self) -> dict[str, Any]:
        return {
            "id": f"msg_{uuid4().hex}",
            "type": "message",
            "role": "assistant",
            "model": self.model.id,
            "content": self.content(),
            "stop_reason": self.stop_reason,
            "stop_sequence": self.stop_sequence,
            "stop_details": self.stop_details,
            "usage": self.usage(),
        }


def reject_long_prompt(prompt: Prompt, model: Model) -> None:
    if prompt.input_tokens > model.context_tokens:
        tokens, limit = prompt.input_tokens, model.context_tokens
        raise invalid(f"prompt is too long: {tokens} tokens > {limit} maximum")


def compose(
    params: dict[str, Any],
    prompt: Prompt,
    model: Model,
    *,
    cache: PromptCache,
    options: Options,
    fault: Fault | None,
    is_batch: bool,
) -> Answer:
    """Write the answer, let the fault strike, then apply the limits that cut it."""
    draft = _draft(prompt, fault, is_fenced=options.is_local_server)
    thinks = options.thinking_share > 0 and _is_thinking(params, model)
    wanted_tokens = count_text_tokens(draft.text)
    thinking_tokens = _thinking_tokens(wanted_tokens, options.thinking_share) if thinks else 0
    draft, stop_sequence = _stop_at_sequence(draft, params.get("stop_sequences") or [])
    thinking_tokens = min(thinking_tokens, params["max_tokens"])
    draft = _limit(draft, params["max_tokens"] - thinking_tokens, "max_tokens")
    room_tokens = max(0, model.context_tokens - prompt.input_tokens - thinking_tokens)
    draft = _limit(draft, room_tokens, "model_context_window_exceeded")
    text_tokens = draft.output_tokens if draft.output_tokens is not None else count_text_tokens(draft.text)
    return Answer(
        model=model,
        params=params,
        text=draft.text,
        stop_reason=draft.stop_reason,
        stop_details=draft.stop_details,
        stop_sequence=stop_sequence if draft.stop_reason == "stop_sequence" else None,
        input=cache.use(model.id, prompt),
        thinks=thinks,
        thinking_tokens=thinking_tokens,
        text_tokens=text_tokens,
        service_tier="batch" if is_batch else "standard",
        is_local=options.is_local_server,
    )


def _draft(prompt: Prompt, fault: Fault | None, *, is_fenced: bool) -> Draft:
    tree = write_answer(prompt)
    if fault is not None:
        tree = alter_tree(tree, fault)
    text = dump(tree)
    if is_fenced and prompt.schema is not None:
        text = f"```json\n{text}\n```"
    return Draft(text) if fault is None else alter_text(text, tree, fault)


def _is_thinking(params: dict[str, Any], model: Model) -> bool:
    thinking: dict[str, Any] | None = params.get("thinking")
    if thinking is None:
        return model.thinks_by_default
    return thinking.get("type") not in _THINKING_OFF


def _thinking_tokens(text_tokens: int, share: float) -> int:
    """So many that they are the given share of all output tokens."""
    return round(text_tokens * share / (1 - share))


def _stop_at_sequence(draft: Draft, sequences: list[str]) -> tuple[Draft, str | None]:
    found = [(draft.text.find(sequence), sequence) for sequence in sequences]
    position, sequence = min((hit for hit in found if hit[0] >= 0), default=(-1, None))
    if sequence is None:
        return draft, None
    return Draft(draft.text[:position], "stop_sequence"), sequence


def _limit(draft: Draft, tokens: int, stop_reason: str) -> Draft:
    """Cut at so many tokens; all of them are billed."""
    if count_text_tokens(draft.text) <= tokens:
        return draft
    raw = draft.text.encode("utf-8", "surrogatepass")[: tokens * 32 // 10]
    return Draft(raw.decode("utf-8", "ignore"), stop_reason, output_tokens=tokens)
