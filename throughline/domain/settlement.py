"""Settling an answer: what of it counts, what was wrong with it, and which tokens nobody can use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from throughline.domain.ask import Reply, StopReason
from throughline.domain.job import Kind
from throughline.domain.outline import Outline, OutlineUnit
from throughline.domain.output import Closing, OutlineEntry, Unit
from throughline.domain.salvage import Answer, Place, read_answer

MAX_PLANNED_UNITS = 120
"""A longer outline was not asked for, and each of its units would cost money."""
TOO_LATE = "it came when its work was done: the request had been given up and sent again"
"""What is wrong with an answer that is good, paid, and of no use any more."""
_ERRORS = 20
_ERROR_CHARACTERS = 200  # they are quoted in the next prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an answer was asked for. `outline` is None where the answer itself must plan it."""

    outline: Outline | None
    unit_ids: frozenset[str]
    closing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The usable part of one answer. `errors` is empty when nothing was wrong with what did come.

    `places` tells where in the answer's text its units stand; it may name others as well.
    """

    outline: Outline | None
    units: tuple[Unit, ...]
    places: Mapping[str, Place] = field(default_factory=dict[str, Place])
    closing: Closing | None
    errors: tuple[str, ...]
    wasted_tokens: int

    @property
    def delivered(self) -> tuple[str, ...]:
        """The ids of the units that count."""
        return tuple(unit.unit_id for unit in self.units)


def settle(reply: Reply, kind: Kind, wanted: Wanted, *, answer: Answer | None = None) -> Settlement:
    """Keep the complete units that were asked for; a refusal's partial text is never used.

    `answer` is what the reply's text was read as, where that was done before.
    """
    visible = reply.usage.output_tokens - reply.usage.thinking_tokens
    if reply.stop_reason is StopReason.REFUSAL:
        why = f"the model refused ({reply.refusal_category or 'no category given'})"
        return Settlement(outline=None, units=(), closing=None, errors=(why,), wasted_tokens=visible)
    answer = answer or read_answer(reply.text, kind)
    outline = wanted.outline or planned_outline(answer)
    asked = wanted.unit_ids if wanted.outline else frozenset(outline.unit_ids if outline else ())
    units = tuple(unit for unit in answer.units if unit.unit_id in asked)
    closing = answer.closing if wanted.closing and outline else None
    used: tuple[Unit | Closing | OutlineEntry, ...] = units
    used += (closing,) if closing is not None else ()
    used += answer.outline if wanted.outline is None and outline is not None else ()
    return Settlement(
        outline=outline,
        units=units,
        places=answer.places,
        closing=closing,
        errors=_errors(answer, outline, asked),
        wasted_tokens=_wasted(visible, reply.text, answer, len(units), used),
    )


def settle_late(reply: Reply, settlement: Settlement, saved: frozenset[str]) -> Settlement:
    """What an answer is worth whose request was sent again by another: the units that were saved of it before."""
    units = tuple(unit for unit in settlement.units if unit.unit_id in saved)
    visible = reply.usage.output_tokens - reply.usage.thinking_tokens
    characters = sum(len(unit.model_dump_json()) for unit in units)
    return Settlement(
        outline=None,
        units=units,
        closing=None,
        errors=(TOO_LATE,),
        wasted_tokens=round(visible * (1 - min(1.0, characters / max(len(reply.text), 1)))),
    )


def settle_partial(text: str, kind: Kind, wanted: Wanted) -> tuple[Unit, ...]:
    """The complete units in the beginning of an answer, out of those that were asked for."""
    if wanted.outline is None:
        return ()  # which units count is not known before the whole outline is
    return tuple(unit for unit in read_answer(text, kind).units if unit.unit_id in wanted.unit_ids)


def planned_outline(answer: Answer) -> Outline | None:
    """The outline that the answer planned, if it is complete and its ids are unique."""
    ids = [entry.id for entry in answer.outline]
    if not answer.outline_complete or len(set(ids)) != len(ids) or len(ids) > MAX_PLANNED_UNITS:
        return None
    if any(len(entry.id) > 64 or len(entry.heading) > 300 for entry in answer.outline):
        return None
    return Outline(
        units=tuple(
            OutlineUnit(id=entry.id, heading=entry.heading, sources=tuple(entry.sources)) for entry in answer.outline
        )
    )


def _errors(answer: Answer, outline: Outline | None, asked: frozenset[str]) -> tuple[str, ...]:
    delivered = {unit.unit_id for unit in answer.units}
    errors = [
        f"{defect.unit_id}: {defect.error}" if defect.unit_id else defect.error
        for defect in answer.defects
        if defect.unit_id not in delivered
    ]
    if outline is None:
        errors.append("`outline` is missing, incomplete, too long or has the same id twice")
    elif strangers := sorted(delivered - asked):
        errors.append(f"units that were not asked for: {', '.join(strangers)}")
    return tuple(dict.fromkeys(error[:_ERROR_CHARACTERS] for error in errors[:_ERRORS]))


def _wasted(visible: int, text: str, answer: Answer, kept: int, used: Sequence[Unit | Closing | OutlineEntry]) -> int:
    """Visible output tokens that no kept value holds, by share of characters."""
    if answer.finished and not answer.defects and not answer.duplicates and kept == len(answer.units):
        return 0  # the usual case, in which nothing long is written out again to be measured
    characters = sum(len(part.model_dump_json()) for part in used)
    return round(visible * (1 - min(1.0, characters / max(len(text), 1))))
