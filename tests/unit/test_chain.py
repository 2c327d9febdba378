"""Which links a chain sends next, and that it ends whatever the answers are."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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

THREE = PartLimits(units=3, source_characters=1_000)
ALL = ("u1", "u2", "u3", "u4", "u5", "u6", "u7")


def outline(*ids: str, characters: int = 10) -> Outline:
    return Outline(
        units=tuple(
            OutlineUnit(id=unit_id, heading=f"Heading {unit_id}", spans=(Span(source="a", start=0, end=characters),))
            for unit_id in ids
        )
    )


def state(
    planned: Outline | None, *past: PastLink, written: tuple[str, ...] = (), closing_written: bool = False
) -> ChainState:
    return ChainState(outline=planned, written=frozenset(written), closing_written=closing_written, past=past)


def part(*ids: str, kind: LinkKind = LinkKind.PART) -> Link:
    return Link(kind=kind, unit_ids=ids)


def ended(link: Link, *delivered: str, truncated: bool = False, errors: tuple[str, ...] = ()) -> PastLink:
    return PastLink(link=link, delivered=frozenset(delivered), truncated=truncated, errors=errors)


OUTLINE_LINK = Link(kind=LinkKind.OUTLINE, with_outline=True)
CLOSING_LINK = Link(kind=LinkKind.CLOSING, with_closing=True)


def test_a_chain_without_an_outline_asks_for_one():
    assert next_links(state(None), THREE) == (OUTLINE_LINK,)


def test_a_second_request_for_an_outline_shows_the_error_and_gives_room():
    past = ended(OUTLINE_LINK, errors=("no outline",))
    assert next_links(state(None, past), THREE) == (
        Link(kind=LinkKind.OUTLINE, with_outline=True, errors=("no outline",), generous=True),
    )


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        pytest.param(("no outline",), "No usable outline after 2 calls. Last problem: no outline.", id="an error"),
        pytest.param((), "No usable outline after 2 calls. The answers ended early.", id="no error"),
    ],
)
def test_two_unusable_outlines_are_for_a_person(errors: tuple[str, ...], reason: str):
    past = ended(OUTLINE_LINK, errors=errors)
    assert next_links(state(None, past, past), THREE) == Stuck(reason=reason)


def test_a_small_job_is_one_link_with_its_closing():
    links = links_of(state(outline("u1", "u2")))
    assert links == (Link(kind=LinkKind.PART, unit_ids=("u1", "u2"), with_closing=True),)
    assert links[0].writes_all


def test_a_large_job_is_parts_of_even_size_that_leave_the_closing_for_later():
    links = links_of(state(outline(*ALL)))
    assert links == (part("u1", "u2", "u3"), part("u4", "u5", "u6"), part("u7"))
    assert not any(link.writes_all for link in links)


def test_four_units_are_two_and_two_rather_than_three_and_one():
    assert next_links(state(outline(*ALL[:4])), THREE) == (part("u1", "u2"), part("u3", "u4"))


def test_a_part_carries_no_more_source_text_than_it_may():
    assert next_links(state(outline("u1", "u2", "u3", characters=500)), THREE) == (part("u1", "u2"), part("u3"))


def test_a_unit_with_more_source_text_than_a_part_may_carry_stands_alone():
    links = next_links(state(outline("u1", "u2", characters=1_001)), THREE)
    assert links == (part("u1"), part("u2"))


@pytest.mark.parametrize("closing_written", [False, True])
def test_what_a_single_pass_left_is_asked_for_without_the_closing(closing_written: bool):
    left = state(outline("u1", "u2"), written=("u1",), closing_written=closing_written)
    assert next_links(left, THREE) == (part("u2"),)


def test_a_chain_whose_closing_is_written_does_not_ask_for_it_again():
    assert next_links(state(outline("u1"), closing_written=True), THREE) == (part("u1"),)


def test_units_cut_off_are_continued_half_as_many_at_a_time():
    past = ended(part("u1", "u2", "u3", "u4"), "u1", truncated=True)
    assert next_links(state(outline(*ALL[:4]), past, written=("u1",)), THREE) == (
        part("u2", "u3", kind=LinkKind.CONTINUATION),
        Link(kind=LinkKind.CONTINUATION, unit_ids=("u4",), generous=True),
    )


def test_units_left_out_by_an_answer_that_ended_early_are_continued_too():
    past = ended(part("u1", "u2"), "u1")
    assert next_links(state(outline("u1", "u2"), past, written=("u1",)), THREE) == (
        Link(kind=LinkKind.CONTINUATION, unit_ids=("u2",), generous=True),
    )


def test_a_unit_continued_alone_gets_room():
    past = ended(part("u1"), truncated=True)
    (link,) = links_of(state(outline("u1"), past))
    assert link.generous


def test_a_unit_written_badly_is_repaired_with_its_errors():
    past = ended(part("u1", "u2"), "u1", errors=("u2: body: must not be empty",))
    assert next_links(state(outline("u1", "u2"), past, written=("u1",)), THREE) == (
        Link(kind=LinkKind.REPAIR, unit_ids=("u2",), errors=("u2: body: must not be empty",)),
    )


def test_units_repaired_together_show_each_error_once():
    pasts = (ended(part("u1"), errors=("same", "one")), ended(part("u2"), errors=("same", "two")))
    assert next_links(state(outline("u1", "u2"), *pasts), THREE) == (
        Link(kind=LinkKind.REPAIR, unit_ids=("u1", "u2"), errors=("same", "one", "two")),
    )


def test_an_answer_cut_at_its_limit_is_continued_not_repaired():
    past = ended(part("u1", "u2"), truncated=True, errors=("the JSON ends before it is complete",))
    assert next_links(state(outline("u1", "u2"), past), THREE) == tuple(
        Link(kind=LinkKind.CONTINUATION, unit_ids=(unit_id,), generous=True) for unit_id in ("u1", "u2")
    )


def test_new_units_repairs_and_continuations_go_side_by_side():
    pasts = (ended(part("u1"), errors=("bad",)), ended(part("u2", "u3"), truncated=True))
    assert next_links(state(outline("u1", "u2", "u3", "u4"), *pasts), THREE) == (
        part("u4"),
        Link(kind=LinkKind.REPAIR, unit_ids=("u1",), errors=("bad",)),
        Link(kind=LinkKind.CONTINUATION, unit_ids=("u2",), generous=True),
        Link(kind=LinkKind.CONTINUATION, unit_ids=("u3",), generous=True),
    )


def test_only_the_last_answer_for_a_unit_decides_how_it_is_asked_again():
    pasts = (ended(part("u1"), errors=("bad",)), ended(part("u1", kind=LinkKind.REPAIR), truncated=True))
    (link,) = links_of(state(outline("u1"), *pasts))
    assert link.kind is LinkKind.CONTINUATION


def test_a_unit_written_badly_twice_is_for_a_person():
    past = ended(part("u1"), errors=("bad",))
    assert next_links(state(outline("u1"), past, past), THREE) == Stuck(
        reason="Unit u1 (Heading u1) is still missing after 2 calls. Last problem: bad."
    )


def test_a_unit_asked_for_four_times_in_vain_is_for_a_person():
    past = ended(part("u1"))
    assert isinstance(next_links(state(outline("u1"), past, past, past), THREE), tuple)
    assert next_links(state(outline("u1"), past, past, past, past), THREE) == Stuck(
        reason="Unit u1 (Heading u1) is still missing after 4 calls. The answers ended early."
    )


def test_units_behind_a_cut_are_not_failed_by_the_links_that_delivered_others():
    """Five links are cut after their first unit; the last one had no turn in any and is not given up."""
    asked = [part(*ALL[done:]) for done in range(5)]
    pasts = [ended(link, link.unit_ids[0], truncated=True) for link in asked]
    links = links_of(state(outline(*ALL), *pasts, written=ALL[:5]))
    assert [link.unit_ids for link in links] == [("u6", "u7")]


def test_units_behind_a_cut_are_continued_not_asked_for_as_new():
    past = ended(part("u1", "u2"), "u1", truncated=True)
    step = links_of(state(outline("u1", "u2", "u3"), past, written=("u1",)))
    assert [(link.kind, link.unit_ids) for link in step] == [
        (LinkKind.PART, ("u3",)),
        (LinkKind.CONTINUATION, ("u2",)),
    ]


def test_a_link_that_delivered_nothing_fails_each_of_its_units():
    past = ended(part("u1", "u2"), truncated=True)
    step = next_links(state(outline("u1", "u2"), past, past, past, past), THREE)
    assert step == Stuck(reason="Unit u1 (Heading u1) is still missing after 4 calls. The answers ended early.")


def test_a_unit_that_was_left_out_beside_an_unusable_one_is_not_failed_by_it():
    pasts = (
        ended(part("u1", "u2", "u3"), "u1", errors=("u2: bad",)),
        ended(part("u2", "u3", kind=LinkKind.REPAIR), "u2", errors=("an id is missing",)),
    )
    (link,) = links_of(state(outline("u1", "u2", "u3"), *pasts, written=("u1", "u2")))
    assert link.unit_ids == ("u3",)


def test_a_chain_with_all_units_asks_for_the_closing():
    assert next_links(state(outline("u1"), ended(part("u1"), "u1"), written=("u1",)), THREE) == (CLOSING_LINK,)


def test_a_closing_taken_over_needs_no_earlier_link():
    assert next_links(state(outline("u1"), written=("u1",)), THREE) == (CLOSING_LINK,)


def test_a_second_request_for_a_closing_shows_the_error_and_gives_room():
    past = ended(CLOSING_LINK, errors=("overview: must not be empty",))
    (link,) = links_of(state(outline("u1"), past, written=("u1",)))
    assert link.errors == ("overview: must not be empty",)
    assert link.generous


def test_a_closing_shows_no_error_of_a_link_that_wrote_units():
    pasts = (ended(part("u1"), errors=("u1: bad",)), ended(part("u1", kind=LinkKind.REPAIR), "u1", errors=("odd",)))
    assert next_links(state(outline("u1"), *pasts, written=("u1",)), THREE) == (CLOSING_LINK,)


def test_two_unusable_closings_are_for_a_person():
    past = ended(CLOSING_LINK, truncated=True)
    assert next_links(state(outline("u1"), past, past, written=("u1",)), THREE) == Stuck(
        reason="No usable closing after 2 calls. The answers ended early."
    )


def test_a_chain_with_units_and_closing_is_finished():
    assert next_links(state(outline("u1"), written=("u1",), closing_written=True), THREE) == Finished()


def links_of(of: ChainState) -> tuple[Link, ...]:
    step = next_links(of, THREE)
    assert isinstance(step, tuple)
    return step


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


# A checked output is made good.


def remaking(*written: str, closing_written: bool = True, **rewrites: tuple[str, ...]) -> ChainState:
    """A chain that writes some parts of a finished output anew."""
    return ChainState(
        outline=outline("a", "b", "c"),
        written=frozenset(written),
        closing_written=closing_written,
        rewrites=rewrites,
    )


def test_parts_that_a_check_found_wrong_are_asked_for_with_what_was_wrong():
    links = next_links(remaking("a", b=("a quote is missing",), c=("it stops in a sentence",)), THREE)
    assert links == (
        Link(
            kind=LinkKind.REPAIR,
            unit_ids=("b", "c"),
            errors=("b: a quote is missing", "c: it stops in a sentence"),
        ),
    )


def test_a_closing_that_a_check_found_wrong_is_written_anew_with_what_was_wrong():
    links = next_links(remaking("a", "b", "c", closing_written=False, closing=("no such figure",)), THREE)
    assert links == (Link(kind=LinkKind.CLOSING, with_closing=True, errors=("no such figure",)),)


def test_a_part_whose_new_version_is_unusable_is_asked_for_once_more():
    again = part("b", kind=LinkKind.REPAIR)
    first = ChainState(
        outline=outline("a", "b"),
        written=frozenset({"a"}),
        closing_written=True,
        past=(ended(again, errors=("b: body: too short",)),),
        rewrites={"b": ("a quote is missing",)},
    )
    assert next_links(first, THREE) == (Link(kind=LinkKind.REPAIR, unit_ids=("b",), errors=("b: body: too short",)),)
