"""What is learned, as commands tell it: calibrate over a ledger, replay over a log."""

import random
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import Ended, Shell
from tests.cli.test_bad_input import assert_refused
from tests.faults.support import book
from tests.servers import Simulator

SUMMARY = ("--kind", "summary", "--depth", "exhaustive")
HEAD = "time,input_tokens,output_tokens,kind,truncated"


def log(folder: Path, *, rows: int = 60, head: str = HEAD, line: str = "") -> str:
    """A log of two kinds, one of them long."""
    draw = random.Random(1)
    lines = [head]
    for place in range(rows):
        kind, typical = draw.choice((("chat", 800), ("report", 60_000)))
        tokens = round(typical * draw.lognormvariate(0, 0.3))
        lines.append(
            f"2026-01-{1 + place // 24:02d}T{place % 24:02d}:00:00Z,{draw.randint(100, 9_000)},{tokens},{kind},0"
        )
    (folder / "log.csv").write_text("\n".join([*lines, line] if line else lines) + "\n")
    return "log.csv"


def ok(ended: Ended) -> Any:  # Any: JSON
    assert (ended.code, ended.stderr) == (0, "")
    return ended.object


# All is well.


def test_a_replay_tells_how_the_sizes_were_foreseen_and_what_the_choices_cost(shell: Shell):
    """It asks no API and opens no ledger."""
    ended = shell.throughline("replay", log(shell.folder), "--plots", "drawings")
    drawn = ["drawings/replay-coverage.svg", "drawings/replay-regret.svg"]
    assert (ended.code, ended.stderr) == (0, "".join(f"drawn: {file}\n" for file in drawn))
    assert all((shell.folder / file).read_text().startswith("<svg") for file in drawn)
    assert ended.stdout.startswith("60 requests of log.csv, at today's prices of claude-sonnet-5-5\n")
    assert "the 90 % bound" in ended.stdout
    assert "always single_pass" in ended.stdout
    assert "cost: actual / planned" in ended.stdout
    assert "What it cannot show: quality" in ended.stdout
    assert shell.job_rows() == 0


def test_a_replay_as_json_counts_the_same(shell: Shell):
    found = ok(shell.throughline("replay", log(shell.folder), "--model", "claude-opus-5-5", "--json"))
    assert (found["model"], found["requests"], found["routing"]["jobs"]) == ("claude-opus-5-5", 60, 60)
    assert found["sizes"]["overall"]["known"] + found["sizes"]["no_bound_yet"] == 60
    assert float(found["routing"]["router"]["total_usd"]) >= float(found["routing"]["better_path_usd"])


def test_calibrate_tells_both_worlds_apart(with_key: Shell):
    for number in range(2):
        file = book(with_key.folder, 2, f"book{number}.md", sea=f"sea {number}")
        ok(with_key.throughline("run", file, *SUMMARY, "--path", "both", "--json"))
    found = ok(with_key.throughline("calibrate", "--json"))
    assert found["real"] is None
    assert (found["simulated"]["attempts"], found["simulated"]["routing"]["jobs"]) == (4, 2)
    drawn = with_key.throughline("calibrate", "--plots", "drawings")
    told = drawn.stdout
    assert drawn.stderr == "drawn: drawings/simulated-regret.svg\n"  # too few attempts for a bound
    assert (with_key.folder / "drawings/simulated-regret.svg").read_text().startswith("<svg")
    assert told.startswith("4 finished attempts (simulated: lengths and times are the stand-in's)")
    assert "cost: actual / planned" in told


def test_calibrate_tells_of_simulated_jobs_alone_where_it_is_asked_to(with_key: Shell):
    ok(with_key.throughline("run", book(with_key.folder, 2), *SUMMARY, "--path", "chunked", "--json"))
    found = ok(with_key.throughline("calibrate", "--simulated", "--json"))
    assert list(found) == ["simulated"]
    assert found["simulated"]["attempts"] == 1


def test_calibrate_of_an_empty_ledger_says_how_to_begin(shell: Shell):
    ended = shell.with_ledger().throughline("calibrate")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout == "No attempt has finished yet. Start one: throughline run FILE --kind summary --simulate\n"
    assert ok(shell.throughline("calibrate", "--json")) == {"real": None, "simulated": None}


