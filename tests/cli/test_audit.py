"""`throughline audit`: a pipeline's log or the ledger's own chains ranked; a bad wish is one sentence."""

import pytest

from tests.cli.support import Shell
from tests.servers import ROOT

EXAMPLE = str(ROOT / "docs/examples/pipeline-calls.csv")
LLAMA = {"THROUGHLINE_UNLISTED_MODEL": "llama3.3 131072 8192 1 2"}


def test_the_example_is_ranked(shell: Shell):
    told = shell.throughline("audit", EXAMPLE, "--json").object
    assert (told["calls"], told["ranked"][0]["kind"]) == (8, "summary")
    assert "What a log cannot show" in shell.throughline("audit", EXAMPLE).stdout


def test_a_bad_line_is_one_sentence(shell: Shell):
    (shell.folder / "bad.csv").write_text("document,input_tokens,output_tokens\na,1,x\n")
    ended = shell.throughline("audit", "bad.csv")
    assert (ended.code, ended.stderr.count("\n")) == (2, 1)
    assert "Line 2 of the log" in ended.stderr


def test_a_log_of_an_unknown_model_says_which_are_known_and_where_its_own_costs_go(shell: Shell):
    ended = shell.throughline("audit", EXAMPLE, "--model", "gpt-9")
    assert (ended.code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "claude-sonnet-5-5" in ended.stderr
    assert "column cost_usd" in ended.stderr


def test_a_log_is_priced_by_a_model_that_the_settings_describe(shell: Shell):
    (shell.folder / "log.csv").write_text("document,input_tokens,output_tokens\na,1000000,1000\n")
    told = shell.throughline("audit", "log.csv", "--model", "llama3.3", "--json", **LLAMA).object
    assert told["ranked"][0]["paid_usd"] == "1.002"


def test_a_kind_in_a_log_commands_no_terminal(shell: Shell):
    (shell.folder / "log.csv").write_text("document,kind,input_tokens,output_tokens\na,\x1b]0;x\x07,1,1\n")
    ended = shell.throughline("audit", "log.csv")
    assert (ended.code, "\x1b" in ended.stdout, "\\x1b]0;x" in ended.stdout) == (0, False, True)


def a_chain(shell: Shell) -> None:
    (shell.folder / "note.md").write_text("# Harbour\n\nThe harbour opens at six in the morning.\n")
    assert shell.throughline("run", "note.md", "--kind", "summary", "--path", "chunked").code == 0


def test_without_a_log_the_ledgers_own_chains_are_ranked(with_key: Shell):
    a_chain(with_key)
    told = with_key.throughline("audit", "--simulated", "--json").object
    assert [(row["kind"], row["size"], row["jobs"], row["rank"]) for row in told["ranked"]] == [
        ("summary", "under 4K", 1, None)
    ]
    shown = with_key.throughline("audit", "--simulated").stdout
    assert f"too few to say (1 of {told['least_jobs']})" in shown
    assert "nothing was paid" in shown


def test_real_and_simulated_chains_are_never_in_one_ranking(with_key: Shell):
    a_chain(with_key)
    ended = with_key.throughline("audit")
    assert (ended.code, ended.stdout.startswith("No real job ran a chain to its end.")) == (0, True)
    assert with_key.throughline("audit", "--json").object["ranked"] == []


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param((EXAMPLE, "--simulated"), id="a log and the ledger's jobs"),
        pytest.param(("--model", "claude-sonnet-5-5"), id="a model without a log"),
        pytest.param(("--since", "yesterday-ish"), id="a time that is none"),
        pytest.param(("nothing.csv",), id="a log that is not there"),
    ],
)
def test_a_wish_that_cannot_be_met_is_one_sentence(shell: Shell, wish: tuple[str, ...]):
    ended = shell.throughline("audit", *wish)
    assert (ended.code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
