"""Chunking's overhead: five sums that count nothing twice, the dearest kind and size first, few jobs last."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from throughline.domain.chain import LinkKind
from throughline.domain.job import Role
from throughline.domain.overhead import (
    LEAST_JOBS,
    Burden,
    Calls,
    Chain,
    Overhead,
    Purpose,
    burdens,
    measured,
    notes,
    purpose,
    to_json,
)
from throughline.domain.pricing import Usage, price_alike
from throughline.domain.spending import Group

DAY = date(2026, 11, 22)
RATE = Decimal(60)
MODEL = "claude-opus-5-5"
GROUP = Group(
    key=(),
    model=MODEL,
    day=DAY,
    batch=False,
    listed=True,
    fruitless=False,
    calls=1,
    longest_prompt_tokens=0,
    input_tokens=0,
    cache_read_tokens=0,
    cache_write_tokens=0,
    output_tokens=0,
    thinking_tokens=0,
    wasted_tokens=0,
    paid_usd=Decimal(0),
    unknown_usd=Decimal(0),
)


def usd(input_tokens: int = 0, output_tokens: int = 0) -> Decimal:
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    return price_alike(usage, MODEL, prompt_tokens=1_000, batch=False, day=DAY)


def group(calls: int = 1, input_tokens: int = 1_000, output_tokens: int = 500, **changed: Any) -> Group:
    given: dict[str, Any] = {
        "longest_prompt_tokens": input_tokens // calls,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "paid_usd": usd(input_tokens, output_tokens),
        **changed,
    }
    return replace(GROUP, calls=calls, **given)


def chain(*calls: Calls, **changed: Any) -> Chain:
    given: dict[str, Any] = {
        "kind": "summary",
        "forecast_tokens": 5_000,
        "single_pass_tokens": 1_000,
        "once_counted": False,
        "calls": calls,
        "repeated_share": None,
        "minutes": 0.0,
        **changed,
    }
    return Chain(**given)


def writing(*args: int, **changed: Any) -> Calls:
    return Calls(purpose=Purpose.WRITING, group=group(*args, **changed))


def other(purpose: Purpose, **changed: Any) -> Calls:
    return Calls(purpose=purpose, group=group(**changed))


def test_what_is_read_beyond_one_reading_is_repeated_and_costs_what_reading_it_cost():
    found = measured(chain(writing(3, 3_000)), RATE)
    assert (found.repeated_tokens, found.repeated_usd) == (2_000, usd(2_000))
    assert found.total_usd == usd(2_000)


def test_a_single_call_repeats_nothing_however_long_its_prompt():
    assert measured(chain(writing(1, 9_000)), RATE) == Overhead()


def test_parts_that_share_the_sources_out_repeat_nothing():
    assert measured(chain(writing(3, 900)), RATE) == Overhead()


def test_one_reading_is_as_long_as_the_longest_prompt_at_least():
    assert measured(chain(writing(3, 6_000)), RATE).repeated_tokens == 4_000
    assert measured(chain(writing(3, 6_000), single_pass_tokens=3_000), RATE).repeated_tokens == 3_000


def test_a_cache_that_made_reading_again_cheap_makes_the_overhead_small():
    cached = writing(3, 3_000, paid_usd=usd(1_200, 500))
    assert measured(chain(cached), RATE).repeated_usd == usd(200)


def test_reading_again_that_cost_less_than_one_reading_costs_nothing():
    assert measured(chain(writing(3, 3_000, paid_usd=usd(100, 500))), RATE).repeated_usd == 0


def test_without_a_price_the_share_of_tokens_is_taken_of_what_was_paid():
    found = measured(chain(writing(3, 3_000, 1_000, listed=False, paid_usd=Decimal(4)), repeated_share=0.5), RATE)
    assert (found.repeated_usd, found.duplicated_usd) == (Decimal(2), Decimal("0.5"))


def test_glue_and_what_is_written_again_are_whole_calls():
    found = measured(chain(writing(), other(Purpose.GLUE), other(Purpose.AGAIN, calls=2)), RATE)
    assert (found.glue_calls, found.glue_tokens, found.glue_usd) == (1, 1_500, usd(1_000, 500))
    assert (found.again_calls, found.again_tokens, found.again_usd) == (2, 1_500, usd(1_000, 500))


def test_duplicated_text_is_a_share_of_the_visible_output_of_writing_calls():
    thinking = writing(1, 1_000, 500, thinking_tokens=100)
    found = measured(chain(thinking, other(Purpose.GLUE), repeated_share=0.25), RATE)
    assert (found.duplicated_tokens, found.duplicated_usd) == (100, usd(0, 100))


def test_minutes_of_reading_count_at_their_rate():
    found = measured(chain(writing(), minutes=12.0), RATE)
    assert (found.minutes, found.human_usd, found.total_usd) == (12.0, Decimal(12), Decimal(12))


@pytest.mark.parametrize(
    ("role", "kind", "expected"),
    [
        (Role.PRIMARY, LinkKind.PART, Purpose.WRITING),
        (Role.PRIMARY, LinkKind.OUTLINE, Purpose.GLUE),
        (Role.COMPARISON, LinkKind.CLOSING, Purpose.GLUE),
        (Role.PRIMARY, LinkKind.CONTINUATION, Purpose.AGAIN),
        (Role.PRIMARY, LinkKind.REPAIR, Purpose.AGAIN),
        (Role.REPAIR, LinkKind.PART, Purpose.AGAIN),
        (Role.REPAIR, LinkKind.CLOSING, Purpose.AGAIN),
    ],
)
def test_every_link_has_one_purpose(role: Role, kind: LinkKind, expected: Purpose):
    assert purpose(role, kind) is expected


def ranked(**minutes_by_kind: tuple[int, float]) -> tuple[Burden, ...]:
    """So many jobs of each kind, each with so many minutes of reading."""
    chains = [
        chain(writing(), kind=kind, minutes=minutes)
        for kind, (jobs, minutes) in minutes_by_kind.items()
        for _ in range(jobs)
    ]
    return burdens(chains, RATE)


def test_the_dearest_overhead_stands_first():
    found = ranked(summary=(LEAST_JOBS, 1.0), synthesis=(LEAST_JOBS, 3.0), code_review=(LEAST_JOBS, 2.0))
    assert [(row.kind, row.rank) for row in found] == [("synthesis", 1), ("code_review", 2), ("summary", 3)]
    assert (found[0].overhead.total_usd, found[0].usd_a_job) == (3 * LEAST_JOBS, 3)


def test_too_few_jobs_have_no_rank_and_stand_last():
    found = ranked(synthesis=(LEAST_JOBS - 1, 100.0), summary=(LEAST_JOBS, 1.0))
    assert [(row.kind, row.says) for row in found] == [
        ("summary", "rank 1"),
        ("synthesis", f"too few to say ({LEAST_JOBS - 1} of {LEAST_JOBS})"),
    ]


def test_size_classes_are_by_forecast():
    found = burdens([chain(writing(), forecast_tokens=tokens) for tokens in (3_000, 5_000, 5_001)], RATE)
    assert [(row.size, row.jobs) for row in found] == [("under 4K", 1), ("4K to 16K", 2)]


def test_all_that_the_chains_paid_is_beside_their_overhead():
    (row,) = burdens([replace(chain(writing(), other(Purpose.GLUE)), once_counted=True)], RATE)
    assert (row.paid_usd, row.once_counted) == (2 * usd(1_000, 500), 1)


def test_the_notes_say_how_many_readings_were_counted():
    rows = burdens([chain(writing(), once_counted=True), chain(writing())], RATE)
    assert "counted for 1 of 2 jobs" in notes(RATE, rows)[0]


def test_json_has_every_overhead_exact():
    (row,) = to_json(burdens([chain(writing(3, 3_000), minutes=1.5)], RATE))
    assert Decimal(row["repeated_usd"]) == usd(2_000)
    assert Decimal(row["overhead_usd"]) == usd(2_000) + Decimal("1.5")
    assert (row["rank"], row["jobs"], row["minutes"], row["size"]) == (None, 1, 1.5, "4K to 16K")
