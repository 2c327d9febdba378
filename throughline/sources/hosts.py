"""Which hosts may be asked: public ones, and those that SOURCE_ROOTS names.

Whoever may start a job from a form could otherwise have the service fetch what only its own machine can reach: a
cloud's metadata, a database's page. So the address that a name leads to is looked at, and the connection is made to
that very address: a name that leads elsewhere a moment later gains nothing.
"""

import contextlib
import ipaddress
import socket
from urllib.parse import SplitResult, unquote, urlunsplit

from throughline.errors import BadInput
from throughline.sources.names import shown
from throughline.sources.roots import Roots

_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# What is routed to the public; documentation and benchmarks have ranges of their own within it.
_PUBLIC = ipaddress.IPv6Network("2000::/3")
_EXAMPLES = ipaddress.IPv6Network("3fff::/20")  # unknown to Python 3.11
# Stores whose addresses name a bucket or a shelf, and no host: where they are is the worker's own setting.
_BUCKETS = frozenset(
    {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "box", "dropbox", "gdrive", "hf", "memory", "oci", "oss"}
)


def addresses(url: SplitResult, roots: Roots, *, port: int) -> list[str]:
    """The IP addresses of the host, every one of which may be asked; `OSError` when it has none."""
    host = url.hostname or ""
    if unquote(host) != host:  # whoever connects decodes it once more, and would go where nobody looked
        raise BadInput(f"{_bare(url)} has its host in percent signs; write the host as it is.")
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    named = roots.names(url)
    for address in found:
        if is_refused(ipaddress.ip_address(address.partition("%")[0]), host, named=named):
            raise BadInput(
                f"{_bare(url)} leads to {address}, which is not a public address; if it is meant, add the beginning of "
                "the address to THROUGHLINE_SOURCE_ROOTS."
            )
    return found


def require_meant(url: SplitResult, roots: Roots) -> None:
    """Refuse an address that fsspec reads, unless it names a bucket or begins with one of the roots.

    A file server's client looks its name up once more, and may follow where the server sends it.
    """
    if url.scheme in _BUCKETS:
        return
    if not roots.names(url):
        raise BadInput(
            f"{_bare(url)} is read only from places that were named; if it is meant, add the beginning of the address "
            "to THROUGHLINE_SOURCE_ROOTS."
        )
    with contextlib.suppress(OSError):  # one that does not resolve fails by itself
        addresses(url, roots, port=url.port or 0)


def _bare(url: SplitResult) -> str:
    """The address without what may be secret."""
    return shown(urlunsplit(url._replace(query="", fragment="", netloc=url.netloc.rpartition("@")[2])))


def is_refused(ip: _Ip, host: str, *, named: bool) -> bool:
    """Whether nobody may be asked there. A named host may lead into the private network, and to this machine's own
    addresses only when it was named as one of them.
    """
    ip = _innermost(ip)
    if _is_public(ip):
        return False
    own = ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast
    return not named or (own and not _is_literal(host))


def _is_public(ip: _Ip) -> bool:
    if isinstance(ip, ipaddress.IPv6Address) and (ip not in _PUBLIC or ip in _EXAMPLES):
        return False
    return ip.is_global and not ip.is_multicast


def _is_literal(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _innermost(ip: _Ip) -> _Ip:
    """The IPv4 address that an IPv6 address carries, if it does."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or ip
