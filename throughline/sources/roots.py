"""The places that may be read: directories, and beginnings of addresses."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from throughline.errors import BadInput
from throughline.sources.names import shown

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """Nothing is off limits while both are empty; with one of them, only what they name is open."""

    folders: tuple[Path, ...] = ()
    addresses: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Sequence[Path | str]) -> Self:
        """Roots as they were set: a text with "://" is an address, everything else a directory."""
        addresses = tuple(root for root in given if isinstance(root, str) and "://" in root)
        folders = tuple(Path(root).resolve() for root in given if root not in addresses)
        return cls(folders=folders, addresses=addresses)

    @property
    def _anything(self) -> bool:
        return not self.folders and not self.addresses

    def holds(self, real: Path) -> bool:
        """Whether a path, its links resolved, may be read."""
        return self._anything or any(real.is_relative_to(folder) for folder in self.folders)

    def require_path(self, real: Path, reference: str) -> None:
        """Refuse a path, its links resolved, that lies in none of the directories."""
        if self.holds(real):
            return
        raise BadInput(
            f"{shown(reference)} lies outside the directories that may be read ({self._named()}); "
            "move it there, or add its directory to THROUGHLINE_SOURCE_ROOTS."
        )

    def require_address(self, url: SplitResult, shown_url: str) -> None:
        """Refuse an address that begins with none of the roots."""
        if self._anything or self.names(url):
            return
        raise BadInput(
            f"{shown_url} lies outside the places that may be read ({self._named()}); "
            "save it in one of them, or add the beginning of its address to THROUGHLINE_SOURCE_ROOTS."
        )

    def names(self, url: SplitResult) -> bool:
        """Whether the address begins with one of the roots."""
        return any(_covers(urlsplit(root), url) for root in self.addresses)

    def above(self, folder: Path) -> tuple[Path, ...]:
        """The directories around that one which may be read, the nearest first."""
        if self._anything:
            return tuple(folder.parents)
        return tuple(parent for parent in folder.parents if any(parent.is_relative_to(root) for root in self.folders))

    def _named(self) -> str:
        return shown(", ".join([*map(str, self.folders), *self.addresses]))


def _covers(root: SplitResult, url: SplitResult) -> bool:
    """Whether the address is the root or lies below it. Compared by parts: text alone can be tricked."""
    if (root.scheme, root.hostname, root.username, _port(root)) != (url.scheme, url.hostname, url.username, _port(url)):
        return False
    path = unquote(url.path)
    if "\\" in path or ".." in path.split("/"):
        return False
    allowed = posixpath.normpath("/" + unquote(root.path)).rstrip("/").lstrip("/")
    asked = path.lstrip("/")
    return not allowed or asked == allowed or asked.startswith(allowed + "/")


def _port(url: SplitResult) -> int | None:
    return url.port or _PORTS.get(url.scheme)
