"""Chains in the middle of their work."""

from throughline.domain.chain import ChainState, Link, LinkKind, PartLimits, PastLink, next_links
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


def links_of(of: ChainState) -> tuple[Link, ...]:
    step = next_links(of, THREE)
    assert isinstance(step, tuple)
    return step
