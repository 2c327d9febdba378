"""What only this machine or its network can reach is not fetched for whoever may start a job."""

import ipaddress
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.sources.support import names, read, refusal
from throughline.sources.hosts import is_refused

asked: list[str] = []


class _Secret(BaseHTTPRequestHandler):
    """A page that only this machine can reach."""

    def do_GET(self) -> None:
        asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"# Inside\n\nThe metadata of this machine.\n")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Secret)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def nothing_asked() -> None:
    asked.clear()


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "LOCALHOST", "127.1", "2130706433", "0x7f000001", "0", "[::ffff:127.0.0.1]", "[::1]"],
)
def test_this_machine_is_not_asked_whatever_its_address_looks_like(host: str, port: int):
    assert "not a public address" in refusal(f"http://{host}:{port}/latest/meta-data")
    assert asked == []


@pytest.mark.parametrize("host", ["127.0.0.%31", "%31%32%37.0.0.1", "127%2E0.0.1", "localhos%74", "%5B::1%5D"])
def test_a_host_in_percent_signs_is_not_asked_for_whoever_connects_decodes_it(host: str, port: int):
    assert refusal(f"http://{host}:{port}/latest/meta-data")
    assert asked == []


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("http://169.254.169.254/latest/meta-data/", id="metadata"),
        pytest.param("https://10.0.0.1/guide.md", id="private"),
        pytest.param("http://[fd00::1]/guide.md", id="private IPv6"),
        pytest.param("http://[64:ff9b::7f00:1]/guide.md", id="NAT64"),
        pytest.param("http://[2002:7f00:1::]/guide.md", id="6to4"),
        pytest.param("http://100.64.0.1/guide.md", id="carrier"),
        pytest.param("ftp://127.0.0.1/guide.md", id="ftp"),
        pytest.param("sftp://192.168.0.1/guide.md", id="sftp"),
    ],
)
def test_a_network_that_is_not_public_is_not_asked(address: str):
    assert "THROUGHLINE_SOURCE_ROOTS" in refusal(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_host_that_the_roots_name_is_asked(host: str, port: int):
    assert names(read(f"http://{host}:{port}/guide.md", roots=(f"http://{host}:{port}/",)))
    assert asked == ["/guide.md"]


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("ftp://files.example.com/guide.md", id="a name that is looked up once more"),
        pytest.param("webhdfs://files.example.com/guide.md", id="answers that lead on"),
        pytest.param("generic://file:///etc/passwd", id="a wrapper of files"),
        pytest.param("dir:///etc/passwd", id="a wrapper of folders"),
        pytest.param("data://text/plain,hello", id="content in the address"),
    ],
)
def test_what_finds_its_way_by_itself_is_asked_only_where_the_roots_name_it(address: str):
    assert "is read only from places that were named" in refusal(address)


def test_a_file_server_that_the_roots_name_is_asked(port: int):
    address = f"webhdfs://127.0.0.1:{port}/guide.md"
    assert "cannot be read" in refusal(address, roots=(f"webhdfs://127.0.0.1:{port}/",))
    assert asked[0].startswith("/webhdfs/v1/guide.md")


def test_naming_one_place_opens_no_other(port: int, tmp_path: Path):
    assert "lies outside" in refusal(f"http://127.0.0.1:{port}/guide.md", roots=(tmp_path, "http://10.0.0.1/"))
    assert asked == []


@pytest.mark.parametrize(
    ("address", "host", "named", "refused"),
    [
        pytest.param("93.184.216.34", "docs.example.com", False, False, id="public"),
        pytest.param("10.0.0.5", "wiki.example.com", False, True, id="name of a private place"),
        pytest.param("10.0.0.5", "wiki.example.com", True, False, id="named wiki of one's own"),
        pytest.param("127.0.0.1", "docs.example.com", True, True, id="named host that now leads to this machine"),
        pytest.param("169.254.169.254", "docs.example.com", True, True, id="named host that now leads to metadata"),
        pytest.param("::ffff:169.254.169.254", "docs.example.com", True, True, id="the same as IPv6"),
        pytest.param("169.254.169.254", "169.254.169.254", True, False, id="meant literally"),
        pytest.param("224.0.0.1", "docs.example.com", False, True, id="multicast"),
        pytest.param("::127.0.0.1", "docs.example.com", False, True, id="IPv4 as old IPv6"),
        pytest.param("::ffff:0:127.0.0.1", "docs.example.com", False, True, id="IPv4 translated"),
        pytest.param("64:ff9b:1::7f00:1", "docs.example.com", False, True, id="NAT64 of one's own"),
        pytest.param("fec0::1", "docs.example.com", False, True, id="site-local"),
        pytest.param("3fff::1", "docs.example.com", False, True, id="example"),
        pytest.param("2606:2800:220:1::1", "docs.example.com", False, False, id="public IPv6"),
    ],
)
def test_it_is_the_address_behind_the_name_that_counts(address: str, host: str, named: bool, refused: bool):
    assert is_refused(ipaddress.ip_address(address), host, named=named) is refused
