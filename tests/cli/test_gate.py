"""The gate on the command line: a run that stops for a person says where to read, and the word is given once."""

from typing import Any

import pytest

from tests.cli.support import Shell
from tests.faults.support import book

ASK = ("run", "book.md", "--kind", "summary", "--path", "chunked", "--review", "always", "--simulate")


def test_a_run_that_stops_for_a_person_exits_with_3_and_prints_the_pages_address(shell: Shell):
    book(shell.folder, 2)
    ended = shell.throughline(*ASK)
    job = shell.throughline("list", "--json").object["jobs"][0]
    assert ended.code == 3
    assert f"http://127.0.0.1:8420/jobs/{job['job_id']}" in ended.stdout
    assert "throughline review serves this page" in " ".join(ended.stdout.split())
    assert "Approve it as it is, reject it, or run it again (single pass about $" in " ".join(ended.stdout.split())


def test_in_json_the_pages_address_is_the_review_url(shell: Shell):
    book(shell.folder, 2)
    ended = shell.throughline(*ASK, "--json")
    assert ended.code == 3
    assert ended.object["review_url"] == f"http://127.0.0.1:8420/jobs/{ended.object['job_id']}"


def test_a_second_decision_is_refused_in_one_sentence(shell: Shell):
    job = asked(shell)["job_id"]
    assert shell.throughline("decide", job, "approve", "--reviewer", "Ada").code == 0
    late = shell.throughline("decide", job, "reject")
    assert late.code == 2
    assert "was decided already: approve by Ada" in late.stderr
    assert shell.throughline("show", job, "--json").object["status"] == "done"


@pytest.mark.parametrize(
    "options", [("approve", "--note", "x"), ("reject", "--budget-usd", "2"), ("reject", "--attempt", "x")]
)
def test_what_is_meant_for_another_choice_decides_nothing(shell: Shell, options: tuple[str, ...]):
    job = asked(shell)["job_id"]
    ended = shell.throughline("decide", job, *options)
    assert (ended.code, "Nothing was decided." in ended.stderr) == (2, True)
    assert shell.throughline("show", job, "--json").object["status"] == "escalated"


@pytest.mark.parametrize("minutes", ["nan", "inf", "1e308", "-1"])
def test_minutes_that_no_person_reads_decide_nothing_and_reach_no_report(shell: Shell, minutes: str):
    job = asked(shell)["job_id"]
    ended = shell.throughline("decide", job, "approve", "--minutes", minutes)
    assert (ended.code, ended.stderr.count("\n"), "--minutes" in ended.stderr) == (2, 1, True)
    assert shell.throughline("show", job, "--json").object["status"] == "escalated"
    assert shell.throughline("report", "--simulated").code == 0


def test_a_simulated_job_is_not_run_again_for_money(shell: Shell):
    job = asked(shell)["job_id"]
    refused = shell.throughline("decide", job, "rerun")
    assert (refused.code, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert "it would be real and paid. Give --simulate. Nothing was decided." in refused.stderr
    (left,) = shell.throughline("list", "--json").object["jobs"]
    assert (left["job_id"], left["status"]) == (job, "escalated")


def test_the_command_that_a_rerun_tells_runs_it(shell: Shell):
    job = asked(shell)["job_id"]
    told = shell.throughline("decide", job, "rerun", "--simulate").stdout.rpartition("throughline ")[2].split()
    ran = shell.throughline(*told, "--json").object
    assert (told[0], told[2], ran["simulated"], ran["status"]) == ("resume", "--simulate", True, "escalated")


def test_what_was_decided_is_told_with_who_decided_and_why(shell: Shell):
    job = asked(shell)["job_id"]
    assert shell.throughline("decide", job, "approve", "--reviewer", "Ada", "--reason", "reads well").code == 0
    assert "\nApproved by Ada. reads well\n" in shell.throughline(*ASK).stdout
    assert "\nApproved by Ada. reads well\n" in shell.throughline("resume", job, "--simulate").stdout


def asked(shell: Shell) -> dict[str, Any]:
    """A job that waits for a person."""
    book(shell.folder, 2)
    return shell.throughline(*ASK, "--json").object
