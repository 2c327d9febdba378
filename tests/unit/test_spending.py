"""List price, discounts and waste are one sum taken apart: nothing is lost between them, whatever was sent."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.models import MODELS
from throughline.domain.pricing import BAND_STARTS, Usage, price
from throughline.domain.spending import Group, Spent, by_key, spent, summed

DAY = date(2026, 11, 22)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
GROUP = Group(
    key=("summary",),
    model="claude-opus-5-5",
    day=DAY,
    batch=False,
    listed=True,
    fruitless=False,
    calls=1,
    longest_prompt_tokens=1_000,
    input_tokens=1_000,
    cache_read_tokens=0,
    cache_write_tokens=0,
    output_tokens=500,
    thinking_tokens=0,
    wasted_tokens=0,
    paid_usd=Decimal("0.014"),
    unknown_usd=Decimal(0),
)
amounts = st.integers(0, 300_000)
usages = st.builds(
    Usage, input_tokens=amounts, output_tokens=amounts, cache_read_tokens=amounts, cache_write_5m_tokens=amounts
)


def of_request(usage: Usage, model: str, *, batch: bool) -> Group:
    return replace(
        GROUP,
        model=model,
        batch=batch,
        longest_prompt_tokens=usage.prompt_tokens,
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        paid_usd=price(usage, model, batch=batch, at=NOON).usd,
    )


@settings(max_examples=50)
@given(usages, st.sampled_from(sorted(MODELS)), st.booleans())
def test_list_less_both_discounts_is_what_was_paid(usage: Usage, model: str, batch: bool):
    found = spent(of_request(usage, model, batch=batch))
    assert found.list_usd - found.batch_discount_usd - found.cache_discount_usd == found.paid_usd


@settings(max_examples=50)
@given(usages, st.sampled_from(sorted(MODELS)), st.booleans())
def test_the_list_price_is_that_of_the_same_tokens_outside_a_batch_and_uncached(usage: Usage, model: str, batch: bool):
    plain = Usage(input_tokens=usage.prompt_tokens, output_tokens=usage.output_tokens)
    assert spent(of_request(usage, model, batch=batch)).list_usd == price(plain, model, batch=False, at=NOON).usd


@settings(max_examples=30)
@given(st.lists(usages, min_size=2, max_size=5), st.sampled_from(sorted(MODELS)))
def test_requests_of_one_price_band_may_be_summed_before_they_are_priced(given_usages: list[Usage], model: str):
    bands: dict[int, list[Usage]] = {}
    for usage in given_usages:
        bands.setdefault(sum(usage.prompt_tokens > start for start in BAND_STARTS), []).append(usage)
    for alike in bands.values():
        together = replace(
            of_request(sum(alike, Usage()), model, batch=False),
            longest_prompt_tokens=max(usage.prompt_tokens for usage in alike),
        )
        apart = [spent(of_request(usage, model, batch=False)).list_usd for usage in alike]
        assert spent(together).list_usd == sum(apart)


def test_every_price_band_of_the_table_starts_where_sums_are_kept_apart():
    for model in MODELS:
        prompts = [1, *(start + 1 for start in BAND_STARTS)]
        for low, high in zip(prompts, [*BAND_STARTS, 900_000], strict=True):
            few, many = (price(Usage(input_tokens=n), model, batch=False, at=NOON).usd / n for n in (low, high))
            assert few == many, model


def test_a_batch_discount_is_half_of_the_price():
    found = spent(replace(GROUP, batch=True, paid_usd=Decimal("0.007")))
    assert (found.list_usd, found.batch_discount_usd) == (Decimal("0.014"), Decimal("0.007"))


def test_a_cache_that_was_written_and_not_read_has_a_negative_discount():
    usage = Usage(cache_write_5m_tokens=10_000)
    assert spent(of_request(usage, "claude-opus-5-5", batch=False)).cache_discount_usd < 0


def test_wasted_tokens_cost_what_output_tokens_cost_on_their_way():
    wasted = spent(replace(GROUP, wasted_tokens=100)).wasted_usd
    in_a_batch = spent(replace(GROUP, wasted_tokens=100, batch=True)).wasted_usd
    assert (wasted, in_a_batch) == (Decimal("0.002"), Decimal("0.001"))


def test_an_attempt_that_brought_nothing_is_wasted_whole():
    found = spent(replace(GROUP, fruitless=True))
    assert (found.wasted_usd, found.wasted_tokens) == (GROUP.paid_usd, GROUP.output_tokens)


def test_waste_is_never_more_than_what_was_paid():
    assert spent(replace(GROUP, wasted_tokens=10_000)).wasted_usd == GROUP.paid_usd


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(replace(GROUP, listed=False, batch=True), id="an own endpoint"),
        pytest.param(replace(GROUP, model="forgotten-model"), id="a model that the table has forgotten"),
    ],
)
def test_without_a_list_price_what_was_paid_stands_in(group: Group):
    found = spent(group)
    assert (found.list_usd, found.batch_discount_usd, found.cache_discount_usd) == (group.paid_usd, 0, 0)


def test_without_a_price_waste_is_its_share_of_what_was_paid():
    found = spent(replace(GROUP, listed=False, wasted_tokens=150))
    assert found.wasted_usd == Decimal("0.0014")


def test_what_nobody_knows_yet_is_in_no_sum():
    found = spent(replace(GROUP, unknown_usd=Decimal(9)))
    assert (found.paid_usd, found.unknown_usd) == (GROUP.paid_usd, Decimal(9))


def test_groups_of_one_key_are_one_row():
    other = replace(GROUP, key=("synthesis",))
    found = by_key([GROUP, other, GROUP])
    assert list(found) == [("summary",), ("synthesis",)]
    assert found["summary",] == spent(GROUP) + spent(GROUP)


def test_a_sum_over_nothing_is_nothing():
    assert summed([]) == Spent()
    assert all(getattr(Spent(), field.name) == 0 for field in fields(Spent))
