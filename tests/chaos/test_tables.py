"""The tables of a chaos are whole, however many processes made them and however many runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.into_docs import TABLES, keep, kept
from tests.servers import ROOT

CASE = """
import pytest
from tests.chaos.results import RESULTS

@pytest.mark.chaos
def test_a_case():
    RESULTS.add({title!r}, ("what", "paid"), ({what!r}, "1"))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project as ours, with three other files of chaos for two processes."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    tests = tmp_path / "tests"
    shutil.copytree(ROOT / "tests" / "chaos", tests / "chaos", ignore=shutil.ignore_patterns("test_*", "conftest.py"))
    for file in (ROOT / "tests").glob("*.py"):
        shutil.copy(file, tests)
    for name, title in (("one", "Faults"), ("two", "Random chaos"), ("three", "Faults")):
        (tests / "chaos" / f"test_{name}.py").write_text(CASE.format(title=title, what=name))
    return tmp_path


def chaos(project: Path) -> str:
    """What `make chaos` prints in this project."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n", "2", "--dist", "loadfile", "-m", "chaos"]
    command += ["--basetemp", str(project / "temporary")]
    environment = {**os.environ, "PYTHONPATH": ""}
    ended = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_rows_of_all_processes_are_printed_and_kept(project: Path):
    printed = chaos(project)
    tables = kept(project / TABLES)
    assert set(tables) == {"Faults", "Random chaos"}
    assert {line.split("|")[1].strip() for line in tables["Faults"].splitlines()[2:]} == {"one", "three"}
    assert "| two " in tables["Random chaos"]
    assert all(title in printed for title in tables)


def test_a_run_of_one_file_leaves_the_tables_of_the_others(tmp_path: Path):
    file = tmp_path / TABLES
    keep({"Faults": "| old |", "Random chaos": "| old |"}, file)
    keep({"Random chaos": "| new |"}, file)
    assert kept(file) == {"Faults": "| old |", "Random chaos": "| new |"}


def test_a_row_of_a_table_may_hold_what_begins_a_title(tmp_path: Path):
    table = "| told |\n| -- |\n| ## no title |"
    keep({"Faults": table}, tmp_path / TABLES)
    assert kept(tmp_path / TABLES) == {"Faults": table}


def test_before_the_first_run_there_are_no_tables(tmp_path: Path):
    assert kept(tmp_path / TABLES) == {}
