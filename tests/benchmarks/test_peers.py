"""The interface of the comparison with other libraries, and how its faults are counted, with the raw SDK."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.peers import rounds
from benchmarks.peers.contender import Prompt, read_work, texts_kept, write_work
from benchmarks.peers.contenders import ALL, OURS, RAW, REQUIREMENTS
from benchmarks.peers.work import MODEL

JOB = [Prompt(model=MODEL, system="Write.", text=f"Part {n} says {n}.", max_tokens=1_000) for n in range(4)]


def test_work_is_read_as_it_was_written(tmp_path: Path):
    write_work([JOB], tmp_path / "work.json")
    assert read_work(tmp_path / "work.json") == [JOB]


def test_an_empty_answer_is_not_kept():
    outcome = texts_kept(["a", "", None])
    assert (outcome.kept, outcome.wanted) == (1, 3)


def test_every_environment_has_its_requirements():
    needed = {one.environment for one in ALL if one.environment is not None}
    assert needed == {file.stem for file in REQUIREMENTS.glob("*.txt")}


def test_own_contenders_need_no_environment():
    assert RAW.installed
    assert OURS.installed


@pytest.mark.chaos
def test_a_cut_answer_of_the_raw_sdk_is_paid_once_and_called_a_success():
    fault = rounds.cut(RAW, "chain", JOB)
    assert fault.result is not None, fault.said
    assert fault.result["success"]
    assert (fault.paid, fault.calls, fault.result["kept"]) == (4, 4, 4)


@pytest.mark.chaos
def test_a_killed_chain_of_the_raw_sdk_is_paid_from_its_beginning():
    fault = rounds.killed(replace(RAW, tokens_per_second=20), "chain", JOB)
    assert fault.result is not None, fault.said
    assert fault.result["kept"] == 4
    assert fault.paid == 4 + 3  # all three parts were under way when it died
