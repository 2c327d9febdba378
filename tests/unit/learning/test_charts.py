"""The drawings of the report: every row with its interval, every policy with its regret, and no markup from names."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from benchmarks import worlds
from benchmarks.replays import replay_log
from benchmarks.worlds import KNOBS, TERMS
from throughline.domain.learning.charts import coverage_chart, regret_chart
from throughline.domain.learning.replay import replay
from throughline.domain.learning.report import Trial, size_report, trial

SVG = "{http://www.w3.org/2000/svg}"
REPLAYED = replay(replay_log(60, seed=1), TERMS, KNOBS)


def trials(kind: str) -> list[Trial]:
    found = worlds.outcomes("light tails", 60, 0)
    return [replace(trial(outcome.forecast, outcome.observation), kind=kind) for outcome in found]


def test_each_group_that_is_known_is_a_point_with_its_interval():
    report = size_report(trials("summary"))
    rows = [report.overall, *report.by_kind, *report.by_size_class, *report.over_time]
    drawn = ET.fromstring(coverage_chart(report))
    assert len(drawn.findall(f".//{SVG}circle")) == len([row for row in rows if row.known])
    told = [title.text for title in drawn.findall(f"{SVG}g/{SVG}title")]
    assert told[0] == (
        f"overall: {report.overall.held} of {report.overall.known} held, "
        f"{report.overall.low:.1%} to {report.overall.high:.1%}"
    )


def test_the_point_stands_within_its_interval():
    drawn = ET.fromstring(coverage_chart(size_report(trials("summary"))))
    for row in drawn.findall(f"{SVG}g"):
        point, line = row.find(f"{SVG}circle"), row.find(f"{SVG}path")
        assert point is not None
        assert line is not None
        low, high = (float(x) for x in re.findall(r"M([\d.]+) .*H([\d.]+)", line.get("d", ""))[0])
        assert low <= float(point.get("cx", "nan")) <= high


def test_a_kind_of_somebody_elses_log_makes_no_markup():
    assert "<script>" not in coverage_chart(size_report(trials("<script>")))


def test_each_policy_is_a_bar_as_long_as_its_regret():
    drawn = ET.fromstring(regret_chart(REPLAYED.routing))
    widths = [float(bar.get("width", "nan")) for bar in drawn.findall(f"{SVG}rect")]
    routing = REPLAYED.routing
    assert len(widths) == 6
    shares = routing.always_single.regret_share, routing.always_chunked.regret_share
    assert widths[2] / widths[3] == pytest.approx(shares[0] / shares[1], rel=0.01)
    assert (widths[0] < widths[2]) == (routing.router.regret_share < routing.always_single.regret_share)


def test_without_any_job_there_is_nothing_to_scale_by():
    empty = replay([], TERMS, KNOBS).routing
    assert regret_chart(empty).count('width="0.0"') == 6
