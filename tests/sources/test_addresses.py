"""Addresses are read inside size and time, from the host that was named and no other."""

import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest

from tests.sources import support
from tests.sources.support import names, pdf, write
from throughline.domain.source import Format
from throughline.sources import SourceSet

PAGE = "# Guide\n\nThe harbour opens at six.\n"


def read(*references: object, roots: tuple[Path | str, ...] = (), **options: Any) -> SourceSet:
    """As everywhere, with the server of these tests allowed where nothing is restricted."""
    return support.read(*references, roots=roots or _everything(references), **options)


def refusal(*references: object, roots: tuple[Path | str, ...] = (), **options: Any) -> str:
    return support.refusal(*references, roots=roots or _everything(references), **options)


def _everything(references: tuple[object, ...]) -> tuple[str, ...]:
    """No roots at all, or where this machine is asked, its address."""
    found = re.findall(r"http://(?:127\.0\.0\.1|localhost):\d+", " ".join(map(str, references)))
    return (*found, "/") if found else ()


class _Pages(BaseHTTPRequestHandler):
    """A server with every bad habit; `asked` holds the path of each request."""

    asked: ClassVar[list[str]] = []
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.close_connection = True
        try:
            getattr(self, f"_{self.path.strip('/').partition('?')[0].partition('/')[0].partition('.')[0]}")()
        except (BrokenPipeError, ConnectionResetError):
            return

    def _answer(self, code: int, body: bytes = b"", **headers: object) -> None:
        self.send_response(code)
        for name, value in {"Content_Length": len(body), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def _guide(self) -> None:
        self._answer(200, PAGE.encode())

    def _page(self) -> None:
        self._answer(200, b"<!DOCTYPE html><h1>Page</h1>")

    def _report(self) -> None:
        self._answer(200, pdf(["Words"]))

    def _missing(self) -> None:
        self._answer(404, b"no")

    def _moved(self) -> None:
        self._answer(302, Location="/guide.md")

    def _circle(self) -> None:
        self._answer(302, Location="/circle?" + "x" * len(self.path))

    def _away(self) -> None:
        assert isinstance(self.server, ThreadingHTTPServer)
        self._answer(302, Location=f"http://localhost:{self.server.server_port}/guide.md?token=1")

    def _port(self) -> None:
        self._answer(302, Location="http://127.0.0.1:9/guide.md")

    def _file(self) -> None:
        self._answer(302, Location="file:///etc/passwd")

    def _large(self) -> None:
        self._answer(200, Content_Length=5_000_000)

    def _endless(self) -> None:
        self._answer(200, Content_Length=None, Connection="close")
        while True:
            self.wfile.write(b"x" * 65_536)

    def _slow(self) -> None:
        self._answer(200, Content_Length=100)
        time.sleep(3)

    def _drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in count():
            self.wfile.write(f"X-{number}: x\r\n".encode())
            time.sleep(0.1)

    def _short(self) -> None:
        self._answer(200, b"half", Content_Length=8)

    def _chunked(self) -> None:
        self._answer(200, b"8\r\nhalf", Content_Length=None, Transfer_Encoding="chunked")

    def _nonsense(self) -> None:
        self.wfile.write(b"220 not HTTP at all\r\n")

    def _gzip(self) -> None:
        self._answer(200, b"\x1f\x8b\x08\0\0", Content_Encoding="gzip")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    pages = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    pages.daemon_threads = True
    threading.Thread(target=pages.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{pages.server_address[1]}"
    pages.shutdown()
    pages.server_close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    _Pages.asked.clear()


# --- what is read -----------------------------------------------------------------------------------


def test_a_page_is_called_by_its_address(server: str):
    (source,) = read(f"{server}/guide.md").sources
    assert (source.name, source.format, source.text) == (f"{server}/guide.md", Format.MARKDOWN, PAGE)


def test_a_query_is_sent_and_never_part_of_the_name(server: str):
    found = read(f"{server}/guide.md?signature=secret", f"{server}/guide.md?signature=other#part")
    assert names(found) == [f"{server}/guide.md", f"{server}/guide.md (2)"]
    assert _Pages.asked == ["/guide.md?signature=secret", "/guide.md?signature=other"]


def test_the_format_comes_from_the_content_where_the_address_does_not_say(server: str):
    assert [source.format for source in read(f"{server}/page", f"{server}/report").sources] == [Format.HTML, Format.PDF]


def test_pages_and_files_go_together(server: str, tmp_path: Path):
    assert names(read(write(tmp_path / "a.md"), f"{server}/guide.md")) == ["a.md", f"{server}/guide.md"]


def test_characters_that_an_address_cannot_hold_are_escaped(server: str):
    assert names(read(f"{server}/guide/Größe neu.md")) == [f"{server}/guide/Größe neu.md"]
    assert _Pages.asked == ["/guide/Gr%C3%B6%C3%9Fe%20neu.md"]


def test_a_redirect_on_the_same_host_is_followed(server: str):
    assert read(f"{server}/moved").sources[0].text == PAGE


# --- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "says"),
    [
        pytest.param("missing", "/missing is answered with 404 (Not Found); check the address.", id="404"),
        pytest.param("away", "leads on to another host, http://localhost:", id="other-host"),
        pytest.param("port", "leads on to another host, http://127.0.0.1:9/guide.md", id="other-port"),
        pytest.param(
            "file", "is answered with 302 (Found - Redirection to url 'file:///etc/passwd' is not allowed)", id="file"
        ),
        pytest.param("circle", "is answered with 302", id="circle"),
        pytest.param("large", "has 5,000,000 bytes, over the limit of 1,000,000", id="announced-too-large"),
        pytest.param("endless", "has more than 1,000,000 bytes", id="endless"),
        pytest.param("short", "ended after 4 of 8 bytes; try again", id="short"),
        pytest.param("chunked", "cannot be read (", id="cut-in-a-chunk"),
        pytest.param("nonsense", "cannot be read (", id="not-http"),
        pytest.param("gzip", "looks like a gzip archive", id="packed"),
    ],
)
def test_a_page_that_cannot_be_read_is_refused_with_the_reason(server: str, page: str, says: str):
    assert says in refusal(f"{server}/{page}")


@pytest.mark.parametrize("page", ["slow", "drip"])
def test_a_server_that_takes_too_long_is_given_up(server: str, page: str):
    began = time.monotonic()
    assert "did not arrive within 0.3 seconds" in refusal(f"{server}/{page}", timeout_s=0.3)
    assert time.monotonic() - began < 2


def test_no_request_goes_to_a_host_that_was_not_named(server: str):
    refusal(f"{server}/away")
    assert _Pages.asked == ["/away"]


def test_no_more_than_the_limit_is_read(server: str):
    assert "more than 100 bytes" in refusal(f"{server}/endless", max_bytes=100)


def test_a_host_where_nothing_listens_is_refused():
    assert "cannot be read (Connection refused)" in refusal("http://127.0.0.1:9/guide.md")


def test_a_host_that_does_not_exist_is_refused():
    assert "cannot be read" in refusal("http://nowhere.invalid/guide.md")


def test_the_same_page_twice_is_refused(server: str):
    assert "was already given" in refusal(f"{server}/guide.md", f"{server}/guide.md")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        pytest.param("https://me:secret@host.example/a.md", "An address with a password", id="password"),
        pytest.param("https://token@host.example/a.md", "An address with a password", id="token"),
        pytest.param("file:///etc/passwd", "give its path without file://", id="file"),
        pytest.param("FILE:///etc/passwd", "give its path without file://", id="file-in-capitals"),
        pytest.param("local:///etc/passwd", "give its path without local://", id="local"),
        pytest.param("simplecache::s3://bucket/a.md", "chains several places", id="chain"),
        pytest.param("zip://a.md::file:///a.zip", "chains several places", id="chain-behind"),
        pytest.param("http://", "names no document", id="no-host"),
        pytest.param("http://host:port/a.md", "is not a complete address", id="port"),
        pytest.param("http://[::1/a.md", "is not a complete address", id="bracket"),
        pytest.param("gopher://host/a.md", "is of a kind that nothing here reads (gopher://)", id="unknown"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(address: str, says: str):
    message = refusal(address)
    assert says in message
    assert "secret" not in message


# --- other stores -----------------------------------------------------------------------------------


@pytest.fixture
def store() -> Iterator[fsspec.AbstractFileSystem]:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/shelf/guide.md", PAGE.encode())
    memory.pipe_file("/shelf/large.txt", b"x" * 2_000)
    yield memory
    memory.rm("/shelf", recursive=True)


@pytest.mark.usefixtures("store")
def test_whatever_fsspec_knows_is_read():
    (source,) = read("memory://shelf/guide.md").sources
    assert (source.name, source.text) == ("memory://shelf/guide.md", PAGE)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("memory://shelf/large.txt", "has more than 1,000 bytes, over the limit"),
        ("memory://shelf/nothing.md", "does not exist; check the address"),
        ("memory://shelf", "check the address"),
    ],
)
def test_what_a_store_does_not_give_is_refused(address: str, says: str):
    assert says in refusal(address, max_bytes=1_000)


