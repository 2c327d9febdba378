"""PDFs are read by their text layer, page by page, or refused with one sentence."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfWriter

from tests.sources.support import names, pdf, read, reasons, refusal, write
from throughline.domain.citations import CitationStatus, check_citations
from throughline.domain.job import Kind
from throughline.domain.output import Citation
from throughline.domain.source import Format, Source, page_of
from throughline.domain.structure import sections
from throughline.sources.extraction.answer import Refused, Text
from throughline.sources.extraction.pdf import extract

LIMIT = 1_000_000


def text_of(data: bytes) -> Text:
    found = extract(data, LIMIT)
    assert isinstance(found, Text)
    return found


def refused(data: bytes, max_bytes: int = LIMIT) -> Refused:
    found = extract(data, max_bytes)
    assert isinstance(found, Refused)
    return found


def source(data: bytes) -> Source:
    return Source(name="a.pdf", format=Format.PDF, text=text_of(data).text)


# --- as a source ------------------------------------------------------------------------------------


def test_a_pdf_is_a_source_that_knows_its_pages(tmp_path: Path):
    (found,) = read(write(tmp_path / "report.pdf", pdf(["Grüße from one"], ["From (two)"]))).sources
    assert (found.name, found.format) == ("report.pdf", Format.PDF)
    assert found.text == "Grüße from one\n\fFrom (two)\n"
    assert [page_of(found, found.text.index(word)) for word in ("one", "two")] == [1, 2]


def test_a_pdf_is_known_by_its_content_not_by_its_name(tmp_path: Path):
    assert read(write(tmp_path / "report.txt", pdf(["Words"]))).sources[0].text == "Words\n"


def test_pages_without_text_are_listed(tmp_path: Path):
    found = read(write(tmp_path / "a.pdf", pdf(["One"], [], ["Three"])))
    assert reasons(found) == {"a.pdf": "holds no text on page 2 (blank or scanned)"}
    assert page_of(found.sources[0], found.sources[0].text.index("Three")) == 3


def test_a_scan_is_refused_with_what_to_do():
    found = refused(pdf([], []))
    assert found.reason.startswith("is a PDF without text on its 2 pages")
    assert "OCR" in found.remedy


@pytest.mark.parametrize(
    "data", [b"%PDF-1.7", pdf(["Some words"])[:200], b"%PDF-1.4\n" + b"\0" * 5_000], ids=["stub", "cut", "zeros"]
)
def test_a_damaged_pdf_is_refused(data: bytes):
    found = refused(data)
    assert found.reason.startswith("is a PDF that cannot be read (")
    assert "give its text" in found.remedy


def test_the_refusal_of_a_document_is_one_sentence_that_names_it(tmp_path: Path):
    assert refusal(write(tmp_path / "bad.pdf", b"%PDF-1.7")).startswith("bad.pdf is a PDF that cannot be read")


def test_a_pdf_that_takes_too_long_is_given_up(tmp_path: Path):
    message = refusal(write(tmp_path / "slow.pdf", pdf(["Words"])), timeout_s=0.01)
    assert "slow.pdf is a PDF that takes longer than 0.01 seconds" in message


def test_its_reader_imports_nothing_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "json.py", "raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", *os.environ.get("PYTHONPATH", "").split(os.pathsep)]))
    assert names(read(write(tmp_path / "a.pdf", pdf(["Words"])))) == ["a.pdf"]


def test_the_text_counts_against_the_limit_too():
    writer = PdfWriter()
    for _ in range(200):  # one page's stream, two hundred times shown
        writer.append(io.BytesIO(pdf(["x" * 100] * 40)))
    writer.compress_identical_objects()
    for page in writer.pages:
        page.compress_content_streams()
    out = io.BytesIO()
    writer.write(out)
    found = refused(out.getvalue(), 500_000)
    assert len(out.getvalue()) < 500_000
    assert "more than 500,000 bytes of text" in found.reason
    assert "THROUGHLINE_MAX_SOURCE_BYTES" in found.remedy


def test_in_a_directory_under_review_it_is_left_out_and_by_hand_it_is_read(tmp_path: Path):
    write(tmp_path / "pkg" / "a.py")
    document = write(tmp_path / "pkg" / "spec.pdf", pdf(["Words"]))
    found = read(tmp_path / "pkg", kind=Kind.CODE_REVIEW)
    assert reasons(found) == {"pkg/spec.pdf": "is a document, not code (name it by hand to have it read)"}
    assert names(read(document, kind=Kind.CODE_REVIEW)) == ["spec.pdf"]


def test_reading_text_imports_no_reader_of_documents(tmp_path: Path):
    write(tmp_path / "a.md")
    heavy = "{'pypdf', 'docx', 'fsspec', 'pathspec', 'urllib.request'}"
    code = (
        "import sys; from throughline.sources import read_sources; from throughline.domain.job import Kind; "
        "read_sources(['a.md'], Kind.SUMMARY, roots=(), max_bytes=9, max_total_bytes=9); "
        f"sys.exit(repr({heavy} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.stderr.strip() == "set()"


# --- structure --------------------------------------------------------------------------------------


def test_without_a_table_of_contents_every_page_is_a_section():
    found = sections(source(pdf(["First line", "more"], [], ["Third page"])))
    assert [(section.heading, section.level) for section in found] == [
        ("page 1: First line", 7),
        ("page 3: Third page", 7),
    ]


def test_the_table_of_contents_gives_headings_with_their_levels():
    document = source(
        pdf(
            ["Cover"],
            ["1 Introduction", "Words.", "1.1  Scope", "More words."],
            ["2. METHOD", "Words."],
            contents=[("Introduction", 2, 1), ("Scope", 2, 2), ("Method", 3, 1), ("Nowhere", 3, 1)],
        )
    )
    found = sections(document)
    assert [(section.heading, section.level) for section in found] == [
        ("page 1: Cover", 7),
        ("1 Introduction", 1),
        ("1.1 Scope", 2),
        ("2. METHOD", 1),
    ]
    assert "".join(document.text[section.start : section.end] for section in found) == document.text


def test_a_line_that_only_looks_like_a_heading_is_none():
    document = source(pdf(["# a comment", "## another"]))
    assert document.text == " # a comment\n ## another\n"
    assert [section.heading for section in sections(document)] == ["page 1: # a comment"]


def test_a_quote_across_two_pages_is_verified():
    document = source(pdf(["the keeper counted"], ["forty ships"]))
    (checked,) = check_citations([Citation(source="a.pdf", quote="keeper counted forty")], [document])
    assert checked.status is CitationStatus.VERIFIED
    assert checked.start is not None
    assert page_of(document, checked.start) == 1


# --- encryption -------------------------------------------------------------------------------------


def test_a_password_is_asked_for_once_and_refused():
    found = refused(pdf(["Secret"], password="word"))
    assert (found.reason, found.remedy) == ("is a PDF that needs a password", "save a copy without one")


def test_a_pdf_that_only_forbids_printing_is_read():
    assert text_of(pdf(["Open"], password="")).text == "Open\n"
