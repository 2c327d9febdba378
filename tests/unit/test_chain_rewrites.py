"""Parts that a check found wrong are written anew."""

from tests.unit.chains import THREE, ended, outline, part
from throughline.domain.chain import ChainState, Link, LinkKind, next_links


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