def test_a_store_whose_package_is_missing_is_refused_with_the_package():
    assert refusal("s3://bucket/guide.md") == (
        "s3://bucket/guide.md needs a package that is not installed; install s3fs to access S3."
    )


# --- allowed addresses ------------------------------------------------------------------------------


def test_an_address_below_a_root_is_read(server: str, tmp_path: Path):
    assert names(read(f"{server}/guide/a.md", roots=(tmp_path, f"{server}/guide"))) == [f"{server}/guide/a.md"]
    assert names(read(f"{server}/guide/a.md", roots=(f"{server}/",))) == [f"{server}/guide/a.md"]


@pytest.mark.parametrize(
    "path", ["/guidebook/a.md", "/guide/../secret.md", "/guide/%2e%2e/secret.md", "/guide/..%2fsecret.md", "/", ""]
)
def test_an_address_beside_a_root_is_refused(server: str, path: str):
    message = refusal(f"{server}{path}", roots=(f"{server}/guide/",))
    assert "THROUGHLINE_SOURCE_ROOTS" in message
    assert _Pages.asked == []


@pytest.mark.parametrize(
    "address",
    ["https://docs.example.com.evil.example/a", "http://docs.example.com/a", "https://docs.example.com:444/a"],
)
def test_another_host_scheme_or_port_than_the_roots_is_refused(address: str):
    assert "lies outside" in refusal(address, roots=("https://docs.example.com",))


def test_with_directories_alone_as_roots_no_address_is_read(server: str, tmp_path: Path):
    assert "lies outside" in refusal(f"{server}/guide.md", roots=(tmp_path,))
    assert "lies outside" in refusal("memory://shelf/guide.md", roots=(tmp_path,))


def test_with_addresses_alone_as_roots_no_file_is_read(tmp_path: Path):
    assert "lies outside" in refusal(write(tmp_path / "a.md"), roots=("https://docs.example.com/",))


def test_a_redirect_out_of_the_roots_is_refused(server: str):
    assert "THROUGHLINE_SOURCE_ROOTS" in refusal(f"{server}/moved", roots=(f"{server}/moved",))
    assert _Pages.asked == ["/moved"]
