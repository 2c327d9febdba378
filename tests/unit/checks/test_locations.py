"""A finding of a code review points at a file, at lines that it has, and at the line that it quotes."""

import pytest

from tests.unit.checks.support import bodies, check, only, output, remark, review, source, told
from throughline.domain.output import Finding
from throughline.domain.source import Format

CODE = source(
    "import os\n\n\ndef first(a,\n          b):\n    return a + b\n\n\ndef second():\n    return 1\n    return 1",
    "src/code.py",
    Format.CODE,
)
DIFF = source(
    "diff --git a/old.py b/old.py\n--- a/old.py\n+++ b/old.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n", "c.diff", Format.DIFF
)
BROKEN = source("this is no diff", "broken.diff", Format.DIFF)


def where(finding: Finding):
    return check("code_locations", output(review(finding)), CODE, DIFF, BROKEN)


@pytest.mark.parametrize(
    "finding",
    [
        pytest.param(remark("return a + b", 6, 6, CODE.name), id="one-line"),
        pytest.param(remark("return  a + b", 4, 10, CODE.name), id="wider-range"),
        pytest.param(remark("def first(a,\n b):", 4, 5, CODE.name), id="two-lines"),
        pytest.param(remark("return 1", 11, 11, CODE.name), id="last-line-of-several-alike"),
        pytest.param(remark("", 6, 6, CODE.name), id="empty-quote"),
        pytest.param(remark("x = 2", 1, 900, "old.py"), id="file-of-a-diff"),
        pytest.param(remark("x = 2", 6, 6, "c.diff"), id="line-of-a-diff"),
    ],
)
def test_a_finding_that_points_at_what_it_quotes_passes(finding: Finding):
    assert told(where(finding)) == []


@pytest.mark.parametrize(
    ("finding", "what"),
    [
        pytest.param(remark("import os", 1, 1), "No source is called code.py; there is src/code.py.", id="path"),
        pytest.param(remark("import os", 1, 1, "x.py"), "No source is called x.py.", id="unknown"),
        pytest.param(
            remark("import os", 0, 1, CODE.name), "has lines 1 to 11; the finding points at 0 to 1.", id="zero"
        ),
        pytest.param(remark("x = 2", 1, 1, "c.diff"), "which stands in line 6.", id="line-of-a-diff"),
        pytest.param(remark("import os", 3, 2, CODE.name), "points at 3 to 2", id="backwards"),
        pytest.param(remark("return 1", 11, 12, CODE.name), "points at 11 to 12", id="behind-the-end"),
        pytest.param(remark("return a + b", 1, 3, CODE.name), "without the quote, which stands in line 6.", id="range"),
        pytest.param(remark("a, b): return a", 9, 9, CODE.name), "stands in lines 4 to 6.", id="across-lines"),
        pytest.param(remark("return 1 return 1", 1, 2, CODE.name), "stands in lines 10 to 11.", id="to-the-end"),
        pytest.param(remark("return 1 return 2", 1, 2, CODE.name), "the rest of the file does not", id="runs-out"),
        pytest.param(remark("first(a, c", 1, 2, CODE.name), "the rest of the file does not", id="nowhere"),
        pytest.param(remark("os is", 1, 2, CODE.name), "the rest of the file does not", id="begins-and-differs"),
    ],
)  # fmt: skip
def test_a_finding_that_points_elsewhere_is_an_error(finding: Finding, what: str):
    result = where(finding)
    assert not result.passed
    assert what in only(result).what
    assert only(result).part == "findings[0]"


def test_the_lines_that_do_hold_the_quote_are_given_in_the_source():
    span = only(where(remark("return 1", 1, 1, CODE.name))).span
    assert span is not None
    assert CODE.text[span.start : span.end] == "    return 1\n"


def test_the_last_line_counts_only_when_it_holds_something():
    ends = source("a = 1\nb = 2\n", "ends.py", Format.CODE)
    result = check("code_locations", output(review(remark("b = 2", 3, 3, "ends.py"))), ends)
    assert only(result).what.startswith("ends.py has lines 1 to 2")
    last = check("code_locations", output(review(remark("b = 2", 1, 1, "ends.py"))), ends)
    assert "stands in line 2" in only(last).what


def test_other_kinds_point_at_no_lines():
    assert check("code_locations", bodies("Text."), CODE).measures == {"findings": 0, "wrong": 0}
