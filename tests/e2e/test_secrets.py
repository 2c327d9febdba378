"""No secret is kept: jobs run with a marked key and address, and then everything that was written is looked through."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import zstandard
from psycopg import sql

from tests.e2e.conftest import Deployed
from tests.e2e.stack import Stack
from tests.faults.support import book

pytestmark = pytest.mark.e2e
MARK = "s3cr3tmark"


def test_a_key_is_in_no_database_log_artifact_or_parameter(deployed: Deployed):
    stack = deployed("--batch-seconds", "0", ANTHROPIC_API_KEY=f"sim-{MARK}", THROUGHLINE_REVIEW_TOKEN=f"token-{MARK}")
    stack.database_url = stack.database_url.replace("//postgres@", f"//postgres:{MARK}@")
    source = book(stack.folder, 2)
    with stack.worker():
        stack.throughline(
            "run", source, "--kind", "summary", "--path", "both", "--deployment", "document-job", "--wait"
        )
        stack.simulator.faults("messages", "status", times=-1, status=401)
        told = ["--kind", "research_report", "--path", "chunked", "--deployment", "document-job", "--wait"]
        said = stack.throughline("run", source, *told, ok=False)
        failed = stack.start("document-job", {"sources": ["/nowhere.md"], "kind": "summary"})
        stack.reaches(failed, "Failed")
        stack.run("collect")
    assert MARK not in said
    assert MARK not in json.dumps(stack.simulator.requests())  # it leaves the headers of keys out
    assert [place for place, written in everything(stack) if MARK.encode() in written] == []


def test_the_mark_would_be_found(deployed: Deployed):
    stack = deployed("--batch-seconds", "0")
    source = Path(book(stack.folder, 2))
    source.write_text(source.read_text().replace("lamp", MARK))
    with stack.worker():
        stack.throughline(
            "run", str(source), "--kind", "summary", "--path", "both", "--deployment", "document-job", "--wait"
        )
    found = {place.partition(" ")[0] for place, written in everything(stack) if MARK.encode() in written}
    assert {"sources", "calls", "artifact"} <= found


def everything(stack: Stack) -> Iterator[tuple[str, bytes]]:
    """Each row of every table of every database, unpacked, and each file beside them."""
    server = urlsplit(stack.database_url)
    with psycopg.connect(stack.database_url) as connection:
        names = [row[0] for row in connection.execute("SELECT datname FROM pg_database WHERE NOT datistemplate")]
    for name in names:
        yield from _rows(server._replace(path=f"/{name}").geturl())
    for folder in (stack.folder, stack.server.home):
        for file in folder.rglob("*"):
            if file.is_file() and file.suffix != ".md":
                yield str(file), file.read_bytes()


def _rows(url: str) -> Iterator[tuple[str, bytes]]:
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            for row in connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))):
                for value in row:
                    yield f"{table} of {url}", _unpacked(value)


def _unpacked(value: object) -> bytes:
    if isinstance(value, bytes) and value.startswith(zstandard.FRAME_HEADER):
        return zstandard.ZstdDecompressor().decompressobj().decompress(value)
    return value if isinstance(value, bytes) else repr(value).encode()
