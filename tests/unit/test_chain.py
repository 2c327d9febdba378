"""Which links a chain sends first, from the outline to the closing."""

import pytest

from tests.unit.chains import ALL, CLOSING_LINK, OUTLINE_LINK, THREE, ended, links_of, outline, part, state
from throughline.domain.chain import Finished, Link, LinkKind, Stuck, next_links


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
