"""What becomes of a checked output follows from its findings, its completeness and what may still be done."""

from collections.abc import Iterable

import pytest

from throughline.domain.checks.result import Finding, Result, Severity, conclude
from throughline.domain.document import Output
from throughline.domain.outline import Outline, OutlineUnit
from throughline.domain.output import Closing, SummaryUnit
from throughline.domain.policy import CLOSING, Action, Means, Thresholds, Verdict, from_json, judge, to_json

ANYTHING = Means(repair=True, fall_back=True)
REPAIR_ONLY = Means(repair=True, fall_back=False)
NOTHING = Means(repair=False, fall_back=False)
LIMITS = Thresholds()
UNITS = tuple(f"u{number:03}" for number in range(1, 10))


def output(*, written: Iterable[str] = UNITS, closing: bool = True, confidence: float = 0.9) -> Output:
    """Nine units and a closing: ten parts."""
    return Output(
        title="Tides",
        outline=Outline(units=tuple(OutlineUnit(id=unit_id, heading=unit_id, sources=()) for unit_id in UNITS)),
        units={
            unit_id: SummaryUnit(unit_id=unit_id, heading="h", body="A body.", citations=[], confidence=confidence)
            for unit_id in written
        },
        closing=Closing(overview="All of it.", key_points=[]) if closing else None,
    )


def found(*where: str, severity: Severity = Severity.ERROR, what: str = "wrong") -> list[Result]:
    return [conclude("citations", [Finding(severity=severity, where=part, what=what) for part in where])]


def verdict(results: list[Result], means: Means = ANYTHING, limits: Thresholds = LIMITS) -> Verdict:
    return judge(output(), results, means=means, limits=limits)


def test_a_clean_output_is_published():
    assert verdict(found()) == Verdict(action=Action.PUBLISH)


def test_warnings_alone_stop_nothing():
    assert verdict(found(*UNITS, severity=Severity.WARNING)).action is Action.PUBLISH


def test_a_few_failing_parts_are_repaired_with_what_was_wrong_with_each():
    judged = verdict(found("u002", "u002", CLOSING))
    assert judged.action is Action.REPAIR
    assert judged.repairs == {"u002": ("wrong", "wrong"), CLOSING: ("wrong",)}


def test_the_reasons_name_how_many_parts_fail_and_the_first_of_them():
    assert verdict(found("u003", "u002")).sentence == "Errors in 2 of 10 parts. u002: wrong u003: wrong"


def test_evidence_for_one_part_is_kept_short():
    judged = verdict(found(*["u001"] * 50))
    assert judged.repairs == {"u001": ("wrong",) * 3}


def test_findings_outside_of_the_outline_repair_nothing():
    assert verdict(found("u999")).action is Action.PUBLISH


def test_an_output_that_is_bad_as_a_whole_falls_back_to_the_chain():
    assert verdict(found(*UNITS[:4])).action is Action.FALL_BACK


def test_where_there_is_nothing_to_fall_back_to_a_person_decides():
    assert verdict(found(*UNITS[:4]), REPAIR_ONLY).action is Action.ESCALATE


def test_a_repaired_output_that_still_fails_goes_to_a_person():
    assert verdict(found("u001"), NOTHING).action is Action.ESCALATE


def test_one_failing_part_is_repaired_however_few_parts_there_are():
    assert verdict(found("u001"), limits=Thresholds(repairable_share=0.0)).action is Action.REPAIR


def test_a_team_may_tolerate_a_share_of_failing_parts():
    assert verdict(found("u001"), limits=Thresholds(tolerated_error_share=0.1)).action is Action.PUBLISH


@pytest.mark.parametrize(
    "incomplete", [None, output(written=UNITS[:8]), output(closing=False)], ids=["nothing", "a unit", "the closing"]
)
def test_an_incomplete_output_falls_back_or_goes_to_a_person(incomplete: Output | None):
    assert judge(incomplete, (), means=ANYTHING, limits=LIMITS).action is Action.FALL_BACK
    assert judge(incomplete, (), means=REPAIR_ONLY, limits=LIMITS).action is Action.ESCALATE


def test_an_output_that_the_model_itself_does_not_trust_goes_to_a_person():
    judged = judge(output(confidence=0.4), (), means=ANYTHING, limits=LIMITS)
    assert judged.action is Action.ESCALATE
    assert judged.sentence == ("The model itself trusts 9 units below 0.5: u001, u002, u003, u004, u005, ....")


def test_a_confidence_at_the_threshold_is_enough():
    assert judge(output(confidence=0.5), (), means=ANYTHING, limits=LIMITS).action is Action.PUBLISH


@pytest.mark.parametrize("results", [found(), found("u001"), found(*UNITS)])
def test_a_verdict_is_read_back_as_it_was_stored(results: list[Result]):
    assert from_json(to_json(verdict(results))) == verdict(results)
