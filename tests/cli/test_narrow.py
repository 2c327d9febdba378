"""On a terminal of eighty columns no figure is cut off, and ids can be typed."""

import os
import re
import subprocess
import sys
import termios
from pathlib import Path

from tests.cli.support import TIMEOUT_S, Shell

CALLS = Path(__file__).parents[2] / "docs" / "examples" / "pipeline-calls.csv"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def printed(shell: Shell, *arguments: str, columns: int = 80) -> list[str]:
    """What a terminal of so many columns shows."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    command = [sys.executable, "-m", "throughline", *arguments]
    with subprocess.Popen(command, cwd=shell.folder, env=shell.environment(), stdout=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65_536):
                shown += piece
        except OSError:  # the other side is closed
            pass
        assert process.wait(timeout=TIMEOUT_S) == 0
    os.close(ours)
    return _COLOURS.sub("", shown.decode()).splitlines()


def test_an_audit_keeps_its_columns_and_its_money(shell: Shell):
    header, *rows = printed(shell, "audit", str(CALLS))
    assert header.split()[0] == "kind"
    assert rows[0].split()[0] == "summary"
    assert re.findall(r"\$\d+\.\d{4}(?= |$)", rows[0]) == re.findall(r"\$\S+", rows[0])
    assert "…" not in header + rows[0]


def test_a_list_keeps_what_a_job_cost_on_its_line_and_shows_an_id_that_show_takes(shell: Shell):
    (shell.folder / "book.md").write_text("# One\n\nThe keeper wrote a letter to the office.\n" * 9, encoding="utf-8")
    done = shell.throughline("run", "book.md", "--kind", "summary", "--simulate", "--json").object
    (row,) = printed(shell, "list")[1:]
    assert f"${float(done['cost_usd']):.4f} sim." in row
    assert shell.throughline("show", row.split()[0], "--json").object["job_id"] == done["job_id"]


def test_the_narrowest_terminal_has_every_figure_of_a_plan_and_of_a_list(shell: Shell):
    columns = 1
    (shell.folder / "book.md").write_text("# One\n\nThe keeper wrote a letter to the office.\n" * 9, encoding="utf-8")
    asked = ("book.md", "--kind", "summary", "--path", "both", "--simulate")
    wide = shell.throughline("plan", *asked).stdout
    shown = printed(shell, "plan", *asked, columns=columns)
    for name in ("tokens cost", "expected total"):
        (figures,) = (line.split()[2:] for line in wide.splitlines() if line.startswith(name))
        (row,) = (line.split()[2:] for line in shown if line.startswith(name))
        assert row == figures
    assert shell.throughline("run", *asked).code == 0
    (row,) = printed(shell, "list", columns=columns)[1:]
    assert re.search(r"^[0-9a-f]{12}  summary  .* done +\$\d\.\d{4} sim\.", row)


def test_an_output_of_a_path_that_a_job_did_not_take_is_refused_with_the_way_out(shell: Shell):
    (shell.folder / "book.md").write_text("# One\n\nThe keeper wrote a letter to the office.\n" * 9, encoding="utf-8")
    done = shell.throughline("run", "book.md", "--kind", "summary", "--simulate", "--json").object
    other = "single_pass" if done["plan"]["chosen"] == "chunked" else "chunked"
    refused = shell.throughline("export", done["job_id"], "--path", other, "-o", "output.md")
    assert (refused.code, f"did not run {other}" in refused.stderr) == (2, True)
