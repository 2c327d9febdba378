"""The commands when all is well: what they print, what they leave in the ledger, and their exit codes."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import TIMEOUT_S, Ended, Shell, Warm
from tests.faults.support import book
from tests.servers import Simulator

RUN = ("run", "book.md", "--kind", "summary", "--depth", "exhaustive")
RUN_BOTH = (*RUN, "--path", "both", "--simulate", "--json")
USAGE = {"input_tokens", "output_tokens", "thinking_tokens", "cache_read_tokens", "cache_write_tokens"}
WITHOUT_PREFECT = """
import sys
from throughline.cli import main
sys.argv = ["throughline", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("prefect" in sys.modules, "anthropic" in sys.modules, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def shared(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A working directory with a book, which the tests of this file share."""
    folder = tmp_path_factory.mktemp("cli")
    book(folder, 3)
    return Shell(warm=warm, folder=folder)


@pytest.fixture(scope="module")
def first(shared: Shell) -> Ended:
    """The first run of a job by both paths."""
    return shared.throughline_anew(*RUN_BOTH)


@pytest.fixture(scope="module")
def job(first: Ended) -> dict[str, Any]:
    assert first.code == 0, first.stderr
    return first.object


def test_run_json_prints_one_object_and_nothing_else(first: Ended):
    assert (first.code, first.stderr) == (0, "")
    assert first.stdout.count("\n") == 1
    assert isinstance(first.object, dict)


def test_run_json_tells_the_job_and_its_plan(job: dict[str, Any]):
    assert (job["status"], job["simulated"], job["sources"]) == ("done", True, ["book.md"])
    assert len(job["job_id"]) == 36
    plan = job["plan"]
    assert plan["choice"] == "both"
    assert plan["reasons"]
    for path in ("single_pass", "chunked"):
        assert plan[path]["feasible"] is True
        assert float(plan[path]["expected_usd"]) > 0


def test_run_json_tells_every_attempt(job: dict[str, Any]):
    assert {(attempt["path"], attempt["role"]) for attempt in job["attempts"]} == {
        ("single_pass", "comparison"),
        ("chunked", "primary"),
    }
    for attempt in job["attempts"]:
        assert (attempt["status"], attempt["units"], attempt["units_wanted"]) == ("complete", 3, 3)
        assert attempt["calls"] == 1
        assert attempt["usage"].keys() == USAGE
        assert attempt["usage"]["output_tokens"] > 0
        assert attempt["citations"].keys() == {"verified", "altered", "missing"}
        assert attempt["citations"]["verified"] > 0
        assert "stop_reason" in attempt
        assert float(attempt["cost_usd"]) > 0
    single = next(attempt for attempt in job["attempts"] if attempt["path"] == "single_pass")
    assert single["stop_reason"] == "end_turn"


def test_show_prints_the_same_object_in_a_new_process(shared: Shell, job: dict[str, Any], first: Ended):
    shown = shared.throughline_anew("show", job["job_id"], "--json")
    assert (shown.code, shown.stderr) == (0, "")
    assert shown.stdout == first.stdout


def test_the_same_command_again_says_that_the_job_is_finished(shared: Shell, job: dict[str, Any], first: Ended):
    again = shared.throughline(*RUN_BOTH)
    assert again.code == 0
    assert again.stdout == first.stdout
    assert again.stderr == "This job is finished already; --again starts it anew.\n"


def test_again_starts_a_new_job_and_list_shows_the_newest_first(shared: Shell, job: dict[str, Any]):
    anew = shared.throughline(*RUN, "--path", "chunked", "--simulate", "--json", "--again")
    assert anew.code == 0
    assert anew.object["job_id"] != job["job_id"]
    listed = shared.throughline("list", "--json").object["jobs"]
    assert [each["job_id"] for each in listed[:2]] == [anew.object["job_id"], job["job_id"]]
    ambiguous = shared.throughline("show", job["job_id"][:2])
    assert (ambiguous.code, ambiguous.stdout) == (2, "")
    assert "fits more than one job" in ambiguous.stderr


def test_show_takes_the_end_of_an_id_and_prints_for_people(shared: Shell, job: dict[str, Any]):
    shown = shared.throughline("show", job["job_id"][-12:])
    assert shown.code == 0
    assert f"Job {job['job_id']}: done" in shown.stdout
    assert "Simulated: no real model wrote this and nothing was paid." in shown.stdout
    assert "citations verified" in shown.stdout


def test_the_simulators_help_names_the_command_that_was_typed(shared: Shell):
    assert shared.throughline_anew("simulator", "--help").stdout.startswith("usage: throughline simulator [-h] ")


def test_show_of_an_unknown_job_says_where_to_look(shared: Shell, job: dict[str, Any]):
    shown = shared.throughline("show", "nonesuch")
    assert (shown.code, shown.stdout) == (2, "")
    assert shown.stderr == "throughline: There is no job 'nonesuch'. See: throughline list\n"


def test_export_writes_markdown(shared: Shell, job: dict[str, Any]):
    ended = shared.throughline("export", job["job_id"], "-o", "out.md")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.startswith("out.md: 3 of 3 units")
    text = (shared.folder / "out.md").read_text()
    assert text.startswith("# book.md\n")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Chapter 01",
        "## Chapter 02",
        "## Chapter 03",
    ]


def test_export_writes_json_of_the_path_that_is_asked_for(shared: Shell, job: dict[str, Any]):
    ended = shared.throughline("export", job["job_id"], "-o", "out.json", "--path", "single_pass")
    assert ended.code == 0
    output = json.loads((shared.folder / "out.json").read_text())
    assert [unit["unit_id"] for unit in output["units"]] == ["u001", "u002", "u003"]
    assert output["missing_units"] == []
    assert output["closing"]["overview"]


@pytest.mark.parametrize(
    ("file", "says"),
    [
        pytest.param("nowhere/out.md", "nowhere/out.md cannot be written", id="no such directory"),
        pytest.param("out.txt", "must end in .md or .json", id="another ending"),
    ],
)
def test_export_to_a_bad_place_says_so(shared: Shell, job: dict[str, Any], file: str, says: str):
    ended = shared.throughline("export", job["job_id"], "-o", file)
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.startswith("throughline: ")
    assert ended.stderr.count("\n") == 1
    assert says in ended.stderr


@pytest.mark.parametrize("command", ["plan", "show", "list"])
def test_commands_that_run_nothing_do_not_load_prefect_or_the_sdk(shared: Shell, job: dict[str, Any], command: str):
    arguments = {"plan": RUN[1:], "show": (job["job_id"],), "list": ()}[command]
    ended = shared.python("-c", WITHOUT_PREFECT, command, *arguments)
    assert ended.stderr == "False False\n"
    assert ended.code == 0


def test_plan_needs_no_key_and_spends_nothing(shared: Shell):
    ended = shared.throughline("plan", *RUN[1:])
    assert (ended.code, ended.stderr) == (0, "")
    assert "expected total" in ended.stdout
    assert "Chosen: " in ended.stdout


def test_the_stand_in_keeps_its_file_beside_a_ledger_in_the_home_folder(shell: Shell):
    (shell.folder / "notes.md").write_text("# Notes\n\nThe keeper counted forty ships.\n")
    home = {"THROUGHLINE_DATABASE_URL": "sqlite:///~/ledgers/mine.db"}
    assert shell.throughline("plan", "notes.md", "--kind", "summary", "--simulate", **home).code == 0
    assert {file.name for file in shell.folder.iterdir()} == {"notes.md", "ledgers"}
    assert {"mine.db", "simulator.db"} <= {file.name for file in (shell.folder / "ledgers").iterdir()}


def test_what_the_stand_in_keeps_is_its_owners_alone(shell: Shell):
    (shell.folder / "notes.md").write_text("# Notes\n\nThe keeper counted forty ships.\n")
    assert shell.throughline("plan", "notes.md", "--kind", "summary", "--simulate").code == 0
    kept = shell.folder / ".throughline"
    assert [oct(each.stat().st_mode & 0o777) for each in (kept, kept / "simulator.db")] == ["0o700", "0o600"]


def test_a_job_that_a_person_must_read_exits_with_3(shared: Shell):
    ended = shared.throughline(
        *RUN, "--path", "chunked", "--instructions", "Short.", "--simulate", "--review", "always"
    )
    assert ended.code == 3
    assert "waits for a person" in ended.stdout
    assert "Simulated: no real model wrote this" in ended.stdout


def test_a_budget_below_the_plan_exits_with_5_and_leaves_no_job(with_key: Shell, simulator: Simulator):
    book(with_key.folder, 3)
    ended = with_key.throughline(*RUN, "--budget-usd", "0.001")
    assert (ended.code, ended.stdout) == (5, "")
    assert ended.stderr.startswith("throughline: ")
    assert ended.stderr.count("\n") == 1
    assert with_key.job_rows() == 0
    assert simulator.requests("POST") == []


def test_a_job_that_its_budget_stopped_exits_with_5_and_is_told(with_key: Shell, simulator: Simulator):
    book(with_key.folder, 3)
    simulator.faults("item", "refusal", after_units=2)
    ended = with_key.throughline(*RUN, "--path", "chunked", "--budget-usd", "0.085", "--json")
    assert ended.code == 5
    assert ended.object["status"] == "budget"
    assert ended.stderr.startswith("throughline: ")
    assert "raise the budget" in ended.stderr


def test_a_job_that_failed_exits_with_4_and_the_same_command_goes_on(with_key: Shell, simulator: Simulator):
    book(with_key.folder, 3)
    command = (*RUN, "--path", "chunked", "--json")
    simulator.faults("messages", "status", status=401)
    failed = with_key.throughline(*command)
    assert (failed.code, failed.object["status"]) == (4, "failed")
    assert failed.stderr.startswith("throughline: The API refused the key")
    assert failed.stderr.count("\n") == 1
    done = with_key.throughline(*command)
    assert (done.code, done.object["job_id"]) == (0, failed.object["job_id"])


def asks_for_results(simulator: Simulator) -> bool:
    return any(request["path"].endswith("/results") for request in simulator.requests("GET"))


def test_an_interrupted_run_says_how_to_go_on_with_it(with_key: Shell, simulator: Simulator):
    """Also where the same command would start anew."""
    book(with_key.folder, 3)
    command = (*RUN, "--path", "single_pass", "--json", "--again")
    simulator.faults("batches.results", "hang", seconds=60)
    process = subprocess.Popen(
        [sys.executable, "-m", "throughline", *command],
        cwd=with_key.folder,
        env=with_key.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + TIMEOUT_S
    while not asks_for_results(simulator) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, stdout) == (130, "")
    said = re.fullmatch(
        r"throughline: Interrupted\. throughline (resume \S+) goes on; a call that was open may be paid again\.\n",
        stderr,
    )
    assert said is not None, stderr
    done = with_key.throughline(*said[1].split(), "--json")
    assert (done.code, done.object["status"]) == (0, "done")
    assert len(simulator.requests("POST")) == 1


def test_the_version_and_the_help_are_printed(shell: Shell):
    assert shell.throughline("--version").stdout.startswith("throughline, version ")
    usage = shell.throughline("run", "--help").stdout
    for option in ("--kind", "--path", "--budget-usd", "--deadline", "--review", "--simulate", "--json", "--again"):
        assert option in usage
    assert not (Path(shell.folder) / ".throughline").exists()


def test_plan_exact_has_the_prompt_counted_by_the_api(with_key: Shell, simulator: Simulator):
    book(with_key.folder, 3)
    ended = with_key.throughline("plan", "book.md", "--kind", "summary", "--exact", "--json")
    assert ended.code == 0, ended.stderr
    assert ended.object["plan"]["corpus"]["counted_by"] == "count_tokens"
    assert len(simulator.requests("POST", "/v1/messages/count_tokens")) == 1
    assert float(simulator.bill()["total_usd"]) == 0
