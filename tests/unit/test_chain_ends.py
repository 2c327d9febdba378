"""A chain ends, within a bound, whatever the answers are."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.chains import THREE, ended, outline, state
from throughline.domain.chain import (
    ChainState,
    Finished,
    Link,
    LinkKind,
    PartLimits,
    PastLink,
    Stuck,
    next_links,
)
from throughline.domain.outline import Outline, OutlineUnit
from throughline.domain.source import Span

outlines = st.lists(st.integers(0, 700), min_size=1, max_size=12).map(
    lambda sizes: Outline(
        units=tuple(
            OutlineUnit(id=f"u{n}", heading="H", spans=(Span(source="a", start=0, end=size),))
            for n, size in enumerate(sizes)
        )
    )
)


some_limits = st.builds(PartLimits, units=st.integers(1, 6), source_characters=st.integers(1, 1_500))


class Delivery(StrEnum):
    """What may come of a link."""

    FULL = "full"
    CUT = "cut at the limit"
    EARLY = "ended early"
    INVALID = "some unusable"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Answering:
    """Someone who answers links by turns. Each number says how much of a link is delivered, or which part.

    With `progress`, every link delivers at least one unit, and outline and closing always come.
    """

    turns: tuple[tuple[Delivery, int], ...]
    progress: bool = False

    def answer(self, position: int, link: Link, planned: Outline) -> PastLink:
        delivery, number = self.turns[position % len(self.turns)]
        ids = link.unit_ids
        if link.with_outline:  # a model may write units that nobody asked for yet
            ids = planned.unit_ids[: number % 3] if delivery is Delivery.FULL else ()
        count = max(number % len(ids), self.progress) if ids else 0
        match delivery:
            case Delivery.FULL:
                return ended(link, *ids)
            case Delivery.CUT:
                return ended(link, *ids[:count], truncated=True, errors=("the JSON ends before it is complete",))
            case Delivery.EARLY:
                return ended(link, *ids[:count])
            case Delivery.INVALID:
                usable = [unit_id for place, unit_id in enumerate(ids) if number >> place & 1]
                usable = usable or list(ids[: self.progress])
                return ended(link, *usable, errors=tuple(f"{bad}: unusable" for bad in ids if bad not in usable))
            case Delivery.NOTHING:
                return ended(link)

    def writes_the_rest(self, position: int) -> bool:
        """Whether outline or closing come with this answer; a closing may, beside units that are unusable."""
        delivery, number = self.turns[position % len(self.turns)]
        return self.progress or delivery is Delivery.FULL or (delivery is Delivery.INVALID and number % 2 == 1)


def answerings(*kinds: Delivery, progress: bool = False) -> st.SearchStrategy[Answering]:
    turns = st.lists(st.tuples(st.sampled_from(kinds), st.integers(0, 4_095)), min_size=1, max_size=12)
    return st.builds(Answering, turns.map(tuple), st.just(progress))


@dataclass(frozen=True, slots=True)
class Walk:
    """A chain followed to its end."""

    step: Finished | Stuck
    links: tuple[Link, ...]
    state: ChainState


def walked(start: ChainState, planned: Outline, limits: PartLimits, answering: Answering) -> Walk:
    """Every link is checked before it is answered; a chain that goes on beyond the bound fails here."""
    now = start
    while isinstance(step := next_links(now, limits), tuple):
        assert step
        assert len(now.past) + len(step) <= most_links(planned)
        assert_well_formed(step, planned, limits, now.written)
        for link in step:
            position = len(now.past)
            past = answering.answer(position, link, planned)
            rest = answering.writes_the_rest(position)
            has_outline = now.outline is not None or rest
            now = ChainState(
                outline=planned if has_outline else None,
                written=now.written | past.delivered if has_outline else now.written,
                closing_written=now.closing_written or (link.with_closing and rest),
                past=(*now.past, past),
            )
    return Walk(step=step, links=tuple(past.link for past in now.past), state=now)


def most_links(planned: Outline) -> int:
    """Two for the outline, two for the closing, and four for each unit.

    Charge a link that delivers to one unit that it delivers, and a link in vain to any unit that it asks for.
    A unit is in one link of a step at most and delivered once at most, and after four links in vain the chain
    is stuck: each unit bears four links in vain, or three and the one that delivers it.
    """
    return 2 + 4 * len(planned.units) + 2


def most_asks(planned: Outline) -> int:
    """How often one unit is asked for: four times as above, and behind the cut of a link for each other unit."""
    return 4 + len(planned.units) - 1


@settings(max_examples=60)
@given(outlines, some_limits, answerings(*Delivery), st.booleans(), st.data())
def test_every_chain_ends_within_four_links_a_unit_and_never_pays_twice(
    planned: Outline, limits: PartLimits, answering: Answering, by_model: bool, data: st.DataObject
):
    """The whole contract of a chain, walked to its end against any pattern of answers."""
    written = frozenset[str]() if by_model else data.draw(st.frozensets(st.sampled_from(planned.unit_ids)))
    start = ChainState(outline=None if by_model else planned, written=written, closing_written=False)
    walk = walked(start, planned, limits, answering)
    asked = Counter(unit_id for link in walk.links for unit_id in link.unit_ids)
    assert all(count <= most_asks(planned) for count in asked.values())
    now = walk.state
    complete = now.outline is not None and now.written == frozenset(planned.unit_ids) and now.closing_written
    assert isinstance(walk.step, Finished) == complete


def test_the_bound_on_links_is_reached():
    nothing, full = (Delivery.NOTHING, 0), (Delivery.FULL, 0)
    answering = Answering((nothing, full, nothing, nothing, nothing, full, nothing, full))
    walk = walked(state(None), outline("u1"), THREE, answering)
    assert walk.step == Finished()
    assert len(walk.links) == most_links(outline("u1"))


@settings(max_examples=60)
@given(outlines, some_limits, answerings(Delivery.FULL, Delivery.CUT, Delivery.EARLY, progress=True), st.booleans())
def test_a_chain_whose_every_link_delivers_a_unit_is_never_stuck(
    planned: Outline, limits: PartLimits, answering: Answering, by_model: bool
):
    assert_never_stuck(planned, limits, answering, by_model)


def assert_never_stuck(planned: Outline, limits: PartLimits, answering: Answering, by_model: bool):
    walk = walked(state(None if by_model else planned), planned, limits, answering)
    assert walk.step == Finished()
    assert len(walk.links) <= len(planned.units) + 2  # a link a unit, the outline and the closing


def assert_well_formed(step: tuple[Link, ...], planned: Outline, limits: PartLimits, written: frozenset[str]):
    ids = [unit_id for link in step for unit_id in link.unit_ids]
    assert len(set(ids)) == len(ids)
    assert not written & set(ids)
    for link in step:
        positions = [planned.unit_ids.index(unit_id) for unit_id in link.unit_ids]
        assert positions == sorted(positions)
        assert len(positions) <= limits.units
        carried = sum(planned.units[position].spans[0].end for position in positions)
        assert carried <= limits.source_characters or len(positions) == 1
    for kind in LinkKind:
        of_kind = [planned.unit_ids.index(unit_id) for link in step if link.kind is kind for unit_id in link.unit_ids]
        assert of_kind == sorted(of_kind)


@settings(max_examples=30)
@given(outlines, some_limits, st.data())
def test_a_chain_that_died_goes_on_with_exactly_what_is_missing(
    planned: Outline, limits: PartLimits, data: st.DataObject
):
    written = data.draw(st.frozensets(st.sampled_from(planned.unit_ids)))
    step = next_links(ChainState(outline=planned, written=written, closing_written=True), limits)
    links = step if isinstance(step, tuple) else ()
    assert {unit_id for link in links for unit_id in link.unit_ids} == set(planned.unit_ids) - written
