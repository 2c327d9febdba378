"""Word documents become Markdown: headings, lists, tables, notes; nothing of the text is lost."""

import io
import zipfile
from pathlib import Path
from typing import Any

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from tests.sources.support import read, refusal, write
from throughline.domain.source import Format
from throughline.domain.structure import sections
from throughline.sources.extraction.answer import Refused, Text
from throughline.sources.extraction.word import extract

LIMIT = 1_000_000
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000a49444154789c6300010000050001 0d0a2db40000000049454e44ae426082".replace(" ", "")
)


def saved(document: Any) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def text_of(document: Any) -> str:
    found = extract(saved(document), LIMIT)
    assert isinstance(found, Text)
    return found.text


def paragraph(inner: str) -> Any:
    return parse_xml(f"<w:p {nsdecls('w', 'm')}>{inner}</w:p>")


def with_paragraph(inner: str) -> Any:
    document = docx.Document()
    document.element.body.insert(0, paragraph(inner))
    return document


def test_a_word_document_is_a_source_with_its_headings(tmp_path: Path):
    document = docx.Document()
    document.add_heading("Harbour", 0)  # the style "Title"
    document.add_heading("Opening  hours", 1)
    document.add_paragraph("The harbour opens at six.")
    document.add_heading("Ferry", 2)
    document.add_paragraph("It leaves at seven.", style="List Bullet")
    (source,) = read(write(tmp_path / "guide.docx", saved(document))).sources
    assert (source.name, source.format) == ("guide.docx", Format.MARKDOWN)
    assert source.text == (
        "# Harbour\n\n# Opening hours\n\nThe harbour opens at six.\n\n## Ferry\n\nIt leaves at seven.\n"
    )
    assert [(section.heading, section.level) for section in sections(source)] == [
        ("Harbour", 1),
        ("Opening hours", 1),
        ("Ferry", 2),
    ]


def test_an_outline_level_makes_a_heading_without_a_style():
    assert text_of(with_paragraph('<w:pPr><w:outlineLvl w:val="2"/></w:pPr><w:r><w:t>Deep</w:t></w:r>')) == "### Deep\n"


def test_a_numbered_paragraph_is_a_list_item():
    numbering = '<w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr>'
    assert text_of(with_paragraph(f"{numbering}<w:r><w:t>First</w:t></w:r>")) == "- First\n"


def test_a_table_is_read_where_it_stands_row_by_row():
    document = docx.Document()
    document.add_paragraph("Before")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(
        (cell for row in table.rows for cell in row.cells), ["Port", "Ships", "Kiel", "40"], strict=True
    ):
        cell.text = text
    inner = table.cell(1, 1).add_table(rows=1, cols=1)
    inner.cell(0, 0).text = "of them 3 old"
    document.add_paragraph("After")
    assert text_of(document) == "Before\n\n| Port | Ships |\n| --- | --- |\n| Kiel | 40 of them 3 old |\n\nAfter\n"


def test_a_merged_cell_is_read_once():
    document = docx.Document()
    table = document.add_table(rows=1, cols=2)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "Both"
    assert text_of(document) == "| Both |\n"


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        pytest.param('<w:ins w:id="1" w:author="A"><w:r><w:t>new</w:t></w:r></w:ins>', "new\n", id="insertion"),
        pytest.param(
            '<w:r><w:t>kept</w:t></w:r><w:del w:id="1" w:author="A"><w:r><w:delText>gone</w:delText></w:r></w:del>',
            "kept\n",
            id="deletion",
        ),
        pytest.param(
            "<w:sdt><w:sdtContent><w:r><w:t>field</w:t></w:r></w:sdtContent></w:sdt>", "field\n", id="control"
        ),
        pytest.param("<w:hyperlink><w:r><w:t>link</w:t></w:r></w:hyperlink>", "link\n", id="link"),
        pytest.param("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r>", "a\tb\nc\n", id="tab-and-break"),
        pytest.param("<w:r><w:t>on</w:t><w:noBreakHyphen/><w:t>line</w:t></w:r>", "on-line\n", id="hyphen"),
        pytest.param("<m:oMath><m:r><m:t>E=mc²</m:t></m:r></m:oMath>", "E=mc²\n", id="formula"),
    ],
)
def test_text_is_read_wherever_word_puts_it(inner: str, text: str):
    assert text_of(with_paragraph(inner)) == text


def test_a_block_inside_a_content_control_is_read():
    document = docx.Document()
    control = parse_xml(
        f"<w:sdt {nsdecls('w')}><w:sdtContent><w:p><w:r><w:t>Block</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    )
    document.element.body.insert(0, control)
    assert text_of(document) == "Block\n"


def test_footnotes_stand_at_the_end_under_their_marks():
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part

    document = with_paragraph('<w:r><w:t>Claim</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r>')
    notes = (
        f'<w:footnotes {nsdecls("w")}><w:footnote w:type="separator" w:id="0"><w:p/></w:footnote>'
        '<w:footnote w:id="2"><w:p><w:r><w:t>Proof, p. 4</w:t></w:r></w:p></w:footnote></w:footnotes>'
    )
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    part = Part(PackURI("/word/footnotes.xml"), kind, notes.encode(), document.part.package)
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    assert text_of(document) == "Claim[^2]\n\n[^2]: Proof, p. 4\n"


def test_pictures_are_listed_as_not_read():
    document = docx.Document()
    document.add_paragraph("Words")
    document.add_picture(io.BytesIO(PIXEL))
    found = extract(saved(document), LIMIT)
    assert isinstance(found, Text)
    assert found.left_out == ("holds 1 picture, which is not read",)


# --- what is refused --------------------------------------------------------------------------------


def refused(data: bytes, max_bytes: int = LIMIT) -> Refused:
    found = extract(data, max_bytes)
    assert isinstance(found, Refused)
    return found


def test_a_document_without_text_is_refused():
    assert refused(saved(docx.Document())).reason == "is a Word document without text"


def archive(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/") + ".xml", content)
    return out.getvalue()


def test_a_damaged_document_is_refused(tmp_path: Path):
    whole = saved(with_paragraph("<w:r><w:t>Words</w:t></w:r>"))
    assert "is a Word document that cannot be read" in refusal(
        write(tmp_path / "a.docx", whole[:-500] + b"word/document.xml")
    )
    assert refused(archive(word__document=b"<")).reason.startswith("is a Word document that cannot be read")


def test_another_office_document_is_refused_as_before(tmp_path: Path):
    assert "Excel" in refusal(write(tmp_path / "a.xlsx", archive(xl__workbook=b"<x/>")))


def test_what_would_unpack_to_far_more_than_the_limit_is_refused_before_it_is_unpacked():
    found = refused(archive(word__document=b" " * 3_000_000), 100_000)
    assert "more than 100,000 bytes of text" in found.reason


def test_entities_of_a_hostile_document_are_not_resolved(tmp_path: Path):
    secret = write(tmp_path / "secret.txt", "the secret")
    hostile = (
        f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e SYSTEM "file://{secret}">]>'
        f"<w:document {nsdecls('w')}><w:body><w:p><w:r><w:t>Words &e;</w:t></w:r></w:p></w:body></w:document>"
    )
    source = zipfile.ZipFile(io.BytesIO(saved(docx.Document())))
    out = io.BytesIO()
    with source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            target.writestr(name, hostile if name == "word/document.xml" else source.read(name))
    assert "secret" not in str(extract(out.getvalue(), LIMIT))
