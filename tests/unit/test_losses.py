"""When a link that was lost again and again waits for a person."""

from decimal import Decimal

import pytest

from tests.unit.chains import CLOSING_LINK, OUTLINE_LINK, part
from throughline.domain.chain import Link, LinkKind
from throughline.domain.losses import LOSSES, PaidLink, lost_too_often

LINK = part("u1", "u2")


def lost(link: Link = LINK, *delivered: str) -> PaidLink:
    return PaidLink(link=link, lost=True, delivered=frozenset(delivered), at_most_usd=Decimal("0.1"))


def answered(link: Link = LINK) -> PaidLink:
    return PaidLink(link=link, lost=False, delivered=frozenset(), at_most_usd=Decimal("0.1"))


def test_a_link_lost_so_often_in_a_row_waits_for_a_person_who_is_told_what_was_lost():
    assert lost_too_often(LINK, [lost()] * (LOSSES - 1)) is None
    said = lost_too_often(LINK, [lost()] * LOSSES)
    assert said is not None
    assert "(for units u1 to u2) was lost 5 times in a row" in said
    assert "can have cost $0.5000" in said


@pytest.mark.parametrize(
    "between",
    [
        pytest.param(answered(), id="an answer that came"),
        pytest.param(lost(LINK, "u1"), id="a loss of which a unit was kept"),
    ],
)
def test_only_losses_in_a_row_and_in_vain_count(between: PaidLink):
    assert lost_too_often(LINK, [lost(), lost(), between, *[lost()] * (LOSSES - 1)]) is None


def test_losses_of_other_links_between_change_nothing():
    others = [lost(part("u3")), answered(CLOSING_LINK), lost(part("u1"))]
    paid = [each for _ in range(LOSSES) for each in (lost(), *others)]
    assert lost_too_often(LINK, paid) is not None
    assert lost_too_often(CLOSING_LINK, paid) is None


def test_a_link_is_the_same_whatever_its_kind_and_whatever_errors_it_shows():
    repair = Link(kind=LinkKind.REPAIR, unit_ids=LINK.unit_ids, errors=("u1: no body",), generous=True)
    assert lost_too_often(repair, [lost()] * LOSSES) is not None


@pytest.mark.parametrize(
    ("link", "told"),
    [(part("u7"), "for unit u7"), (OUTLINE_LINK, "for the outline"), (CLOSING_LINK, "for the closing")],
)
def test_the_request_is_told_by_what_it_asks_for(link: Link, told: str):
    said = lost_too_often(link, [lost(link)] * LOSSES)
    assert said is not None
    assert f"({told})" in said
