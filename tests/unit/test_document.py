"""The output as Markdown and JSON: closing first, units in outline order, missing ones named."""

import json

import pytest

from throughline.domain.document import Output, to_json, to_markdown
from throughline.domain.outline import Outline, OutlineUnit
from throughline.domain.output import (
    Citation,
    Claim,
    Closing,
    CodeReviewUnit,
    Finding,
    Option,
    Relation,
    ResearchClosing,
    ResearchUnit,
    SummaryUnit,
    SynthesisUnit,
    Unit,
)

QUOTE = Citation(source="a.md", quote="Word  for\nword.")
CLOSING = Closing(overview="The whole.", key_points=["One.", "Two."])


def summary(unit_id: str) -> SummaryUnit:
    return SummaryUnit(unit_id=unit_id, heading=f"About {unit_id}", body="Body.", citations=[QUOTE], confidence=0.876)


def output(*units: Unit, wanted: tuple[str, ...] = ("u001",), closing: Closing | None = None) -> Output:
    outline = Outline(units=tuple(OutlineUnit(id=unit_id, heading=f"Planned {unit_id}") for unit_id in wanted))
    return Output(title="Title", outline=outline, units={unit.unit_id: unit for unit in units}, closing=closing)


def test_a_summary_unit_is_heading_body_quotes_and_confidence():
    assert to_markdown(output(summary("u001"))) == (
        "# Title\n\n## About u001\n\nBody.\n\n> Word for word.\n> — a.md\n\n*Confidence 0.88*\n"
    )


def test_the_closing_stands_before_the_units():
    assert to_markdown(output(summary("u001"), closing=CLOSING)).startswith(
        "# Title\n\nThe whole.\n\n- One.\n- Two.\n\n## About u001\n\n"
    )


def test_a_closing_without_key_points_is_its_overview():
    closing = Closing(overview="The whole.", key_points=[])
    assert to_markdown(output(wanted=(), closing=closing)) == "# Title\n\nThe whole.\n"


def test_units_follow_the_outline_whatever_order_they_came_in():
    both = output(summary("u002"), summary("u001"), wanted=("u001", "u002"))
    assert [unit.unit_id for unit in both.ordered] == ["u001", "u002"]
    assert to_markdown(both).index("About u001") < to_markdown(both).index("About u002")


def test_a_missing_unit_is_named_by_its_planned_heading():
    text = to_markdown(output(summary("u002"), wanted=("u001", "u002")))
    assert text.startswith("# Title\n\n## Planned u001\n\n*This unit is missing.*\n\n## About u002\n")


def test_a_unit_that_the_outline_does_not_have_is_left_out():
    assert "u009" not in to_markdown(output(summary("u001"), summary("u009")))


def test_a_review_unit_lists_its_findings_with_place_and_line():
    finding = Finding(
        path="a.py",
        start_line=3,
        end_line=4,
        severity="major",
        category="security",
        claim="Unsafe.",
        quote="eval(x)",
        suggestion="Parse it.",
    )
    unit = CodeReviewUnit(unit_id="u001", heading="a.py", body="Body.", citations=[], confidence=1, findings=[finding])
    assert to_markdown(output(unit)) == (
        "# Title\n\n## a.py\n\nBody.\n\n- **major** (security) `a.py:3-4`: Unsafe. Parse it.\n\n"
        "> eval(x)\n> — a.py\n\n*Confidence 1.00*\n"
    )


def test_a_finding_in_one_line_names_that_line_alone():
    finding = Finding(
        path="a.py",
        start_line=3,
        end_line=3,
        severity="info",
        category="security",
        claim="C.",
        quote="x",
        suggestion="S.",
    )
    unit = CodeReviewUnit(unit_id="u001", heading="a.py", body="Body.", citations=[], confidence=1, findings=[finding])
    assert "- **info** (security) `a.py:3`: C. S." in to_markdown(output(unit))


def test_a_research_unit_lists_its_claims_with_strength_and_evidence():
    claims = [Claim(claim="It holds.", strength="weak", evidence=[QUOTE])]
    unit = ResearchUnit(unit_id="u001", heading="H", body="Body.", citations=[], confidence=0, claims=claims)
    assert "Body.\n\n- It holds. (weak)\n\n> Word for word.\n> — a.md\n\n*Confidence 0.00*" in to_markdown(output(unit))


def test_a_research_closing_weighs_options_and_names_gaps():
    closing = ResearchClosing(
        overview="The whole.",
        key_points=["One."],
        options=[Option(name="Wait", advantages=["Cheap."], drawbacks=["Slow.", "Dull."])],
        gaps=["When?"],
    )
    assert to_markdown(output(wanted=(), closing=closing)) == (
        "# Title\n\nThe whole.\n\n- One.\n\n**Option: Wait**\n\n- For: Cheap.\n"
        "- Against: Slow.\n- Against: Dull.\n\n**Open:**\n\n- When?\n"
    )


@pytest.mark.parametrize(
    ("advantages", "drawbacks", "points"),
    [
        pytest.param([], [], "", id="neither"),
        pytest.param(["Cheap."], [], "- For: Cheap.\n\n", id="advantages alone"),
        pytest.param([], ["Slow."], "- Against: Slow.\n\n", id="drawbacks alone"),
    ],
)
def test_an_option_without_points_leaves_no_empty_block(advantages: list[str], drawbacks: list[str], points: str):
    option = Option(name="Wait", advantages=advantages, drawbacks=drawbacks)
    closing = ResearchClosing(overview="The whole.", key_points=[], options=[option], gaps=["When?"])
    assert to_markdown(output(wanted=(), closing=closing)) == (
        f"# Title\n\nThe whole.\n\n**Option: Wait**\n\n{points}**Open:**\n\n- When?\n"
    )


def test_a_research_closing_may_leave_nothing_open():
    closing = ResearchClosing(overview="The whole.", key_points=[], options=[], gaps=[])
    assert to_markdown(output(wanted=(), closing=closing)) == "# Title\n\nThe whole.\n"


def test_a_synthesis_unit_quotes_both_sides_of_each_relation():
    other = Citation(source="b.md", quote="Otherwise.")
    unit = SynthesisUnit(
        unit_id="u001",
        heading="H",
        body="Body.",
        citations=[],
        confidence=0.5,
        agreements=[Relation(statement="Same.", first=QUOTE, second=QUOTE)],
        contradictions=[Relation(statement="Not the same.", first=QUOTE, second=other)],
    )
    first = "> Word for word.\n> — a.md\n\n"
    assert (
        f"Body.\n\n- **Agreement:** Same.\n\n{first}{first}"
        f"- **Contradiction:** Not the same.\n\n{first}> Otherwise.\n> — b.md\n\n*Confidence 0.50*"
    ) in to_markdown(output(unit))


@pytest.mark.parametrize("closing", [CLOSING, None], ids=["closing", "no closing"])
def test_the_json_has_the_units_in_order_and_names_the_missing(closing: Closing | None):
    data = to_json(output(summary("u003"), summary("u001"), wanted=("u001", "u002", "u003"), closing=closing))
    assert json.loads(json.dumps(data)) == data
    assert [unit["unit_id"] for unit in data["units"]] == ["u001", "u003"]
    assert data["missing_units"] == ["u002"]
    assert data["closing"] == (closing.model_dump() if closing else None)
    assert data["title"] == "Title"
