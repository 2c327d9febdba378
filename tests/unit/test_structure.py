"""Documents are cut at their own headings, losing nothing, in time that grows with their length."""

import time
from itertools import pairwise
from pydoc_data.topics import topics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.source import Format, Source
from throughline.domain.structure import Mark, cut_at, first_line, one_line, sections

REFERENCE = "".join(topics.values())


def source(text: str, kind: Format) -> Source:
    return Source(name="document", format=kind, text=text)


def outline(text: str, kind: Format) -> list[tuple[int, str]]:
    return [(section.level, section.heading) for section in sections(source(text, kind))]


@settings(max_examples=50)
@given(
    text=st.text(st.sampled_from(list("ab \n\n#=-*~`<h1>/!&:\t'")), max_size=400),
    kind=st.sampled_from(Format),
)
def test_sections_are_consecutive_and_joined_they_are_the_text(text: str, kind: Format):
    found = sections(source(text, kind))
    assert "".join(text[section.start : section.end] for section in found) == text
    assert all(section.start < section.end for section in found)
    assert all(left.end == right.start for left, right in pairwise(found))
    assert all("\n" not in section.heading and len(section.heading) <= 100 for section in found)


def test_the_language_reference_is_cut_at_every_topic():
    found = sections(source(REFERENCE, Format.RST))
    headings = {section.heading for section in found if section.level == 1}
    assert {text.partition("\n")[0] for text in topics.values()} <= headings
    assert len(found) > 150
    assert "".join(REFERENCE[section.start : section.end] for section in found) == REFERENCE


# --- Markdown ---------------------------------------------------------------------------------------


def test_markdown_headings_of_both_styles_count():
    text = "# One #\n\ntext\n\nTwo\n---\n\n### Three\n"
    assert outline(text, Format.MARKDOWN) == [(1, "One"), (2, "Two"), (3, "Three")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("# One\n\n```\n# comment\n```\n", id="fence"),
        pytest.param("# One\n\n```\n# in a fence that never ends\n", id="unclosed-fence"),
        pytest.param("# One\n\n    # indented code\n", id="indented"),
        pytest.param("# One\n\n> # quoted\n", id="quote"),
        pytest.param("# One\n\n- # in a list\n", id="list"),
        pytest.param("# One\n\n<!--\n# comment\n-->\n", id="comment"),
        pytest.param("# One\n\n- item\n---\n", id="rule-after-a-list"),
    ],
)
def test_what_only_looks_like_a_markdown_heading_cuts_nothing(text: str):
    assert outline(text, Format.MARKDOWN) == [(1, "One")]


def test_text_before_the_first_heading_is_a_section_called_by_its_first_line():
    assert outline("\nHello there.\nMore.\n\n## Two\n", Format.MARKDOWN) == [(2, "Hello there."), (2, "Two")]


def test_blank_lines_before_the_first_heading_belong_to_it():
    found = sections(source("\n\n# One\n", Format.MARKDOWN))
    assert [(section.start, section.end) for section in found] == [(0, 8)]


def test_front_matter_is_not_taken_for_a_heading():
    text = "---\ntitle: x\n---\n# One\n\ntext\n"
    assert outline(text, Format.MARKDOWN) == [(1, "Front matter"), (1, "One")]
    assert sections(source(text, Format.MARKDOWN))[1].start == text.index("# One")


def test_an_empty_heading_still_has_a_name():
    assert outline("#\n\ntext\n", Format.MARKDOWN) == [(1, "(no heading)")]


def test_a_lone_carriage_return_does_not_shift_the_cuts():
    text = "a\rb\n\n# One\n"
    assert sections(source(text, Format.MARKDOWN))[1].start == text.index("#")


# --- reStructuredText -------------------------------------------------------------------------------


def test_rst_levels_follow_the_order_in_which_styles_appear():
    text = "=====\nTitle\n=====\n\nOne\n===\n\nTwo\n---\n\nThree\n=====\n"
    assert outline(text, Format.RST) == [(1, "Title"), (2, "One"), (3, "Two"), (2, "Three")]


