"""A decision says what, who and where from; the rest has its default."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from throughline.domain.job import JobSpec, Kind, Path, PathChoice
from throughline.domain.review import BlindCounts, Choice, Decision, OnExpiry, Origin, choices, rerun_of

SPEC = JobSpec(kind=Kind.SUMMARY, model="m", instructions="Be short.", budget_usd=Decimal(2))
COSTS = [(Path.SINGLE_PASS, Decimal("1.239")), (Path.CHUNKED, Decimal("0.1"))]


def rerun(**wanted: Any) -> Decision:
    return replace(Decision(choice=Choice.RERUN, reviewer="Ada", came_from=Origin.PAGE), **wanted)


def test_a_decision_without_minutes_takes_those_that_were_counted():
    decision = Decision(choice=Choice.APPROVE, reviewer="Ada", came_from=Origin.PAGE)
    assert (decision.minutes, decision.attempt_id, decision.path, decision.reason) == (None, None, None, "")


def test_blind_verdicts_are_counted_and_no_more():
    counts = BlindCounts(preferred={Path.SINGLE_PASS: 1, Path.CHUNKED: 2}, shown_first=2)
    assert counts.sentence == "Preferred blind: single pass 1, chunked 2. The output that was shown first: 2 of 3."
    assert BlindCounts(preferred={Path.CHUNKED: 0}, shown_first=0).sentence.startswith("Nobody has decided")


def test_the_words_of_a_decision_are_those_that_people_type():
    assert [str(choice) for choice in Choice] == ["approve", "reject", "rerun"]
    assert [str(choice) for choice in OnExpiry] == ["reject", "publish"]


@pytest.mark.parametrize(
    ("ran", "path", "expected"),
    [
        pytest.param(Path.SINGLE_PASS, None, PathChoice.CHUNKED, id="the other one"),
        pytest.param(Path.CHUNKED, None, PathChoice.SINGLE_PASS, id="the other one of a chain"),
        pytest.param(Path.CHUNKED, Path.CHUNKED, PathChoice.CHUNKED, id="the named one"),
    ],
)
def test_a_rerun_takes_the_named_path_or_the_one_that_was_not_taken(ran: Path, path: Path | None, expected: PathChoice):
    again = rerun_of(SPEC, ran, rerun(path=path))
    assert (again.path, again.instructions, again.budget_usd) == (expected, "Be short.", Decimal(2))


def test_a_rerun_may_have_another_budget():
    assert rerun_of(SPEC, Path.CHUNKED, rerun(budget_usd=Decimal(9))).budget_usd == Decimal(9)


def test_a_word_to_the_writer_joins_the_instructions():
    assert rerun_of(SPEC, Path.CHUNKED, rerun(note=" Name ships. ")).instructions == "Be short.\n\nName ships."
    blank = SPEC.model_copy(update={"instructions": ""})
    assert rerun_of(blank, Path.CHUNKED, rerun(note="Name ships.")).instructions == "Name ships."


@pytest.mark.parametrize(
    ("approvable", "costs", "sentence"),
    [
        (
            True,
            COSTS,
            "Approve it as it is, reject it, or run it again (single pass about $1.24, chunked about $0.10).",
        ),
        (True, [], "Approve it as it is, or reject it."),
        (False, COSTS[1:], "Reject it, or run it again (chunked about $0.10)."),
        (False, [], "Reject it."),
    ],
)
def test_the_choices_say_what_going_on_would_cost(approvable: bool, costs: list[tuple[Path, Decimal]], sentence: str):
    assert choices(approvable=approvable, costs=costs) == sentence
