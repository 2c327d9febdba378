"""A request carries the text that its units need, under the name that citations use, and no more."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.ask import Document
from throughline.domain.documents import digest, excerpts, named, upper_tokens, whole
from throughline.domain.job import Kind
from throughline.domain.outline import OutlineUnit
from throughline.domain.source import Format, Source, Span

PROSE = Source(name="a.md", format=Format.MARKDOWN, text="# One\nfirst\n# Two\nsecond\n# Three\nthird")
CODE = Source(name="b.py", format=Format.CODE, text="import a\n\ndef f():\n    return 1")
SECTION = "## Heading of a section\n\n" + "A sentence of some length stands here. " * 40 + "\n\n"
LONG = Source(name="long.md", format=Format.MARKDOWN, text=SECTION * 20)


def covering(*spans: tuple[str, int, int]) -> OutlineUnit:
    return OutlineUnit(
        id="u001",
        heading="H",
        spans=tuple(Span(source=source, start=start, end=end) for source, start, end in spans),
    )


def naming(*sources: str) -> OutlineUnit:
    return OutlineUnit(id="u001", heading="H", sources=sources)


def test_a_whole_source_is_one_document_under_its_name():
    assert whole([PROSE], Kind.SUMMARY) == (Document(title="a.md", text=PROSE.text),)


def test_lines_of_code_carry_their_number_in_a_review():
    assert whole([CODE], Kind.CODE_REVIEW)[0].text == "1|import a\n2|\n3|def f():\n4|    return 1"


@pytest.mark.parametrize("kind", sorted(set(Format) - {Format.CODE}))
def test_a_review_numbers_whatever_it_reads(kind: Format):
    source = Source(name="a", format=kind, text="first\nsecond\n")
    assert whole([source], Kind.CODE_REVIEW)[0].text == "1|first\n2|second\n"


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.CODE_REVIEW}))
def test_what_is_not_reviewed_reads_code_as_it_stands_so_that_quotes_hold_no_numbers(kind: Kind):
    assert whole([CODE], kind)[0].text == CODE.text
    start = CODE.text.index("def f")
    (excerpt,) = excerpts([covering((CODE.name, start, len(CODE.text)))], [CODE], kind)
    assert excerpt.text == CODE.text[start:]


@pytest.mark.parametrize(
    ("text", "numbered"),
    [
        pytest.param("a\nb\n", "1|a\n2|b\n", id="a final newline"),
        pytest.param("a\n\n", "1|a\n2|\n", id="a blank last line"),
        pytest.param("a\rb\r\nc", "1|a\r2|b\r\n3|c", id="every line end of a parser"),
        pytest.param("a\fb\u2028c\vd\x85e", "1|a\fb\u2028c\vd\x85e", id="no line end of a parser"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_a_number_stands_before_every_line_that_a_parser_counts_and_nowhere_else(text: str, numbered: str):
    assert whole([replace(CODE, text=text)], Kind.CODE_REVIEW)[0].text == numbered


@settings(max_examples=50)
@given(st.text(st.sampled_from("ab\n\f\u2028"), max_size=20), st.integers(0, 20))
def test_an_excerpt_that_begins_a_line_is_numbered_as_in_the_whole(text: str, at: int):
    start = text.rfind("\n", 0, at) + 1
    source = replace(CODE, text=text)
    (excerpt,) = excerpts([covering(("b.py", start, len(text)))], [source], Kind.CODE_REVIEW)
    assert whole([source], Kind.CODE_REVIEW)[0].text.endswith(excerpt.text)


def test_an_excerpt_of_code_keeps_the_numbers_behind_line_ends_of_every_kind():
    text = "a\rb\fc\nlast"
    (excerpt,) = excerpts(
        [covering(("b.py", text.index("last"), len(text)))], [replace(CODE, text=text)], Kind.CODE_REVIEW
    )
    assert excerpt.text == "3|last"


def test_an_excerpt_of_code_keeps_the_numbers_of_the_file():
    start = CODE.text.index("def f")
    assert excerpts([covering(("b.py", start, len(CODE.text)))], [PROSE, CODE], Kind.CODE_REVIEW) == (
        Document(title="b.py", text="3|def f():\n4|    return 1"),
    )


def test_adjacent_stretches_of_a_source_are_one_document():
    units = [covering(("a.md", 0, 6)), covering(("a.md", 6, 12))]
    assert excerpts(units, [PROSE], Kind.SUMMARY) == (Document(title="a.md", text="# One\nfirst\n"),)


@pytest.mark.parametrize(
    ("spans", "texts"),
    [
        pytest.param((("a.md", 0, 5), ("a.md", 6, 11)), ["# One", "first"], id="a gap"),
        pytest.param((("a.md", 0, 5), ("b.py", 5, 8)), ["# One", "t a"], id="another source"),
    ],
)
def test_stretches_that_do_not_touch_are_documents_of_their_own(
    spans: tuple[tuple[str, int, int], ...], texts: list[str]
):
    assert [document.text for document in excerpts([covering(*spans)], [PROSE, CODE], Kind.SUMMARY)] == texts


@settings(max_examples=30)
@given(st.lists(st.integers(0, len(PROSE.text)), min_size=1))
def test_excerpts_of_all_units_are_the_source(cuts: list[int]):
    bounds = [0, *sorted(cuts), len(PROSE.text)]
    units = [covering(("a.md", start, end)) for start, end in pairwise(bounds)]
    assert excerpts(units, [PROSE], Kind.SUMMARY) == whole([PROSE], Kind.SUMMARY)


def test_units_get_the_sources_that_they_name_in_the_order_of_the_job():
    third = Source(name="c", format=Format.TEXT, text="c")
    assert named([naming("c"), naming("a.md")], [PROSE, CODE, third]) == (PROSE, third)


@pytest.mark.parametrize("unit", [naming(), naming("nowhere")], ids=["none", "an unknown one"])
def test_units_that_name_no_source_of_the_job_get_all_of_them(unit: OutlineUnit):
    assert named([unit], [PROSE, CODE]) == (PROSE, CODE)


def test_sources_that_fit_are_not_cut():
    assert digest([PROSE, CODE], 1_000) == whole([PROSE, CODE], Kind.SYNTHESIS)


def test_no_sources_make_no_digest():
    assert digest([], 10) == ()


@settings(max_examples=15)
@given(st.integers(1_000, 13_000))
def test_a_digest_of_ordinary_sections_fits_its_limit(max_tokens: int):
    documents = digest([LONG, LONG], max_tokens)
    assert upper_tokens(sum(len(document.text) for document in documents)) <= max_tokens


def test_a_digest_keeps_the_beginning_of_every_section_and_marks_what_is_cut():
    (document,) = digest([LONG], 4_000)
    assert document.title == "long.md"
    assert document.text.count("## Heading of a section\n\nA sentence of some length") == 20
    assert document.text.count(" [...]\n") == 20


def test_a_section_whose_share_has_no_room_for_the_mark_is_cut_without_it():
    tiny = Source(name="tiny.md", format=Format.MARKDOWN, text="# Heading\n\nText.\n\n" * 500)
    (document,) = digest([tiny], 1_000)
    assert "[...]" not in document.text
    assert document.text == "# Headin"[: len(document.text) // 500] * 500


@settings(max_examples=40)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=20), st.integers(0, 400))
def test_a_digest_fits_its_limit_whatever_the_size_of_the_sections(lengths: list[int], max_tokens: int):
    text = "".join(f"# H\n\n{'x' * length}\n\n" for length in lengths)
    documents = digest([Source(name="a.md", format=Format.MARKDOWN, text=text)], max_tokens)
    assert upper_tokens(sum(len(document.text) for document in documents)) <= max_tokens


def test_a_digest_shares_its_room_by_the_length_of_the_sources():
    half = Source(name="half.md", format=Format.MARKDOWN, text=SECTION * 10)
    long, short = digest([LONG, half], 4_000)
    assert len(long.text) == pytest.approx(2 * len(short.text), rel=0.01)


@pytest.mark.parametrize(("characters", "tokens"), [(0, 0), (22, 10), (1_000_000, 454_545)])
def test_characters_hardly_take_more_tokens_than(characters: int, tokens: int):
    assert upper_tokens(characters) == tokens
