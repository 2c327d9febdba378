"""Addresses such as https://host/guide.md and s3://bucket/guide.md: what is accepted, and what it is called.

An address is only ever a person's own words: nothing that a document or a model wrote leads here. But whoever may
start a job is not always whoever owns the machine: hosts that are not public are asked only when SOURCE_ROOTS names
them.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from throughline.domain.source import Unreadable
from throughline.errors import BadInput
from throughline.sources.names import shown
from throughline.sources.roots import Roots

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?:::[^/]*)*://")
_WEB = frozenset({"http", "https"})
_LOCAL = frozenset({"file", "local"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address that may be read. `name` has neither query nor fragment: they may hold a signature."""

    url: SplitResult
    name: str

    @property
    def is_web(self) -> bool:
        """Whether it is read over HTTP."""
        return self.url.scheme in _WEB


def is_address(reference: str) -> bool:
    """Whether the reference is an address rather than a path."""
    return _SCHEME.match(reference) is not None


def parse(reference: str, roots: Roots) -> Address:
    """The address, inside the allowed roots."""
    before = reference.partition("://")[0]
    if "::" in before or (before.lower() not in _WEB and "::" in reference):
        raise BadInput(f"{bare(reference)} chains several places with '::'; give the address of the document itself.")
    try:
        url = urlsplit(reference)
        _ = url.port
    except ValueError as error:
        why = "" if "@" in reference else f" ({shown(error)})"  # the words may hold a piece of a password
        raise BadInput(f"{bare(reference)} is not a complete address{why}; check it.") from None
    url = url._replace(scheme=url.scheme.lower())
    if url.scheme in _LOCAL:
        raise BadInput(f"{bare(reference)} is a file of this machine; give its path without {url.scheme}://.")
    if url.password is not None or (url.username is not None and url.scheme in _WEB):
        raise BadInput(
            "An address with a password in it is not read, because addresses are stored and shown; "
            "set the credentials where its service looks for them, and give the address without."
        )
    if not url.netloc and not url.path.strip("/"):
        raise BadInput(f"{bare(reference)} names no document; give its whole address.")
    address = Address(url=url, name=name_of(url))
    roots.require_address(url, shown(address.name))
    return address


def name_of(url: SplitResult) -> str:
    """The address as a document's name."""
    return unquote(urlunsplit((url.scheme, url.netloc, url.path, "", ""))) or url.scheme


def bare(reference: str) -> str:
    """An address fit to be shown, whatever is wrong with it: without query, fragment and credentials."""
    words = re.sub(r"(?<=://).*@", "", re.split(r"[?#]", reference, maxsplit=1)[0], count=1)
    return shown(words)


def fetch(address: Address, roots: Roots, *, max_bytes: int, timeout_s: float) -> bytes | Unreadable:
    """The document's bytes; never more than the limit is held, and nothing is waited for longer than that."""
    from throughline.sources.deadline import within

    def work() -> bytes | Unreadable:
        if address.is_web:
            from throughline.sources import web

            return web.read(address.url, roots, max_bytes=max_bytes, timeout_s=timeout_s)
        from throughline.sources import stores

        return stores.read(address.url, roots, max_bytes=max_bytes)

    try:
        return within(timeout_s, work)
    except TimeoutError:
        return Unreadable(
            reason=f"did not arrive within {timeout_s:g} seconds", remedy="try again later, or save it to a file"
        )