def test_a_sensitive_job_runs_one_path_however_much_is_explored(with_key: Shell, simulator: Simulator):
    explore = {"THROUGHLINE_EXPLORE_SHARE": "1", "THROUGHLINE_EXPLORE_DAILY_USD": "9"}
    file = book(with_key.folder, 2)
    drawn = ok(with_key.throughline("plan", file, *SUMMARY, "--json", **explore))
    kept = ok(with_key.throughline("plan", file, *SUMMARY, "--sensitive", "--json", **explore))
    assert (drawn["plan"]["run_both"], kept["plan"]["run_both"]) == (True, False)
    assert kept["plan"]["exploration"]["reason"] == "the job is marked sensitive"


def test_the_knobs_of_one_job_go_before_the_settings(with_key: Shell):
    file = book(with_key.folder, 2)
    settings = {"THROUGHLINE_WAITING_USD_PER_HOUR": "3", "THROUGHLINE_RISK_OF_CUT": "0.2"}
    knobs = ("--review-usd-per-hour", "90", "--waiting-usd-per-hour", "$7.50")
    told = ok(with_key.throughline("plan", file, *SUMMARY, *knobs, "--json", **settings))["plan"]["assumptions"]
    assert (told["review_usd_per_hour"], told["waiting_usd_per_hour"], told["risk_of_cut"]) == ("90", "7.50", "0.2")


def test_other_knobs_make_no_other_job(with_key: Shell):
    """A job that is finished is not paid again because waiting has another price today."""
    file = book(with_key.folder, 1)
    first = ok(with_key.throughline("run", file, *SUMMARY, "--json"))
    again = with_key.throughline("run", file, *SUMMARY, "--waiting-usd-per-hour", "9", "--json")
    assert (again.code, again.object["job_id"]) == (0, first["job_id"])
    assert again.stderr == "This job is finished already; --again starts it anew.\n"


# What is wrong.


@pytest.mark.parametrize(
    ("head", "line", "says"),
    [
        pytest.param("when,input_tokens,output_tokens", "", "has no column time", id="a column is missing"),
        pytest.param(HEAD, "2026-01-09,many,5,chat,0", "Line 62 of the log cannot be read", id="a line is no number"),
        pytest.param(HEAD, "2026-01-09,1,5,chat,perhaps", "truncated is 'perhaps', neither 1 nor 0", id="an odd mark"),
        pytest.param(HEAD, "2026-01-09,1,000,5,chat,0", "more cells than the log has columns", id="a cell is split"),
    ],
)
def test_a_log_that_cannot_be_read_is_named(shell: Shell, head: str, line: str, says: str):
    assert_refused(shell.throughline("replay", log(shell.folder, head=head, line=line)), says)


def test_a_folder_that_cannot_be_written_is_named(with_key: Shell):
    (with_key.folder / "taken").write_text("a file")
    ended = with_key.with_ledger().throughline("calibrate", "--plots", "taken")
    assert_refused(ended, "The drawings cannot be written to taken: File exists")


def test_a_log_that_is_not_there_is_named(shell: Shell):
    assert_refused(shell.throughline("replay", "nowhere.csv"), "nowhere.csv cannot be read: No such file or directory")


def test_a_log_without_rows_is_refused(shell: Shell):
    (shell.folder / "log.csv").write_text(HEAD + "\n")
    assert_refused(shell.throughline("replay", "log.csv"), "The log has no rows below its first line")


def test_a_log_that_is_no_text_is_named(shell: Shell):
    (shell.folder / "log.csv").write_bytes(b"time,\xff\xfe\n")
    assert_refused(shell.throughline("replay", "log.csv"), "log.csv is not UTF-8 text")


@pytest.mark.parametrize(
    ("name", "value"),
    [("RISK_OF_CUT", "0"), ("RISK_OF_CUT", "1"), ("EXPLORE_SHARE", "1.5"), ("EXPLORE_DAILY_USD", "-1")],
)
def test_a_knob_beyond_its_range_is_named(shell: Shell, name: str, value: str):
    book(shell.folder, 1)
    variable = f"THROUGHLINE_{name}"
    assert_refused(shell.throughline("plan", "book.md", *SUMMARY, **{variable: value}), variable)
