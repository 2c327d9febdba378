"""`throughline audit`: a pipeline's log ranked; a bad one is one sentence."""

from tests.cli.support import Shell
from tests.servers import ROOT

EXAMPLE = str(ROOT / "docs/examples/pipeline-calls.csv")


def test_the_example_is_ranked(shell: Shell):
    told = shell.throughline("audit", EXAMPLE, "--json").object
    assert (told["calls"], told["ranked"][0]["kind"]) == (8, "summary")
    assert "What a log cannot show" in shell.throughline("audit", EXAMPLE).stdout


def test_a_bad_line_is_one_sentence(shell: Shell):
    (shell.folder / "bad.csv").write_text("document,input_tokens,output_tokens\na,1,x\n")
    ended = shell.throughline("audit", "bad.csv")
    assert (ended.code, ended.stderr.count("\n")) == (2, 1)
    assert "Line 2 of the log" in ended.stderr
