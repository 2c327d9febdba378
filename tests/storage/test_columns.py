"""Columns keep what was put into them: money to the last place, times aware, text whole."""

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, func, insert, select, type_coerce
from sqlalchemy.exc import StatementError

from storage.columns import CompressedText, Picodollars, UtcDateTime
from storage.engine import Engine, reading, transaction

PICODOLLAR = Decimal("1e-12")
MONEY, TIME, TEXT = Picodollars(), UtcDateTime(), CompressedText()
DIALECT: Any = None  # none of the types looks at it

samples = Table(
    "samples",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("usd", Picodollars),
    Column("at", UtcDateTime),
    Column("text", CompressedText),
)


@pytest.fixture
def shelf(ledger: Engine) -> Iterator[Engine]:
    """A ledger with a table more."""
    samples.create(ledger)
    yield ledger
    samples.drop(ledger)


def kept(engine: Engine, column: str, values: list[Any]) -> list[Any]:
    """The values after a trip to the database and back."""
    with transaction(engine) as tx:
        tx.execute(insert(samples), [{column: value} for value in values])
    with reading(engine) as tx:
        return list(tx.execute(select(samples.c[column]).order_by(samples.c.id)).scalars())


def test_money_is_exact_to_the_picodollar(shelf: Engine):
    amounts = [
        Decimal(amount) for amount in ("0", "1e-12", "0.000000005", "0.1", "3.141592653589", "1234567.000000000001")
    ]
    assert kept(shelf, "usd", [*amounts, None]) == [*amounts, None]


def test_sums_of_money_are_exact_in_the_database(shelf: Engine):
    """Ten times ten cents are a dollar there too."""
    kept(shelf, "usd", [Decimal("0.1")] * 10 + [PICODOLLAR])
    with reading(shelf) as tx:
        total = tx.execute(select(func.sum(samples.c.usd, type_=samples.c.usd.type))).scalar_one()
    assert total == 1 + PICODOLLAR


@given(st.decimals(min_value=0, max_value=9_000_000, places=18))
def test_a_cost_is_never_understated(usd: Decimal):
    stored = MONEY.process_result_value(MONEY.process_bind_param(usd, DIALECT), DIALECT)
    assert stored is not None
    assert usd <= stored < usd + PICODOLLAR


def test_a_time_comes_back_aware_and_the_same(shelf: Engine):
    times = [
        datetime(2026, 11, 22, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2))),
        datetime(2024, 2, 29, 0, 0, tzinfo=timezone(timedelta(hours=-11, minutes=-30))),
    ]
    found = kept(shelf, "at", [*times, None])
    assert found == [*times, None]
    assert [time.tzinfo for time in found[:-1]] == [UTC] * 3


def test_times_of_all_zones_sort_as_they_passed(shelf: Engine):
    early = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=10)))
    late = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    kept(shelf, "at", [late, early])
    with reading(shelf) as tx:
        assert list(tx.execute(select(samples.c.at).order_by(samples.c.at)).scalars()) == [early, late]


def test_a_time_without_a_zone_is_refused(shelf: Engine):
    with pytest.raises(StatementError, match="without a zone"):
        kept(shelf, "at", [datetime(2026, 11, 22)])  # noqa: DTZ001  # that is the mistake


def test_text_comes_back_as_it_was(shelf: Engine):
    texts = ["", "plain", "\x00 in the middle \x00", "a lone surrogate: \ud83d", "Grüße 你好 🚢", "line\r\nline\u2028"]
    assert kept(shelf, "text", [*texts, None]) == [*texts, None]


@given(st.text(st.characters(categories=None), max_size=200))
def test_any_text_survives(value: str):
    assert TEXT.process_result_value(TEXT.process_bind_param(value, DIALECT), DIALECT) == value


def test_text_that_an_earlier_version_stored_is_read(shelf: Engine):
    with transaction(shelf) as tx:
        old = type_coerce(zlib.compress("Grüße".encode(), level=1), LargeBinary)
        tx.execute(insert(samples).values(text=old))
    with reading(shelf) as tx:
        assert tx.execute(select(samples.c.text)).scalar_one() == "Grüße"


def test_long_text_is_stored_small(shelf: Engine):
    kept(shelf, "text", ["The harbour was surveyed again. " * 10_000])
    with reading(shelf) as tx:
        raw = tx.execute(select(type_coerce(samples.c.text, LargeBinary))).scalar_one()
    assert len(bytes(raw)) < 10_000
