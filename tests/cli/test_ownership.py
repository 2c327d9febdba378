"""`throughline report`: one table, exact in CSV and JSON, real and simulated never together."""

import csv
import io
import json
from decimal import Decimal

import pytest

from tests.cli.support import Shell
from tests.servers import Simulator


def a_job(shell: Shell) -> None:
    (shell.folder / "note.md").write_text("# Harbour\n\nThe harbour opens at six in the morning.\n")
    assert shell.throughline("run", "note.md", "--kind", "summary", "--path", "both").code == 0


def test_the_table_is_the_bill(with_key: Shell, simulator: Simulator):
    a_job(with_key)
    told = with_key.throughline("report", "--simulated", "--by", "kind", "--format", "json").object
    assert Decimal(told["total"]["paid_usd"]) == Decimal(simulator.bill()["total_usd"])
    rows = list(csv.DictReader(io.StringIO(with_key.throughline("report", "--simulated", "--format", "csv").stdout)))
    assert sum(Decimal(row["paid_usd"]) for row in rows) == Decimal(simulator.bill()["total_usd"])
    assert [row["path"] for row in rows] == ["chunked", "single_pass"]


def test_simulated_jobs_are_shown_only_when_asked_for(with_key: Shell):
    a_job(with_key)
    ended = with_key.throughline("report")
    assert ended.code == 0
    assert ended.stdout == "No real job spent anything; 1 simulated did: ask with --simulated.\n"
    assert json.loads(with_key.throughline("report", "--format", "json").stdout)["rows"] == []
    assert "| chunked | 1 |" in with_key.throughline("report", "--simulated").stdout


def test_a_file_takes_the_table(with_key: Shell):
    a_job(with_key)
    ended = with_key.throughline("report", "--simulated", "--format", "html", "-o", "cost.html")
    assert ended.stdout == "cost.html: 2 rows\n"
    assert "<table>" in (with_key.folder / "cost.html").read_text()


def test_an_empty_ledger_says_how_to_begin(shell: Shell):
    assert "Nothing was spent" in shell.with_ledger().throughline("report").stdout


@pytest.mark.parametrize("since", ["yesterday-ish", "0d", "2026-13-01"])
def test_a_time_that_is_not_understood_is_one_sentence(shell: Shell, since: str):
    ended = shell.throughline("report", "--since", since)
    assert ended.code == 2
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("since", ["2026-01-01", "7d", "2026-01-01T12:00+02:00"])
def test_a_time_may_be_a_date_or_how_long_ago(with_key: Shell, since: str):
    a_job(with_key)
    told = with_key.throughline("report", "--simulated", "--since", since, "--format", "json").object
    assert told["total"]["jobs"] == 1


def test_a_time_to_come_has_nothing(with_key: Shell):
    a_job(with_key)
    assert "Nothing was spent" in with_key.throughline("report", "--simulated", "--since", "2999-01-01").stdout
