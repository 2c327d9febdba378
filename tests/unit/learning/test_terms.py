"""What both paths take for an output whose length is known."""

from dataclasses import replace
from decimal import Decimal

import pytest

from benchmarks.worlds import KNOBS, TERMS
from throughline.domain.job import Path


def test_a_cut_single_pass_pays_and_waits_for_the_rest_by_the_chain():
    terms = replace(TERMS, single_cap_tokens=10_000)
    whole, cut = (terms.spent(Path.SINGLE_PASS, 1_000, tokens) for tokens in (10_000, 14_000))
    rest = terms.spent(Path.CHUNKED, 1_000, 4_000)
    assert cut.tokens_usd == pytest.approx(whole.tokens_usd + rest.tokens_usd)
    assert cut.hours == pytest.approx(whole.hours + rest.hours)


def test_a_chain_over_the_whole_corpus_pays_for_reading_it_again():
    again = replace(TERMS, reread_share=Decimal("0.1"))
    extra = again.chunked_tokens_usd(100_000, 40_000) - TERMS.chunked_tokens_usd(100_000, 40_000)
    assert extra == Decimal("0.04")  # 100,000 tokens x 0.1 x 2 further links x $2 a million


def test_waiting_has_its_price_in_the_total():
    spent = TERMS.spent(Path.SINGLE_PASS, 1_000, 64_000)
    assert spent.hours == pytest.approx(1.0)
    assert spent.total_usd(KNOBS) == pytest.approx(spent.tokens_usd + KNOBS.waiting_usd_per_hour)
