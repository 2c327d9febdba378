"""The table of total cost, in each of its forms: what stands there adds up, and text stays text."""

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal

from throughline.domain.ownership import (
    COLUMNS,
    Ownership,
    Row,
    human_usd,
    to_csv,
    to_html,
    to_json,
    to_markdown,
    total,
)
from throughline.domain.spending import Spent

SPENT = Spent(
    calls=3,
    prompt_tokens=12_345,
    output_tokens=678,
    list_usd=Decimal("1.5"),
    batch_discount_usd=Decimal("0.5"),
    cache_discount_usd=Decimal("-0.25"),
    paid_usd=Decimal("1.250000000001"),
    wasted_usd=Decimal("0.1"),
)
ROW = Row(name="summary", jobs=2, attempts=3, spent=SPENT, reviews=1, minutes=12.5, human_usd=Decimal("12.5"))
ROWS = (ROW, replace(ROW, name="synthesis", minutes=0.0, human_usd=Decimal(0)))
TABLE = Ownership(
    by="kind", simulated=False, since=None, usd_per_hour=Decimal(60), rows=ROWS, total=total(ROWS, jobs=3)
)


def test_people_cost_their_minutes_at_the_rate():
    assert human_usd(12.5, Decimal(60)) == Decimal("12.5")


def test_a_row_costs_what_was_paid_and_peoples_time():
    assert ROW.total_usd == Decimal("13.750000000001")


def test_the_total_adds_up_its_rows_but_counts_a_job_once():
    assert TABLE.total.jobs == 3
    assert TABLE.total.spent == SPENT + SPENT
    assert (TABLE.total.attempts, TABLE.total.reviews, TABLE.total.minutes) == (6, 2, 12.5)
    assert TABLE.total.total_usd == Decimal("15.000000000002")


def test_the_markdown_table_has_a_line_a_row_and_the_total():
    lines = [line for line in to_markdown(TABLE).split("\n") if line.startswith("|")]
    assert [line.split("|")[1].strip() for line in lines] == ["kind", "---", "summary", "synthesis", "total"]
    assert len({line.count("|") for line in lines}) == 1
    assert "-$0.2500" in lines[2]


def test_the_csv_is_exact_and_says_which_world_it_is():
    (first, _) = csv.DictReader(io.StringIO(to_csv(TABLE)))
    assert (first["kind"], first["simulated"], first["paid_usd"]) == ("summary", "0", "1.250000000001")
    assert set(first) == {"kind", "simulated", *(column.key for column in COLUMNS)}


def test_the_json_is_exact():
    data = json.loads(json.dumps(to_json(TABLE)))
    assert data["total"]["paid_usd"] == "2.500000000002"
    assert [row["name"] for row in data["rows"]] == ["summary", "synthesis"]
    assert (data["by"], data["usd_per_hour"], data["rows"][0]["minutes"]) == ("kind", "60", 12.5)


def test_a_simulated_table_says_so():
    assert "nothing was paid" in to_markdown(replace(TABLE, simulated=True))
    assert "nothing was paid" not in to_markdown(TABLE)


def test_what_nobody_knows_is_said_below():
    unknown = replace(TABLE, total=replace(TABLE.total, spent=replace(SPENT, unknown_usd=Decimal("0.75"))))
    assert "may cost $0.7500 more" in to_markdown(unknown)


def test_the_page_escapes_names():
    page = to_html({"By <b>": replace(TABLE, rows=(replace(ROW, name="<script>"),))}, "What & why")
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "What &amp; why" in page


def test_a_page_without_tables_is_a_page():
    assert "<h1>Nothing</h1>" in to_html({}, "Nothing")
