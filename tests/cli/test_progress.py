"""The line about a running job: units by path, so that no figure is larger than what was planned."""

from decimal import Decimal

import pytest

from storage.reports import Progress
from tests.unit.plans import case
from throughline.cli.progress import told
from throughline.domain.job import Path, PathChoice
from throughline.domain.plan import Plan
from throughline.domain.routing import make_plan


def planned(path: PathChoice) -> Plan:
    return make_plan(case(path=path))


@pytest.mark.parametrize(
    ("path", "units", "expected"),
    [
        pytest.param(PathChoice.CHUNKED, {}, "chunked 0 of {n} units;", id="not begun"),
        pytest.param(PathChoice.CHUNKED, {Path.CHUNKED: 3}, "chunked 3 of {n} units;", id="one path"),
        pytest.param(
            PathChoice.BOTH,
            {Path.CHUNKED: 7, Path.SINGLE_PASS: 9},
            "single_pass 9 of {n} units, chunked 7 of {n} units;",
            id="both paths",
        ),
        pytest.param(
            PathChoice.CHUNKED,
            {Path.CHUNKED: 7, Path.SINGLE_PASS: 1},
            "single_pass 1 of {n} units, chunked 7 of {n} units;",
            id="a path that was not planned",
        ),
    ],
)
def test_each_path_is_told_by_its_own_units(path: PathChoice, units: dict[Path, int], expected: str):
    of = planned(path)
    now = Progress(units=units, calls_done=2, calls_open=1, output_tokens=1_500, cost_usd=Decimal("0.5"))
    line = told(now, of)
    assert line.startswith(expected.format(n=of.size.units))
    assert line.endswith("; 2 calls done, 1 open, 1,500 output tokens, $0.5000")
