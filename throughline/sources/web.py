"""Reading over HTTP, by the standard library: fsspec follows redirects to any host, and only one was named."""

import contextlib
import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Sequence
from functools import partial
from typing import IO, Any, TypeVar
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from throughline.domain.source import Unreadable
from throughline.errors import BadInput
from throughline.sources.hosts import addresses
from throughline.sources.names import shown
from throughline.sources.roots import Roots

_CHUNK_BYTES = 1 << 16
_SAFE = "/%:@!$&'()*+,;=~?"
_HEADERS = {"User-Agent": "throughline", "Accept": "*/*", "Accept-Encoding": "identity"}


def read(url: SplitResult, roots: Roots, *, max_bytes: int, timeout_s: float) -> bytes | Unreadable:
    """The body of the answer, or why there is none."""
    opener = urllib.request.build_opener(_SameHost(url, roots), _Http(roots), _Https(roots))
    try:
        address = urlunsplit(url._replace(path=quote(url.path, _SAFE), query=quote(url.query, _SAFE), fragment=""))
        request = urllib.request.Request(address, headers=_HEADERS)
        with opener.open(request, timeout=timeout_s) as answer:
            return _body(answer, max_bytes)
    except urllib.error.HTTPError as error:
        error.close()
        return Unreadable(reason=f"is answered with {error.code} ({shown(error.reason)})", remedy="check the address")
    except urllib.error.URLError as error:
        return _unreachable(error.reason)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _unreachable(error)


def _unreachable(reason: object) -> Unreadable:
    if isinstance(reason, TimeoutError):
        raise reason
    words = reason.strerror if isinstance(reason, OSError) and not isinstance(reason, socket.gaierror) else reason
    return Unreadable(reason=f"cannot be read ({shown(words or reason)})", remedy="check the address, or try again")


def _body(answer: http.client.HTTPResponse, max_bytes: int) -> bytes | Unreadable:
    announced = answer.length
    if announced is not None and announced > max_bytes:
        return _too_large(f"has {announced:,} bytes", max_bytes)
    data = bytearray()
    while len(data) <= max_bytes and (chunk := answer.read(min(_CHUNK_BYTES, max_bytes + 1 - len(data)))):
        data += chunk
    if len(data) > max_bytes:
        return _too_large(f"has more than {max_bytes:,} bytes", max_bytes)
    if announced is not None and len(data) < announced:
        return Unreadable(reason=f"ended after {len(data):,} of {announced:,} bytes", remedy="try again")
    return bytes(data)


def _too_large(size: str, max_bytes: int) -> Unreadable:
    return Unreadable(
        reason=f"{size}, over the limit of {max_bytes:,}",
        remedy="give a smaller document, or raise THROUGHLINE_MAX_SOURCE_BYTES",
    )


class _Http(urllib.request.HTTPHandler):
    """Connects to addresses that were looked at."""

    def __init__(self, roots: Roots) -> None:
        super().__init__()
        self._roots = roots

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """As the base class, but for where it connects to."""
        return self.do_open(_connection(http.client.HTTPConnection, req, self._roots, port=80), req)


class _Https(urllib.request.HTTPSHandler):
    """The same with TLS; certificates are checked against the name."""

    def __init__(self, roots: Roots) -> None:
        super().__init__()
        self._roots = roots

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """As the base class, but for where it connects to."""
        return self.do_open(_connection(http.client.HTTPSConnection, req, self._roots, port=443), req)


_C = TypeVar("_C", bound=http.client.HTTPConnection)


def _connection(kind: type[_C], req: urllib.request.Request, roots: Roots, *, port: int) -> Any:
    """What makes connections of that kind to the request's host at the addresses that were looked at, and no others.

    Any: `do_open` takes whatever makes a connection, its stub says otherwise.
    """
    url = urlsplit(req.full_url)
    if req.host != url.netloc:  # a proxy is asked, which looks names up by itself; what we can see, we refuse here
        with contextlib.suppress(OSError):
            addresses(url, roots, port=url.port or port)
        return kind
    try:
        found = addresses(url, roots, port=url.port or port)
    except OSError as error:
        raise urllib.error.URLError(error) from error

    def make(host: str, **options: Any) -> _C:  # Any: as above
        connection = kind(host, **options)
        connect_to: Any = connection  # Any: the hook of the standard library has no stub
        connect_to._create_connection = partial(_first_of, found)  # noqa: SLF001
        return connection

    return make


def _first_of(found: Sequence[str], named: tuple[str, int], *timing: Any) -> socket.socket:
    """A connection to the first of these addresses that takes one. Any: handed through as it came."""
    for address in found[:-1]:
        with contextlib.suppress(OSError):
            return socket.create_connection((address, named[1]), *timing)
    return socket.create_connection((found[-1], named[1]), *timing)


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirects on the host that was named, and inside the roots."""

    max_redirections = 5

    def __init__(self, named: SplitResult, roots: Roots) -> None:
        self._named = named
        self._roots = roots

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> Any:  # Any: the base class gives a request or None, its stub says otherwise
        try:
            self._require_meant(urlsplit(newurl))
        except BadInput:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def _require_meant(self, target: SplitResult) -> None:
        bare = shown(urlunsplit(target._replace(query="", fragment="", netloc=target.netloc.rpartition("@")[2])))
        if not _is_same_host(self._named, target):
            here = shown(urlunsplit(self._named._replace(query="", fragment="")))
            raise BadInput(f"{here} leads on to another host, {bare}; give that address if it is the one you mean.")
        self._roots.require_address(target, bare)


def _is_same_host(named: SplitResult, target: SplitResult) -> bool:
    if named.hostname != target.hostname or target.username is not None:
        return False
    if (named.scheme, target.scheme) == ("http", "https"):
        return named.port in (None, 80) and target.port in (None, 443)
    return (named.scheme, named.port) == (target.scheme, target.port)
