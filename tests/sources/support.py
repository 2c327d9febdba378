"""Reading sources in tests, and small writers of the documents that are read."""

import io
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import IndirectObject

from throughline.domain.job import Kind
from throughline.errors import BadInput
from throughline.sources import SourceSet, read_sources


def read(
    *references: object,
    kind: Kind = Kind.SUMMARY,
    roots: tuple[Path | str, ...] = (),
    max_bytes: int = 1_000_000,
    max_total_bytes: int = 10_000_000,
    timeout_s: float = 20.0,
) -> SourceSet:
    return read_sources(
        [str(reference) for reference in references],
        kind,
        roots=roots,
        max_bytes=max_bytes,
        max_total_bytes=max_total_bytes,
        timeout_s=timeout_s,
    )


def refusal(*references: object, **options: Any) -> str:
    """The sentence with which those references are refused."""
    with pytest.raises(BadInput) as refused:
        read(*references, **options)
    message = str(refused.value)
    assert message.isprintable()  # one line, and nothing that a terminal would obey
    assert message.endswith(".")
    return message


def write(path: Path, content: str | bytes = "text\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def names(found: SourceSet) -> list[str]:
    return [source.name for source in found.sources]


def reasons(found: SourceSet) -> dict[str, str]:
    return {left_out.name: left_out.reason for left_out in found.left_out}


def pdf(*pages: Sequence[str], contents: Sequence[tuple[str, int, int]] = (), password: str | None = None) -> bytes:
    """A PDF whose pages hold those lines. `contents`: title, page counted from 1, level counted from 1."""
    writer = PdfWriter(PdfReader(io.BytesIO(_plain_pdf(pages))))
    above: list[IndirectObject] = []
    for title, page, level in contents:
        parent = above[level - 2] if level > 1 else None
        above[level - 1 :] = [writer.add_outline_item(title=title, page_number=page - 1, parent=parent)]
    if password is not None:
        writer.encrypt(password, owner_password="owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _plain_pdf(pages: Sequence[Sequence[str]]) -> bytes:
    """The smallest file that the format allows: a catalogue, a page tree, one font, one stream a page."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for n, lines in enumerate(pages):
        stream = _shown(lines)
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * n} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    body = "%PDF-1.7\n"
    starts: list[int] = []
    for number, content in enumerate(objects, start=1):
        starts.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{start:010} 00000 n \n" for start in starts)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return (body + f"xref\n0 {size}\n0000000000 65535 f \n{table}" + trailer).encode("cp1252")


def _shown(lines: Sequence[str]) -> str:
    escaped = (line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for line in lines)
    return "BT /F1 12 Tf 72 720 Td " + " ".join(f"({line}) Tj 0 -16 Td" for line in escaped) + " ET" if lines else ""


def git(folder: Path, *arguments: str) -> str:
    """Run git there as a fixed author, with nobody's configuration."""
    environment = {
        "PATH": "/usr/bin:/bin:/usr/local/bin",
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _PERSON.items()},
    }
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


_PERSON = {"NAME": "A", "EMAIL": "a@example.com", "DATE": "2026-01-01T00:00:00Z"}
