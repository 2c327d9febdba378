"""The chunked chain: which links are still to be sent, decided from what the ledger holds.

`next_links` is a function of the outline and of what every earlier link was asked for and delivered. A
chain that died is therefore continued by calling it again: what is written is never asked for twice.

    outline missing        -> one outline link
    units never asked for  -> part links, packed by expected size; they run side by side; a job of one part
                              has the closing written in the same link
    cut while being written -> continuation links, half as many units each
    written but unusable   -> one repair link that shows the error
    all units written      -> one closing link
    no progress            -> Stuck: a person decides
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from throughline.domain.outline import Outline, OutlineUnit

_UNIT_TRIES = 4  # asked for, continued, continued alone, repaired
_INVALID_TRIES = 2  # asked for, repaired
_CLOSING_TRIES = 2
_OUTLINE_TRIES = 2


class LinkKind(StrEnum):
    """What a link of the chain is for."""

    OUTLINE = "outline"
    PART = "part"
    REPAIR = "repair"
    CONTINUATION = "continuation"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One call of the chain. `writes_all` asks for outline, units and closing in one answer."""

    kind: LinkKind
    unit_ids: tuple[str, ...] = ()
    with_outline: bool = False
    with_closing: bool = False
    errors: tuple[str, ...] = ()
    generous: bool = False

    @property
    def writes_all(self) -> bool:
        """Whether this link is the whole job at once."""
        return self.with_closing and self.kind is not LinkKind.CLOSING


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Everything that the outline asks for is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """The chain cannot go on without a person; the sentence says why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastLink:
    """What an ended link was asked for, and what became of it."""

    link: Link
    delivered: frozenset[str]
    truncated: bool
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainState:
    """Everything the ledger knows of one chain. `written` includes units taken over from a single pass."""

    outline: Outline | None
    written: frozenset[str]
    closing_written: bool
    past: tuple[PastLink, ...] = ()
    rewrites: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Parts of a checked output that are written anew, each with what was wrong; `closing` is one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartLimits:
    """How much one part may ask for."""

    units: int
    source_characters: int


Step = tuple[Link, ...] | Finished | Stuck


def next_links(state: ChainState, limits: PartLimits) -> Step:
    """The links to send now; they do not depend on each other."""
    if state.outline is None:
        return _outline_step(state)
    missing = [unit for unit in state.outline.units if unit.id not in state.written]
    if missing:
        return _units_step(state, missing, limits)
    if not state.closing_written:
        return _closing_step(state)
    return Finished()


def _outline_step(state: ChainState) -> Step:
    tried = sum(past.link.with_outline for past in state.past)
    if tried >= _OUTLINE_TRIES:
        return Stuck(reason=f"No usable outline after {tried} calls. {_last_error(state.past)}")
    errors = _errors_of_last(state.past)
    return (Link(kind=LinkKind.OUTLINE, with_outline=True, errors=errors, generous=tried > 0),)


def _units_step(state: ChainState, missing: Sequence[OutlineUnit], limits: PartLimits) -> Step:
    asked, invalid = _failures(state.past)
    for unit in missing:
        if asked[unit.id] >= _UNIT_TRIES or invalid[unit.id] >= _INVALID_TRIES:
            return Stuck(
                reason=f"Unit {unit.id} ({unit.heading}) is still missing after "
                f"{max(asked[unit.id], invalid[unit.id])} calls. "
                f"{_last_error(state.past)}"
            )
    had_a_turn = {unit_id for past in state.past for unit_id in past.link.unit_ids}
    fresh = [unit for unit in missing if unit.id not in had_a_turn]
    if state.rewrites:
        return (*_rewritten(fresh, state.rewrites, limits), *_again(_not_in(missing, fresh), state.past, limits))
    if len(fresh) == len(missing) and not state.written and not state.closing_written:
        parts = list(_packed(fresh, limits))
        if len(parts) == 1:
            return (Link(kind=LinkKind.PART, unit_ids=parts[0], with_closing=True),)
    return (
        *(Link(kind=LinkKind.PART, unit_ids=ids) for ids in _packed(fresh, limits)),
        *_again(_not_in(missing, fresh), state.past, limits),
    )


def _not_in(units: Sequence[OutlineUnit], others: Sequence[OutlineUnit]) -> list[OutlineUnit]:
    other_ids = {unit.id for unit in others}
    return [unit for unit in units if unit.id not in other_ids]


def _rewritten(
    units: Sequence[OutlineUnit], rewrites: Mapping[str, tuple[str, ...]], limits: PartLimits
) -> Iterator[Link]:
    """Links that show what a check found wrong with what was written."""
    for ids in _packed(units, limits):
        errors = tuple(f"{unit_id}: {error}" for unit_id in ids for error in rewrites.get(unit_id, ()))
        yield Link(kind=LinkKind.REPAIR, unit_ids=ids, errors=errors)


def _again(units: Sequence[OutlineUnit], past: Sequence[PastLink], limits: PartLimits) -> Iterator[Link]:
    """Links for units that an earlier link was asked for and did not deliver."""
    last_of = {unit_id: link for link in past for unit_id in link.link.unit_ids}
    repairs = [unit for unit in units if last_of[unit.id].errors and not last_of[unit.id].truncated]
    for ids in _packed(repairs, limits):
        errors = tuple(dict.fromkeys(error for unit_id in ids for error in last_of[unit_id].errors))
        yield Link(kind=LinkKind.REPAIR, unit_ids=ids, errors=errors)
    cut = _not_in(units, repairs)
    size = min((len(last_of[unit.id].link.unit_ids) for unit in cut), default=0)
    smaller = PartLimits(units=max(1, -(-size // 2)), source_characters=limits.source_characters)
    for ids in _packed(cut, smaller):
        yield Link(kind=LinkKind.CONTINUATION, unit_ids=ids, generous=len(ids) == 1)


def _closing_step(state: ChainState) -> Step:
    tried = sum(past.link.kind is LinkKind.CLOSING for past in state.past)
    if tried >= _CLOSING_TRIES:
        return Stuck(reason=f"No usable closing after {tried} calls. {_last_error(state.past)}")
    closings = [past for past in state.past if past.link.kind is LinkKind.CLOSING]
    errors = _errors_of_last(closings) if closings else state.rewrites.get("closing", ())
    return (Link(kind=LinkKind.CLOSING, with_closing=True, errors=errors, generous=tried > 0),)


def _failures(past: Sequence[PastLink]) -> tuple[Counter[str], Counter[str]]:
    """For each unit: links that asked for it in vain, and those of them whose answer was unusable.

    A link that delivered other units is no failure of those behind its cut, which had no turn; it is one of
    those that its errors name.
    """
    asked: Counter[str] = Counter()
    invalid: Counter[str] = Counter()
    for link in past:
        lacking = [unit_id for unit_id in link.link.unit_ids if unit_id not in link.delivered]
        no_turn = bool(link.delivered) and len(link.link.unit_ids) > 1
        wrong = [unit_id for unit_id in lacking if not no_turn or _is_named(unit_id, link.errors)]
        asked.update(wrong)
        if link.errors and not link.truncated:
            invalid.update(wrong)
    return asked, invalid


def _is_named(unit_id: str, errors: Sequence[str]) -> bool:
    return any(error.startswith(f"{unit_id}: ") for error in errors)


def _packed(units: Sequence[OutlineUnit], limits: PartLimits) -> Iterator[tuple[str, ...]]:
    """Groups in order, as full as the limits allow and of even size."""
    if not units:
        return
    groups = -(-len(units) // limits.units)
    even = -(-len(units) // groups)
    part: list[str] = []
    characters = 0
    for unit in units:
        of_unit = sum(span.end - span.start for span in unit.spans)
        if part and (len(part) >= even or characters + of_unit > limits.source_characters):
            yield tuple(part)
            part, characters = [], 0
        part.append(unit.id)
        characters += of_unit
    yield tuple(part)


def _errors_of_last(past: Sequence[PastLink]) -> tuple[str, ...]:
    return past[-1].errors if past else ()


def _last_error(past: Sequence[PastLink]) -> str:
    errors = _errors_of_last(past)
    return f"Last problem: {errors[0]}." if errors else "The answers ended early."
