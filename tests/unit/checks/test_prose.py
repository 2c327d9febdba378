"""A body is read sentence by sentence, without Markdown's own marks."""

import pytest

from tests.unit.checks.support import output, quote, remark, review, unit
from throughline.domain.checks.prose import Block, blocks, ends_in_code, sentences, statements
from throughline.domain.output import Claim, Closing, Relation, ResearchUnit, SynthesisUnit

BODY = """\
# A heading

First line
of a paragraph. And 3. more - here.
- an item
- another
1. numbered

| Name | Value |
|---|---|
| a | 1 |

> quoted text

```python
x = 1
``` not closed
# no heading
```
After it.
"""


def test_blocks_are_told_apart():
    assert list(blocks(BODY)) == [
        (Block.HEADING, "A heading"),
        (Block.PARAGRAPH, "First line\nof a paragraph. And 3. more - here."),
        (Block.ITEM, "an item"),
        (Block.ITEM, "another"),
        (Block.ITEM, "numbered"),
        (Block.ROW, "| Name | Value |"),
        (Block.ROW, "| a | 1 |"),
        (Block.PARAGRAPH, "quoted text"),
        (Block.CODE, "```python"),
        (Block.CODE, "x = 1"),
        (Block.CODE, "``` not closed"),
        (Block.CODE, "# no heading"),
        (Block.CODE, "```"),
        (Block.PARAGRAPH, "After it."),
    ]


def test_a_paragraph_ends_where_a_block_of_code_begins():
    assert list(blocks("Text\n```\ncode\n```")) == [
        (Block.PARAGRAPH, "Text"),
        (Block.CODE, "```"),
        (Block.CODE, "code"),
        (Block.CODE, "```"),
    ]


@pytest.mark.parametrize(
    ("text", "open_end"),
    [
        pytest.param("```\nx", True, id="open"),
        pytest.param("```\nx\n```", False, id="closed"),
        pytest.param("~~~\n```\nx", True, id="other-mark"),
        pytest.param("```\n``` python", True, id="no-closing-mark"),
        pytest.param("no code", False, id="none"),
    ],
)
def test_a_block_of_code_ends_only_with_its_own_mark(text: str, open_end: bool):
    assert ends_in_code(text) is open_end


def test_shortenings_and_initials_end_no_sentence():
    text = "See e.g. Figures. Dr. Who and J. Doe came. It is (so.) Yes! 3 came? No."
    assert sentences(text) == ["See e.g. Figures.", "Dr. Who and J. Doe came.", "It is (so.", "Yes!", "3 came?", "No."]


def test_every_kind_of_unit_speaks_in_all_its_parts():
    claim = Claim(claim="It is so.", strength="strong", evidence=[])
    research = ResearchUnit(unit_id="u001", heading="H", body="Body.", citations=[], confidence=1, claims=[claim])
    relation = Relation(statement="Both say so.", first=quote("a"), second=quote("b"))
    synthesis = SynthesisUnit(
        unit_id="u002", heading="H", body="Body.", citations=[], confidence=1,
        agreements=[relation], contradictions=[relation],
    )  # fmt: skip
    reviewed = review(remark("x", 1, 1)).model_copy(update={"unit_id": "u003"})
    closing = Closing(overview="All. Said.", key_points=["Point."])
    said = [
        (s.where, s.part)
        for s in statements(output(research, synthesis, reviewed, unit("Code:\n```\nx\n```", 4), closing=closing))
    ]
    assert said == [
        ("u001", "body"),
        ("u001", "claims[0]"),
        ("u002", "body"),
        ("u002", "agreements[0]"),
        ("u002", "contradictions[0]"),
        ("u003", "body"),
        ("u003", "findings[0].claim"),
        ("u004", "body"),
        ("closing", "overview"),
        ("closing", "overview"),
        ("closing", "key_points[0]"),
    ]


def test_an_output_without_a_closing_has_nothing_to_say_there():
    assert [s.where for s in statements(output(unit("So."), closing=None))] == ["u001"]
