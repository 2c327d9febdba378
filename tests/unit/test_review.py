"""A decision says what, who and where from; the rest has its default."""

from throughline.domain.review import Choice, Decision, OnExpiry, Origin


def test_a_decision_without_minutes_takes_those_that_were_counted():
    decision = Decision(choice=Choice.APPROVE, reviewer="Ada", came_from=Origin.PAGE)
    assert (decision.minutes, decision.attempt_id, decision.path, decision.reason) == (None, None, None, "")


def test_the_words_of_a_decision_are_those_that_people_type():
    assert [str(choice) for choice in Choice] == ["approve", "reject", "rerun"]
    assert [str(choice) for choice in OnExpiry] == ["reject", "publish"]
