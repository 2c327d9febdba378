"""Reading over HTTP, by the standard library: fsspec follows redirects to any host, and only one was named."""

import http.client
import socket
import urllib.error
import urllib.request
from typing import IO, Any
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from throughline.domain.source import Unreadable
from throughline.errors import BadInput
from throughline.sources.names import shown
from throughline.sources.roots import Roots

_CHUNK_BYTES = 1 << 16
_SAFE = "/%:@!$&'()*+,;=~?"
_HEADERS = {"User-Agent": "throughline", "Accept": "*/*", "Accept-Encoding": "identity"}


def read(url: SplitResult, roots: Roots, *, max_bytes: int, timeout_s: float) -> bytes | Unreadable:
    """The body of the answer, or why there is none."""
    opener = urllib.request.build_opener(_SameHost(url, roots))
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
