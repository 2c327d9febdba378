"""Bytes become text once, without guessing; the format comes from the name or from the text."""

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.source import Format, Source, decode, format_of, line_starts, page_of
from throughline.errors import BadInput


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("Grüße\n".encode(), id="utf-8"),
        pytest.param(codecs.BOM_UTF8 + "Grüße\n".encode(), id="utf-8-bom"),
        pytest.param(codecs.BOM_UTF16_LE + "Grüße\n".encode("utf-16-le"), id="utf-16-le"),
        pytest.param(codecs.BOM_UTF16_BE + "Grüße\n".encode("utf-16-be"), id="utf-16-be"),
    ],
)
def test_utf_8_and_marked_utf_16_are_read(data: bytes):
    assert decode(data, "a.txt") == "Grüße\n"


def test_windows_line_ends_become_plain_ones_and_nothing_else_changes():
    assert decode(b" a\r\nb\rc\x0cd \n\n", "a.txt") == " a\nb\rc\x0cd \n\n"


@settings(max_examples=40)
@given(st.text(st.characters(exclude_characters="\0\r\ufeff", exclude_categories=["Cs"])))
def test_text_without_windows_line_ends_survives_unchanged(text: str):
    kept = "x" + text
    assert decode(kept.encode(), "a.txt") == kept


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", ["is empty", "give a file with text"], id="empty"),
        pytest.param(b" \n\t\r\n", ["is empty"], id="blank"),
        pytest.param(codecs.BOM_UTF8, ["is empty"], id="only-a-bom"),
        pytest.param(b"%PDF-1.7\n", ["PDF"], id="pdf"),
        pytest.param(b"PK\x03\x04rest", ["ZIP", "Word"], id="zip"),
        pytest.param(b"\x89PNG\r\n", ["PNG"], id="png"),
        pytest.param(b"\x1f\x8b\x08", ["gzip"], id="gzip"),
        pytest.param(b"abc\0def", ["binary", "byte 3"], id="nul"),
        pytest.param("a".encode("utf-32"), ["UTF-32"], id="utf-32"),
        pytest.param(
            b"caf\xe9 au lait", ["neither UTF-8 (it stops at byte 3) nor UTF-16 with", "save it"], id="latin-1"
        ),
        pytest.param(codecs.BOM_UTF16_LE + b"a\0b", ["begins as UTF-16 does", "from byte 4 on"], id="half-a-character"),
    ],
)
def test_what_is_not_text_is_refused_in_one_sentence_that_says_what_to_do(data: bytes, words: list[str]):
    with pytest.raises(BadInput) as refusal:
        decode(data, "notes/a.bin")
    message = str(refusal.value)
    assert message.startswith("notes/a.bin ")
    assert message.endswith(".")
    assert "\n" not in message
    assert all(word in message for word in words)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("docs/guide.md", Format.MARKDOWN),
        ("README.RST", Format.RST),
        ("page.htm", Format.HTML),
        ("fix.patch", Format.DIFF),
        ("a.b/c.py", Format.CODE),
        ("src\\main.rs", Format.CODE),
        ("Makefile", Format.CODE),
        ("notes.txt", Format.TEXT),
        ("notes.unknown", Format.TEXT),
        ("NOTES", Format.TEXT),
    ],
)
def test_the_suffix_decides_when_it_says_something(name: str, expected: Format):
    assert format_of(name, "Plain words.\n") is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("#!/bin/sh\necho\n", Format.CODE, id="shebang"),
        pytest.param(".TH TAR 1\n.nf\n# a comment\n.fi\n", Format.TEXT, id="manual-page"),
        pytest.param("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", Format.DIFF, id="git-diff"),
        pytest.param("--- old/x\n+++ new/x\n@@ -1 +1 @@\n-a\n+b\n", Format.DIFF, id="plain-diff"),
        pytest.param("diff is a tool\n", Format.TEXT, id="prose-on-diff"),
        pytest.param("  <!DOCTYPE html>\n<title>x</title>", Format.HTML, id="doctype"),
        pytest.param("<p>hello</p>", Format.HTML, id="fragment"),
        pytest.param("Write <p> for a paragraph.\n", Format.TEXT, id="prose-on-tags"),
        pytest.param("<none of these>\n", Format.TEXT, id="angle-bracket"),
        pytest.param('The "assert" statement\n*****\n\nText.\n', Format.RST, id="adornment"),
        pytest.param(".. note::\n\n   x\n", Format.RST, id="directive"),
        pytest.param("# One\n\nText.\n\n## Two\n", Format.MARKDOWN, id="headings"),
        pytest.param("# One\n\nTwo\n---\n", Format.MARKDOWN, id="markdown-wins-a-tie"),
    ],
)
def test_without_a_telling_suffix_the_content_decides(text: str, expected: Format):
    assert format_of("input.txt", text) is expected


def test_line_starts_counts_the_line_ends_that_parsers_count():
    assert list(line_starts("a\nb\r\nc\rd\x0ce\u2028f")) == [0, 2, 5, 7]


def test_the_content_address_depends_on_the_text_alone():
    one = Source(name="a", format=Format.TEXT, text="same")
    other = Source(name="b", format=Format.MARKDOWN, text="same")
    assert one.sha256 == other.sha256
    assert one.sha256 != Source(name="a", format=Format.TEXT, text="else").sha256


@pytest.mark.parametrize(("offset", "page"), [(0, 1), (3, 1), (5, 2), (9, 3)])
def test_a_page_begins_behind_each_form_feed_of_a_pdf(offset: int, page: int):
    assert page_of(Source(name="a.pdf", format=Format.PDF, text="one\n\ftwo\f three"), offset) == page


def test_a_form_feed_in_any_other_format_is_no_page():
    assert page_of(Source(name="a.py", format=Format.CODE, text="one\ftwo"), 5) is None
