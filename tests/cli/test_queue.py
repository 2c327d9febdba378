"""The queue by hand: submit, sweep, collect, cancel and resume; what they print and their exit codes."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import Ended, Shell
from tests.cli.test_bad_input import assert_refused
from tests.faults.support import book
from tests.servers import Simulator

SINGLE = ("--kind", "summary", "--depth", "exhaustive", "--path", "single_pass")
CHUNKED = ("--kind", "summary", "--depth", "exhaustive", "--path", "chunked")


def submit(shell: Shell, name: str, *options: str, chapters: int = 2, **variables: str) -> str:
    """Queue a job over a book of that name; returns its id."""
    book(shell.folder, chapters, name, sea=name)
    ended = shell.throughline("submit", name, *options, "--json", **variables)
    assert (ended.code, ended.stderr) == (0, "")
    return ended.object["job_id"]


def status(shell: Shell, job: str) -> str:
    """What the ledger says; quicker than another command."""
    connection = sqlite3.connect(shell.folder / ".throughline" / "throughline.db")
    try:
        return connection.execute("SELECT status FROM jobs WHERE id = ?", (job,)).fetchone()[0]
    finally:
        connection.close()


def done(ended: Ended) -> Any:  # Any: the counts as JSON
    assert ended.code == 0, ended.stderr
    return ended.object


# All is well.


def test_submit_queues_a_job_and_sends_nothing(with_key: Shell, simulator: Simulator):
    book(with_key.folder, 2)
    ended = with_key.throughline("submit", "book.md", *SINGLE)
    assert (ended.code, ended.stderr) == (0, "")
    assert " is queued. Follow it with: throughline show " in ended.stdout
    assert simulator.requests("POST") == []
    assert with_key.job_rows() == 1


def test_submit_json_prints_one_object(with_key: Shell):
    book(with_key.folder, 2)
    ended = with_key.throughline("submit", "book.md", *SINGLE, "--json")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.count("\n") == 1
    assert (ended.object["status"], ended.object["simulated"]) == ("queued", True)
    assert status(with_key, ended.object["job_id"]) == "queued"


def test_sweep_collect_and_sweep_bring_jobs_to_their_end(with_key: Shell, simulator: Simulator):
    first, second = submit(with_key, "a.md", *SINGLE), submit(with_key, "b.md", *SINGLE)
    chain = submit(with_key, "c.md", *CHUNKED)
    swept = done(with_key.throughline("sweep", "--json"))
    assert (swept["claimed"], swept["batches"], swept["sent"], swept["carried_out"], swept["failed"]) == (3, 1, 2, 1, 0)
    assert [status(with_key, job) for job in (first, second, chain)] == ["waiting", "waiting", "done"]
    collected = done(with_key.throughline("collect", "--json"))
    assert (collected["open"], collected["ingested"], collected["requeued"], collected["troubled"]) == (1, 1, 2, 0)
    assert done(with_key.throughline("sweep", "--json"))["carried_out"] == 2
    assert [status(with_key, job) for job in (first, second, chain)] == ["done"] * 3
    assert simulator.bill()["batches_created"] == 1


def test_without_json_a_round_is_told_in_a_sentence(with_key: Shell):
    submit(with_key, "a.md", *SINGLE)
    swept, collected = with_key.throughline("sweep"), with_key.throughline("collect")
    assert (swept.code, swept.stdout) == (0, "1 queued job taken: 1 sent in 1 batch.\n")
    assert (collected.code, collected.stdout) == (
        0,
        "1 open batch looked at: 1 brought in. Jobs: 1 queued to go on (throughline sweep).\n",
    )
    assert with_key.throughline("sweep").stdout == "1 queued job taken: 1 carried out here.\n"
    assert with_key.throughline("sweep").stdout == "Nothing is queued.\n"
    assert with_key.throughline("collect").stdout == "0 open batches looked at.\n"


def test_sweep_takes_no_more_than_its_limit(with_key: Shell):
    jobs = [submit(with_key, f"{name}.md", *SINGLE) for name in "ab"]
    assert done(with_key.throughline("sweep", "--limit", "1", "--json"))["claimed"] == 1
    assert [status(with_key, job) for job in jobs] == ["waiting", "queued"]


def test_an_empty_queue_is_swept_and_collected_without_a_word_of_trouble(with_key: Shell, simulator: Simulator):
    assert set(done(with_key.throughline("sweep", "--json")).values()) == {0}
    assert set(done(with_key.throughline("collect", "--json")).values()) == {0}
    assert simulator.requests("POST") == []


# Submitting again.


def test_the_same_request_again_is_the_same_job_wherever_it_stands(with_key: Shell):
    job = submit(with_key, "a.md", *SINGLE)
    again = ("submit", "a.md", *SINGLE, "--json")
    assert with_key.throughline(*again).object == {"job_id": job, "status": "queued", "simulated": True}
    with_key.throughline("sweep")
    assert with_key.throughline(*again).object["status"] == "waiting"
    with_key.throughline("resume", job)
    ended = with_key.throughline(*again)
    assert (ended.code, ended.object["status"], ended.object["job_id"]) == (0, "done", job)
    assert with_key.job_rows() == 1


def test_again_makes_a_new_job(with_key: Shell):
    job = submit(with_key, "a.md", *SINGLE)
    assert submit(with_key, "a.md", *SINGLE, "--again") != job
    assert with_key.job_rows() == 2


def test_a_job_that_failed_is_queued_again(with_key: Shell, simulator: Simulator):
    simulator.faults("messages", "status", status=400)
    job = submit(with_key, "a.md", *CHUNKED)
    assert done(with_key.throughline("sweep", "--json"))["failed"] == 1
    assert status(with_key, job) == "failed"
    assert submit(with_key, "a.md", *CHUNKED) == job
    assert done(with_key.throughline("sweep", "--json"))["carried_out"] == 1
    assert status(with_key, job) == "done"


# Cancel and resume.


def test_a_cancelled_job_is_not_sent_and_resume_goes_on_with_it(with_key: Shell, simulator: Simulator):
    job = submit(with_key, "a.md", *CHUNKED)
    cancelled = with_key.throughline("cancel", job)
    assert (cancelled.code, cancelled.stderr) == (0, "")
    assert cancelled.stdout.startswith(f"Job {job} is cancelled.")
    assert f"throughline resume {job}" in cancelled.stdout
    assert done(with_key.throughline("sweep", "--json"))["claimed"] == 0
    assert simulator.requests("POST") == []
    assert status(with_key, job) == "cancelled"
    resumed = with_key.throughline("resume", job, "--json")
    assert (resumed.code, resumed.object["status"]) == (0, "done")


def test_a_cancelled_job_has_its_batch_stopped_by_collect(with_key: Shell, simulator: Simulator):
    simulator.faults("item", "slow", seconds=60)
    job = submit(with_key, "a.md", *SINGLE)
    with_key.throughline("sweep")
    with_key.throughline("cancel", job)
    assert done(with_key.throughline("collect", "--json"))["cancelled"] == 1
    assert simulator.bill()["rows"] == []
    assert status(with_key, job) == "cancelled"


def test_cancel_takes_the_end_of_an_id(with_key: Shell):
    job = submit(with_key, "a.md", *CHUNKED)
    assert with_key.throughline("cancel", job[-12:]).code == 0
    assert status(with_key, job) == "cancelled"


def test_resume_goes_on_with_a_job_whose_sources_are_gone(with_key: Shell, simulator: Simulator):
    job = submit(with_key, "a.md", *SINGLE)
    with_key.throughline("sweep")
    (with_key.folder / "a.md").unlink()
    resumed = with_key.throughline("resume", job)
    assert resumed.code == 0
    assert f"Job {job}: done" in resumed.stdout
    assert simulator.bill()["batches_created"] == 1


def test_resume_of_a_finished_job_says_so_and_prints_it(with_key: Shell, simulator: Simulator):
    job = submit(with_key, "a.md", *CHUNKED)
    with_key.throughline("sweep")
    sent = len(simulator.requests("POST"))
    resumed = with_key.throughline("resume", job, "--json")
    assert (resumed.code, resumed.stderr) == (0, "This job is finished already.\n")
    assert resumed.object["status"] == "done"
    assert len(simulator.requests("POST")) == sent


def test_resume_tells_by_its_exit_code_that_a_person_must_decide(with_key: Shell, simulator: Simulator):
    job = submit(with_key, "a.md", *CHUNKED)
    simulator.faults("item", "refusal", times=-1)
    resumed = with_key.throughline("resume", job, "--json")
    assert (resumed.code, resumed.object["status"]) == (3, "escalated")


def test_a_job_that_was_submitted_with_simulate_is_resumed_with_simulate(shell: Shell):
    book(shell.folder, 2)
    ended = shell.throughline("submit", "book.md", *CHUNKED, "--simulate", "--json")
    assert (ended.code, ended.object["simulated"]) == (0, True)
    resumed = shell.throughline("resume", ended.object["job_id"], "--simulate", "--json")
    assert (resumed.code, resumed.object["status"]) == (0, "done")


# Bad input.


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("submit", "nowhere.md", "--kind", "summary"), ("nowhere.md does not exist",)),
        pytest.param(
            ("submit", "notes.md"),
            ("--kind", "--help"),
        ),
        (("submit", "notes.md", "--kind", "poem"), ("'poem'", "summary")),
        (("submit", "notes.md", "--kind", "summary", "--budget-usd", "0"), ("more than 0 dollars",)),
        (("sweep", "--limit", "0"), ("--limit", "x>=1")),
        (("sweep", "--limit", "many"), ("--limit", "'many'")),
        (("sweep", "now"), ("unexpected extra argument", "--help")),
        (("collect", "--all"), ("--all", "--help")),
        (("cancel",), ("JOB", "--help")),
        (("cancel", "nonesuch"), ("There is no job 'nonesuch'", "throughline list")),
        (("resume",), ("JOB", "--help")),
        (("resume", "nonesuch"), ("There is no job 'nonesuch'", "throughline list")),
    ],
    ids=lambda value: str(value[0]),
)
def test_bad_input_is_refused_with_one_sentence(
    with_key: Shell, simulator: Simulator, arguments: tuple[str, ...], says: tuple[str, ...]
):
    (with_key.folder / "notes.md").write_text("# Notes\n\nThe keeper counted forty ships in the spring.\n")
    assert_refused(with_key.with_ledger().throughline(*arguments), *says)
    assert with_key.job_rows() == 0
    assert simulator.requests("POST") == []


@pytest.mark.parametrize("command", ["cancel", "resume"])
def test_an_id_that_fits_two_jobs_is_refused(with_key: Shell, command: str):
    job = submit(with_key, "a.md", *CHUNKED)
    submit(with_key, "b.md", *CHUNKED)
    assert_refused(with_key.throughline(command, job[:2]), "fits more than one job", "throughline list")


def test_a_budget_below_the_plan_queues_nothing(with_key: Shell):
    book(with_key.folder, 3)
    ended = with_key.throughline("submit", "book.md", *CHUNKED, "--budget-usd", "0.001")
    assert (ended.code, ended.stdout, ended.stderr.count("\n")) == (5, "", 1)
    assert with_key.job_rows() == 0


def test_submit_and_sweep_without_a_key_say_what_is_missing(with_key: Shell, simulator: Simulator):
    book(with_key.folder, 2)
    without = {"ANTHROPIC_API_KEY": ""}
    assert_refused(with_key.throughline("submit", "book.md", *SINGLE, **without), "no API key", "--simulate")
    job = submit(with_key, "a.md", *CHUNKED)
    assert_refused(with_key.throughline("sweep", **without), "no API key")
    assert status(with_key, job) == "queued"
    assert simulator.requests("POST") == []


@pytest.mark.parametrize("path", [SINGLE, CHUNKED], ids=["single pass", "chunked"])
def test_a_key_that_is_refused_ends_the_sweep_with_one_sentence_and_leaves_the_job_queued(
    with_key: Shell, simulator: Simulator, path: tuple[str, ...]
):
    job = submit(with_key, "a.md", *path)
    for place in ("batches.create", "messages"):
        simulator.faults(place, "status", status=401, times=-1)
    ended = with_key.throughline("sweep", "--json")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1].startswith("throughline: The API refused the key")
    assert "Traceback" not in ended.stderr
    assert status(with_key, job) == "queued"


@pytest.mark.parametrize(("key", "says"), [("", "no API key"), ("sk-ant-real", "is simulated and the key is real")])
def test_a_resume_with_the_wrong_key_is_refused_and_leaves_the_job_queued(with_key: Shell, key: str, says: str):
    job = submit(with_key, "a.md", *CHUNKED)
    assert_refused(with_key.throughline("resume", job, ANTHROPIC_API_KEY=key), says, "--simulate")
    assert status(with_key, job) == "queued"


def test_cancel_of_a_job_that_is_done_says_that_there_is_nothing_to_cancel(with_key: Shell):
    job = submit(with_key, "a.md", *CHUNKED)
    with_key.throughline("sweep")
    assert_refused(with_key.throughline("cancel", job), f"Job {job} has ended (done): nothing to cancel.")
    assert status(with_key, job) == "done"


def test_a_job_that_another_process_works_on_is_not_resumed_beside_it(with_key: Shell, simulator: Simulator):
    job = submit(with_key, "a.md", *CHUNKED)
    set_lease(with_key.folder, owner="elsewhere:77:x", until="2999-01-01 00:00:00.000000")
    ended = with_key.throughline("resume", job, "--json")
    assert (ended.code, ended.stdout) == (6, "")
    assert ended.stderr.count("\n") == 1
    assert "is being worked on by process 77 on elsewhere" in ended.stderr
    assert f"throughline show {job}" in ended.stderr
    assert done(with_key.throughline("sweep", "--json"))["claimed"] == 0
    assert simulator.requests("POST") == []


def set_lease(folder: Path, *, owner: str, until: str) -> None:
    with sqlite3.connect(folder / ".throughline" / "throughline.db") as connection:
        connection.execute("UPDATE jobs SET lease_owner = ?, lease_until = ?", (owner, until))
    connection.close()


def test_the_commands_are_told_by_help(shell: Shell):
    told = shell.throughline("--help").stdout
    for command in ("submit", "sweep", "collect", "cancel", "resume"):
        assert f"  {command} " in told


def test_a_batch_that_makes_trouble_is_counted_and_the_command_succeeds(with_key: Shell, simulator: Simulator):
    job = submit(with_key, "a.md", *SINGLE)
    with_key.throughline("sweep")
    simulator.faults("batches.retrieve", "not_found", times=-1)
    ended = with_key.throughline("collect", "--json")
    assert (ended.code, json.loads(ended.stdout)["troubled"]) == (0, 1)
    assert "does not know batch" in ended.stderr
    assert status(with_key, job) == "waiting"
