"""Each fault of the table is paid once, loses nothing, ends well, and is told as what it is."""

from collections.abc import Iterator

import pytest

from tests.chaos.fault_table import HEADER, ROWS, Bench, Row
from tests.chaos.results import RESULTS

pytestmark = pytest.mark.chaos


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench.opened() as bench:
        yield bench


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_a_fault_is_paid_once_and_told_as_it_is(row: Row, bench: Bench):
    measured = bench.measure(row)
    RESULTS.add("Faults", HEADER, measured.cells())
    assert not measured.wrong
    assert (measured.paid, measured.twice, measured.lost) == (row.paid, 0, 0)
    assert set(measured.statuses) == {"done"}
    assert measured.told.is_true, measured.told.label