def test_an_overline_belongs_to_its_title():
    text = "intro\n\n=======\n Title\n=======\n\ntext\n"
    assert sections(source(text, Format.RST))[1].start == text.index("=======")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("One\n===\n\n=====  =====\nA      B\n=====  =====\n1      2\n=====  =====\n", id="table"),
        pytest.param("One\n===\n\n+---+\n| a |\n+---+\n", id="grid-table"),
        pytest.param("One\n===\n\nCode::\n\n   Title\n   -----\n", id="literal-block"),
        pytest.param("One\n===\n\ntext\n\n-----\n\ntext\n", id="transition"),
        pytest.param("One\n===\n\nthe last line of a paragraph\nwhich is long\n-----\n", id="short-rule"),
        pytest.param("One\n===\n\n   indented\n---------\n", id="indented-text"),
        pytest.param("One\n===\n\nA long sentence of many words.\n----\n", id="far-too-short"),
        pytest.param("One\n===\n----\n====\n", id="rules-on-rules"),
        pytest.param("One\n===\n\n" + "x" * 400 + "\n" + "=" * 400 + "\n", id="endless-line"),
    ],
)
def test_what_only_looks_like_an_rst_title_cuts_nothing(text: str):
    assert outline(text, Format.RST) == [(1, "One")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("text.\nTitle\n=====\n", id="no-blank-line-but-an-exact-fit"),
        pytest.param("text.\n\nA title\n=====\n", id="underline-a-little-short"),
        pytest.param("text.\n\nTitle\n==========\n", id="underline-longer"),
    ],
)
def test_titles_are_found_as_people_write_them(text: str):
    assert len(outline(text, Format.RST)) == 2


# --- HTML -------------------------------------------------------------------------------------------


def test_html_headings_lose_their_tags_and_entities():
    text = '<body><H1 class="x">A &amp; <em>B</em></H1><p>text</p><h2>\nTwo\n</h2></body>'
    assert outline(text, Format.HTML) == [(1, "<body>"), (1, "A & B"), (2, "Two")]


@pytest.mark.parametrize(
    "hidden",
    ["<!-- <h2>no</h2> -->", "<script>'<h2>no</h2>'</script>", "<style>/*<h2>*/</style>"],
    ids=["comment", "script", "style"],
)
def test_what_a_page_does_not_show_is_no_heading(hidden: str):
    assert outline(f"<h1>One</h1>{hidden}<h2>Two</h2>", Format.HTML) == [(1, "One"), (2, "Two")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("<h1>One<h2>Two</h2>", [(1, "One"), (2, "Two")], id="next-heading"),
        pytest.param("<h1></h1>text<h3>Three", [(1, "(no heading)"), (3, "Three")], id="end-of-page"),
        pytest.param("<h1>One</h1><!-- <h2>never closed</h2>", [(1, "One")], id="comment"),
    ],
)
def test_unclosed_tags_end_somewhere(text: str, expected: list[tuple[int, str]]):
    assert outline(text, Format.HTML) == expected


# --- plain text -------------------------------------------------------------------------------------


def test_text_without_headings_is_cut_into_groups_of_paragraphs():
    paragraph = "It was a dark night and the rain fell. " * 20
    text = "\n\n".join(f"{n} {paragraph}" for n in range(10))
    found = sections(source(text, Format.TEXT))
    assert len(found) == 5
    assert [section.heading[:4] for section in found] == ["0 It", "2 It", "4 It", "6 It", "8 It"]


@pytest.mark.parametrize(
    "title",
    [
        pytest.param("OPTIONS", id="capitals"),
        pytest.param("  TERMS AND CONDITIONS", id="indented"),
        pytest.param("Chapter 4 The ferry", id="chapter"),
        pytest.param("2.1. Basic Permissions.", id="number"),
        pytest.param("\fOPTIONS", id="page"),
    ],
)
def test_a_title_of_a_plain_text_begins_a_section(title: str):
    text = f"The first paragraph.\n\n{title}\n\nThe second.\n\nThe third.\n"
    assert outline(text, Format.TEXT) == [(1, "The first paragraph."), (1, title.strip())]


