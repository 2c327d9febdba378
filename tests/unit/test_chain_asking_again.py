"""How units that are missing are asked for again, and when they are for a person."""

from tests.unit.chains import ALL, THREE, ended, links_of, outline, part, state
from throughline.domain.chain import Link, LinkKind, Stuck, next_links


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
