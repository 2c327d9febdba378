"""The log of a pipeline: what single passes would have cost, never guessed in our favour; a bad line is named."""

import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from throughline.domain.models import find, unlisted
from throughline.domain.pipeline import Pain, pains, read_calls
from throughline.domain.pricing import UnlistedPrice, Usage, price
from throughline.errors import BadInput

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MODEL = find("claude-opus-5-5")
HEAD = "document,kind,purpose,input_tokens,output_tokens,source_tokens,cost_usd"


def ranked(*lines: str) -> tuple[Pain, ...]:
    return pains(read_calls([HEAD, *lines]), MODEL, NOW)


def usd(input_tokens: int, output_tokens: int, *, batch: bool) -> Decimal:
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    return price(usage, MODEL.id, batch=batch, at=NOW).usd


def test_a_single_pass_reads_the_source_once_and_writes_what_repairs_did_not():
    (pain,) = ranked("a,summary,part,900,500,1000,1", "a,summary,glue,900,100,,1", "a,summary,repair,900,300,,1")
    assert pain.single_usd == usd(1000, 600, batch=True)
    assert (pain.paid_usd, pain.saved_usd) == (3, 3 - pain.single_usd)
    assert (pain.repeated_tokens, pain.glue_calls, pain.repairs, pain.calls) == (1700, 1, 1, 3)


def test_without_the_sources_size_all_that_was_read_counts_as_read_once():
    (pain,) = ranked("a,,part,900,500,,1", "a,,part,900,500,,1")
    assert (pain.single_usd, pain.repeated_tokens, pain.kind) == (usd(1800, 1000, batch=True), 0, "any")


def test_a_call_without_a_cost_counts_at_the_list_price():
    (pain,) = ranked("a,summary,part,900,500,,")
    assert pain.paid_usd == usd(900, 500, batch=False)


def test_a_model_of_an_own_endpoint_counts_at_its_stated_price():
    own = unlisted("llama3.3", context_tokens=131_072, output_tokens=8_192)
    stated = UnlistedPrice(model="llama3.3", input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(2))
    (pain,) = pains(read_calls([HEAD, "a,summary,part,900,500,,"]), own, NOW, stated)
    assert pain.paid_usd == pain.single_usd == Decimal("0.0019")


def test_a_document_that_is_too_long_stays_as_it_is():
    (pain,) = ranked("a,summary,part,900,200000,,5", "a,summary,part,900,200000,,5")
    assert (pain.too_long, pain.single_usd, pain.saved_usd) == (1, 10, 0)


def test_the_dearest_pain_stands_first():
    found = ranked("a,summary,part,900,500,,1", "b,code_review,part,900,500,,9", "c,summary,part,900,70000,,5")
    assert [(pain.kind, pain.size) for pain in found] == [
        ("code_review", "under 4K"),
        ("summary", "64K and more"),
        ("summary", "under 4K"),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (",summary,part,1,1,,", "names no document"),
        ("a,summary,part,many,1,,", "input_tokens is 'many', not a whole number in plain digits"),
        ("a,summary,part,-1,1,,", "not a whole number"),
        ("a,summary,part,1,1,1e3,", "source_tokens is '1e3'"),
        ("a,summary,part,1,12,000,,", "more cells than the log has columns"),
        ("a,summary,dance,1,1,,", "'dance' is none of part, glue, repair"),
        ("a,summary,part,1,1,,cheap", "a cost is not an amount"),
        ("a,summary,part,1,1,,-1", "a cost is not an amount"),
        ("a", "fewer cells"),
    ],
)
def test_a_bad_line_is_named(line: str, why: str):
    with pytest.raises(BadInput, match=rf"Line 3 of the log cannot be read: .*{why}"):
        ranked("a,summary,part,1,1,,", line)


def test_a_log_needs_its_columns():
    with pytest.raises(BadInput, match="no column output_tokens"):
        read_calls(["document,input_tokens", "a,1"])


@pytest.mark.parametrize("line", ["a,summary,part,1,1,,\0", "x" * 200_000], ids=["NUL", "a field without end"])
def test_what_is_no_csv_is_one_sentence(line: str):
    with pytest.raises(BadInput, match=r"^(The log is no CSV that can be read|Line 2 of the log cannot be read)"):
        ranked(line)


def test_a_file_that_is_no_text_further_down_is_not_taken_for_a_bad_cell():
    """Who opened the file knows its name and says so."""
    log = "\n".join([HEAD, *["a,summary,part,1,1,,"] * 1_000]).encode() + b"\n\xff\n"
    with io.TextIOWrapper(io.BytesIO(log), encoding="utf-8") as lines, pytest.raises(UnicodeDecodeError):
        read_calls(lines)


def test_a_log_needs_calls():
    with pytest.raises(BadInput, match="no calls"):
        read_calls([HEAD])
