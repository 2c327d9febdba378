"""How a command ends when there is nobody to read it, nothing to do, or somebody else at work."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from tests.cli.support import TIMEOUT_S, Ended, Shell
from tests.faults.support import book
from tests.servers import Simulator

RUN = ("run", "book.md", "--kind", "summary", "--path", "chunked")


def writing_to(out: IO[bytes] | int, shell: Shell, *arguments: str) -> Ended:
    """The command, its stdout going there."""
    ended = subprocess.run(
        [sys.executable, "-m", "throughline", *arguments],
        cwd=shell.folder,
        env=shell.environment(),
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Ended(code=ended.returncode, stdout="", stderr=ended.stderr)


def written_nowhere(shell: Shell, *arguments: str) -> Ended:
    """The command, its stdout a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return writing_to(writer, shell, *arguments)
    finally:
        os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [("list",), ("list", "--json"), ("--help",)], ids=" ".join)
def test_an_output_that_cannot_be_written_is_told_in_one_sentence(shell: Shell, arguments: tuple[str, ...]):
    with Path("/dev/full").open("wb") as full:
        ended = writing_to(full, shell.with_ledger(), *arguments)
    assert (ended.code, ended.stderr.count("\n")) == (4, 1)
    assert ended.stderr.startswith("throughline: The output cannot be written: No space left on device.")


@pytest.mark.parametrize("arguments", [("list",), ("list", "--json"), ("--help",)], ids=" ".join)
def test_a_reader_who_wants_no_more_is_no_error_to_tell(shell: Shell, arguments: tuple[str, ...]):
    ended = written_nowhere(shell.with_ledger(), *arguments)
    assert (ended.code, ended.stderr) == (1, "")


@pytest.mark.parametrize("arguments", ["list", "list --json", "--help"])
def test_a_caller_who_closed_the_output_gets_none(shell: Shell, arguments: str):
    command = f'exec "{sys.executable}" -m throughline {arguments} >&-'
    ended = subprocess.run(
        ["sh", "-c", command],
        cwd=shell.with_ledger().folder,
        env=shell.environment(),
        stderr=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_title_that_the_locale_has_no_letters_for_is_written_out(shell: Shell, encoding: str):
    (shell.folder / "日誌.md").write_text("# Notes\n\nThe keeper counted forty ships.\n")
    assert shell.throughline("submit", "日誌.md", "--kind", "summary", "--simulate").code == 0
    ended = shell.throughline_anew("list", PYTHONIOENCODING=encoding)
    assert (ended.code, ended.stderr, "\\u65e5\\u8a8c.md" in ended.stdout) == (0, "", True)


@pytest.mark.parametrize("arguments", [(), ("db",)], ids=["throughline", "throughline db"])
def test_a_command_without_a_verb_shows_its_help_as_help_does(shell: Shell, arguments: tuple[str, ...]):
    ended = shell.throughline(*arguments)
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == shell.throughline(*arguments, "--help").stdout


def test_run_of_a_job_that_another_process_works_on_ends_with_a_code_of_its_own(with_key: Shell, simulator: Simulator):
    book(with_key.folder, 2)
    simulator.faults("messages", "hang", seconds=TIMEOUT_S)
    with subprocess.Popen(
        [sys.executable, "-m", "throughline", *RUN],
        cwd=with_key.folder,
        env=with_key.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as first:
        try:
            while not simulator.requests("POST", "/v1/messages"):
                assert first.poll() is None
                time.sleep(0.02)
            second = with_key.throughline(*RUN)
        finally:
            first.kill()
    assert second.code == 6
    assert "observed" not in second.stdout
    assert f"is being worked on by process {first.pid}" in second.stderr


def test_run_of_a_job_that_waits_for_a_person_says_so(with_key: Shell, simulator: Simulator):
    book(with_key.folder, 2)
    simulator.faults("item", "refusal", times=-1)
    assert with_key.throughline(*RUN).code == 3
    again = with_key.throughline(*RUN, "--json")
    assert (again.code, again.object["status"]) == (3, "escalated")
    assert again.stderr == "This job waits for a person's decision; --again starts it anew.\n"
