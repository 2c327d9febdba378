"""A log of requests is read strictly: whatever cannot be meant as it stands is refused with its line."""

import io
from datetime import UTC, datetime

import pytest

from throughline.domain.learning.logs import Row, read_rows
from throughline.errors import BadInput

HEAD = "time,input_tokens,output_tokens,kind,truncated,user"
GOOD = "2026-01-01,1,2,,,"


def test_rows_are_read_in_time_order_with_their_optional_columns():
    lines = [HEAD, "2026-01-02T10:00:00+00:00,10,20,chat,true,x", GOOD]
    assert read_rows(lines) == [
        Row(at=datetime(2026, 1, 1, tzinfo=UTC), input_tokens=1, output_tokens=2),
        Row(at=datetime(2026, 1, 2, 10, tzinfo=UTC), input_tokens=10, output_tokens=20, kind="chat", truncated=True),
    ]


def test_the_three_columns_are_enough():
    assert read_rows(["time,input_tokens,output_tokens", "2026-01-01,1,2"])[0].kind == "any"


def test_spaces_around_a_cell_and_empty_lines_mean_nothing():
    assert read_rows([HEAD, " 2026-01-01 , 1 ,2, , ,", "", GOOD]) == read_rows([HEAD, GOOD, GOOD])


@pytest.mark.parametrize(
    ("mark", "truncated"), [("1", True), ("TRUE", True), ("yes", True), ("0", False), ("no", False), ("", False)]
)
def test_a_cut_is_marked_in_a_few_ways(mark: str, truncated: bool):
    assert read_rows([HEAD, f"2026-01-01,1,2,chat,{mark},"])[0].truncated is truncated


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param("yesterday,1,2,,,", "time is 'yesterday', not ISO 8601 such as", id="no time"),
        pytest.param("1767225600,1,2,,,", "time is '1767225600', not ISO 8601", id="seconds since 1970"),
        pytest.param("2026-01-01,1,,,,", "output_tokens is '', not a whole number", id="no number"),
        pytest.param("2026-01-01,1,-2,,,", "output_tokens is '-2', not a whole number", id="negative"),
        pytest.param("2026-01-01,1.5,2,,,", "input_tokens is '1.5', not a whole number", id="a fraction"),
        pytest.param('2026-01-01,"1,000",2,,,', "input_tokens is '1,000', not a whole number", id="with separators"),
        pytest.param("2026-01-01,1,²,,,", "output_tokens is '²', not a whole number", id="no plain digit"),
        pytest.param("2026-01-01,1,1000000001,,,", "output_tokens is '1000000001', more than 1,000,000,000", id="huge"),
        pytest.param(f"2026-01-01,1,{'9' * 5_000},,,", f"'{'9' * 60}...', more than", id="thousands of digits"),
        pytest.param("2026-01-01,1,2,,maybe,", "truncated is 'maybe', neither 1 nor 0", id="no mark of a cut"),
        pytest.param("2026-01-01,1,2", "fewer cells than the log has columns", id="too few cells"),
        pytest.param("2026-01-01,1,2,a,0,b,c", "more cells than the log has columns", id="too many cells"),
        pytest.param(f"2026-01-01,1,2,{'a' * 200_000},,", "field larger than field limit", id="a cell too long"),
        pytest.param('2026-01-01,1,2,"a,,', "unexpected end of data", id="a quote that does not end"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_the_reason(line: str, says: str):
    with pytest.raises(BadInput) as refused:
        read_rows([HEAD, GOOD, line])
    assert str(refused.value).startswith("Line 3 of the log cannot be read: ")
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        pytest.param([], "no column time, input_tokens, output_tokens", id="nothing at all"),
        pytest.param(["time,tokens", "2026-01-01,2"], "no column input_tokens, output_tokens", id="other names"),
        pytest.param(
            ["time;input_tokens;output_tokens"],
            "separated by commas; it is 'time;input_tokens;output_tokens'",
            id="other separators",
        ),
        pytest.param(["time,input_tokens,output_tokens,time"], "the column time more than once", id="a name twice"),
        pytest.param([HEAD], "no rows below its first line", id="no rows"),
        pytest.param(['"time'], "Line 1 of the log cannot be read", id="a first line that does not end"),
    ],
)
def test_a_log_without_its_columns_or_rows_is_refused(lines: list[str], says: str):
    with pytest.raises(BadInput, match=says):
        read_rows(lines)


def test_a_file_that_is_no_text_is_not_taken_for_a_bad_cell():
    """Who opened the file knows its name and says so."""
    with io.TextIOWrapper(io.BytesIO(b"time,\xff\n"), encoding="utf-8") as lines, pytest.raises(UnicodeDecodeError):
        read_rows(lines)
