"""Reading from whatever fsspec knows: object stores, file servers. Imported only when such an address is given."""

from typing import Any, cast
from urllib.parse import SplitResult, urlunsplit

import fsspec
from fsspec.registry import known_implementations

from throughline.domain.source import Unreadable
from throughline.sources.hosts import require_meant
from throughline.sources.names import shown
from throughline.sources.roots import Roots

_CHUNK_BYTES = 1 << 20


def read(url: SplitResult, roots: Roots, *, max_bytes: int) -> bytes | Unreadable:
    """The document's bytes, or why there are none."""
    if url.scheme not in fsspec.available_protocols():
        return Unreadable(
            reason=f"is of a kind that nothing here reads ({url.scheme}://)",
            remedy="give a file, or an address that begins with https:// or s3://",
        )
    require_meant(url, roots)
    try:
        # Any: every store is a class of its own.
        store, path = cast("tuple[Any, str]", fsspec.url_to_fs(urlunsplit(url)))
        with store.open(path, "rb") as opened:
            return _content(opened, max_bytes)
    except FileNotFoundError:
        return Unreadable(reason="does not exist", remedy="check the address")
    except IsADirectoryError:
        return Unreadable(reason="is a directory", remedy="name a document in it")
    except PermissionError:
        return Unreadable(reason="may not be read with these credentials", remedy="check them and the address")
    except TimeoutError:
        raise
    except ImportError:
        return _package_missing(url.scheme)
    except Exception as error:  # noqa: BLE001 - every store has errors of its own, and all mean the same here
        return Unreadable(
            reason=f"cannot be read ({shown(error) or type(error).__name__})",
            remedy="check the address and credentials",
        )


def _content(opened: Any, max_bytes: int) -> bytes | Unreadable:  # Any: as above
    data = bytearray()
    while len(data) <= max_bytes and (chunk := opened.read(min(_CHUNK_BYTES, max_bytes + 1 - len(data)))):
        data += chunk
    if len(data) <= max_bytes:
        return bytes(data)
    return Unreadable(
        reason=f"has more than {max_bytes:,} bytes, over the limit",
        remedy="give a smaller document, or raise THROUGHLINE_MAX_SOURCE_BYTES",
    )


def _package_missing(protocol: str) -> Unreadable:
    advice = known_implementations[protocol].get("err") or "install what fsspec needs for it"
    advice = advice.removeprefix("Please ").rstrip(".")
    return Unreadable(reason="needs a package that is not installed", remedy=f"{advice[:1].lower()}{advice[1:]}")
