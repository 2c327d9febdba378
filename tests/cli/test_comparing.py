"""`throughline compare`: both paths of a job, or of all; no score, and too few jobs say nothing."""

from decimal import Decimal

from tests.cli.support import Shell
from tests.servers import Simulator


def a_job(shell: Shell, path: str = "both") -> str:
    (shell.folder / "note.md").write_text("# Harbour\n\nThe harbour opens at six in the morning.\n")
    return shell.throughline("run", "note.md", "--kind", "summary", "--path", path, "--json").object["job_id"]


def test_the_measures_of_a_job_add_up_to_the_bill(with_key: Shell, simulator: Simulator):
    job = a_job(with_key)
    told = with_key.throughline("compare", job, "--json").object
    rows = {row["measure"]: row for row in told["measures"]}
    paid = rows["paid_usd"]
    assert Decimal(paid["single_pass"]) + Decimal(paid["chunked"]) == Decimal(simulator.bill()["total_usd"])
    assert Decimal(paid["difference"]) == Decimal(paid["chunked"]) - Decimal(paid["single_pass"])
    assert told["simulated"] is True
    assert all(row["means"] and row["does_not_mean"] for row in rows.values())


def test_the_table_names_no_winner(with_key: Shell):
    ended = with_key.throughline("compare", a_job(with_key))
    assert "There is no score and no winner" in ended.stdout
    assert "nothing was paid" in ended.stdout


def test_over_all_jobs_few_are_too_few(with_key: Shell):
    a_job(with_key)
    assert "No real job ran both paths yet" in with_key.throughline("compare").stdout
    told = with_key.throughline("compare", "--simulated", "--json").object
    assert (told["jobs"], told["measures"][0]["says"]) == (1, "too few to say (1 of 40 pairs)")


def test_a_job_of_one_path_is_told_how_to_run_both(with_key: Shell):
    ended = with_key.throughline("compare", a_job(with_key, "chunked"))
    assert (ended.code, ended.stderr.count("\n")) == (2, 1)
    assert "--path both" in ended.stderr


def test_a_job_and_a_filter_contradict_each_other(with_key: Shell):
    ended = with_key.throughline("compare", "abc", "--kind", "summary")
    assert (ended.code, ended.stderr.count("\n")) == (2, 1)


def test_show_counts_in_json_what_it_counts_in_its_table(with_key: Shell, simulator: Simulator):
    """A repair is an attempt of its own and a call of its path."""
    simulator.faults("item", "alter_quotes", times=1)
    (with_key.folder / "note.md").write_text("# Harbour\n\nThe harbour opens at six in the morning.\n")
    strict = {"THROUGHLINE_TOLERATED_ERROR_SHARE": "0"}
    with_key.throughline("run", "note.md", "--kind", "summary", "--path", "chunked", **strict)
    job = with_key.throughline("list", "--json").object["jobs"][0]["job_id"]
    told = with_key.throughline("show", job, "--json").object
    (side,) = told["paths"]
    assert [attempt["role"] for attempt in told["attempts"]] == ["primary", "repair"]
    assert side["calls"] == sum(attempt["calls"] for attempt in told["attempts"])
    (line,) = [line for line in with_key.throughline("show", job).stdout.splitlines() if line.startswith("calls  ")][1:]
    assert line.split() == ["calls", str(side["calls"])]