def test_capitals_above_deeper_lines_are_a_title_as_in_a_manual_page():
    text = "NAME\n       tar - an archiver\n\nSYNOPSIS\n       tar [OPTION]\n"
    assert outline(text, Format.TEXT) == [(1, "NAME"), (1, "SYNOPSIS")]


@pytest.mark.parametrize(
    "paragraph",
    [
        pytest.param("THE SOFTWARE IS PROVIDED AS IT IS\nWITHOUT WARRANTY OF ANY KIND", id="shouted"),
        pytest.param("7. Disclaimer of Warranty. Unless required by law\n   it is provided as it is", id="item"),
        pytest.param("Part of it was lost in the fire", id="word"),
        pytest.param("1,482 sheep were counted in May", id="figure"),
        pytest.param("A OR B", id="too-few-letters"),
    ],
)
def test_what_only_looks_like_a_title_of_a_plain_text_cuts_nothing(paragraph: str):
    assert len(outline(f"First.\n\n{paragraph}\n\nLast.\n", Format.TEXT)) == 1


def test_groups_of_paragraphs_stand_below_the_title_before_them():
    paragraph = "It was a dark night and the rain fell. " * 45
    text = f"STORMS\n\n{paragraph}\n\n{paragraph}\n\nCALMS\n\n{paragraph}\n"
    assert [level for level, _ in outline(text, Format.TEXT)] == [1, 2, 1]


def test_the_source_of_a_manual_page_is_cut_at_its_sections():
    text = '.TH TAR 1\n.SH "NAME"\ntar\n.SH SYNOPSIS\n.nf\n# a comment\n.fi\n'
    assert outline(text, Format.TEXT) == [(1, ".TH TAR 1"), (1, "NAME"), (1, "SYNOPSIS")]


def test_a_document_of_its_format_without_headings_is_cut_like_plain_text():
    assert outline("Just words.\n", Format.HTML) == [(1, "Just words.")]


def test_an_empty_text_has_no_sections():
    assert sections(source("", Format.TEXT)) == ()


def test_a_text_without_marks_is_one_section():
    (only,) = cut_at("  \nfirst\nsecond\n", ())
    assert (only.heading, only.level, only.start, only.end) == ("first", 1, 0, 16)


def test_the_opening_can_be_given_a_name():
    marks = (Mark(heading="B", level=3, start=4),)
    assert [(s.level, s.heading) for s in cut_at("one\nB", marks, "top")] == [(3, "top"), (3, "B")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("short  text\nhere", "short text here"),
        ("one two three four five", "one two three…"),
        ("x" * 30, "x" * 14 + "…"),
    ],
    ids=["kept", "cut-at-a-word", "cut-anywhere"],
)
def test_one_line_fits(text: str, expected: str):
    assert one_line(text, 15) == expected


def test_the_first_line_is_the_first_that_is_not_blank():
    assert first_line("\n  \n  Hello\nworld") == "Hello"


# --- hostile input ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Format.MARKDOWN, Format.RST, Format.HTML, Format.TEXT])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a" * 1_000_000, id="one-line"),
        pytest.param("=" * 500_000, id="one-adornment"),
        pytest.param(" " * 500_000 + "x", id="spaces"),
        pytest.param("<h1 " * 100_000, id="unclosed-tags"),
        pytest.param("<!--" * 100_000, id="unclosed-comments"),
        pytest.param("```\n" + "a\n" * 20_000, id="unclosed-fence"),
        pytest.param("aaa\n===\n" * 5_000, id="only-headings"),
        pytest.param("[a]: b\n" * 5_000, id="link-definitions"),
        pytest.param(">" * 100_000, id="deep-quotes"),
        pytest.param("\n \f" * 30_000, id="blank-pages"),
        pytest.param("A\n\n" * 20_000, id="short-paragraphs"),
    ],
)
def test_hostile_documents_take_no_longer_than_others(text: str, kind: Format):
    started = time.perf_counter()
    sections(source(text, kind))
    assert time.perf_counter() - started < 2.0
