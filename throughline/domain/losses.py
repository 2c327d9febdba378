"""Links whose answers are lost again and again: a person is asked before the same is paid once more.

A stream breaks off, or a process dies, by chance, and the link is sent again. An answer that ends whoever reads it is
lost each time, and each time paid. Only what happened to one and the same link tells the two apart, over all runs
of its chain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile

from throughline.domain.chain import Link, LinkKind

LOSSES = 5
"""So many answers to one link, lost in a row and without a unit that was kept, are no chance any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidLink:
    """A link that was sent and answered or lost: what is kept of it, and the most that it can have cost."""

    link: Link
    lost: bool
    delivered: frozenset[str]
    at_most_usd: Decimal


def lost_too_often(link: Link, paid: Sequence[PaidLink]) -> str | None:
    """Why this link is not sent again without a person; None while it may be. `paid` is in order."""
    same = [each for each in paid if _asked(each.link) == _asked(link)]
    in_vain = list(takewhile(lambda each: each.lost and not each.delivered, reversed(same)))
    if len(in_vain) < LOSSES:
        return None
    at_most_usd = sum((each.at_most_usd for each in in_vain), Decimal(0))
    return (
        f"The answer to one request ({_told(link)}) was lost {len(in_vain)} times in a row and nothing of it was kept, "
        f"which can have cost ${at_most_usd:.4f}: perhaps it ends whoever reads it. Look at what ended its workers "
        "(their log, their memory), then run the job again: it goes on from there, and pays for this request once more."
    )


def _asked(link: Link) -> tuple[bool, tuple[str, ...], bool]:
    """What a link asks for, however it asks."""
    return link.with_outline, link.unit_ids, link.with_closing


def _told(link: Link) -> str:
    if link.kind in (LinkKind.OUTLINE, LinkKind.CLOSING):
        return f"for the {link.kind}"
    first, last = link.unit_ids[0], link.unit_ids[-1]
    return f"for unit {first}" if first == last else f"for units {first} to {last}"
