"""What git reads of a repository lies inside the roots: its folder could borrow the history of another one.

A repository that somebody unpacked from an archive may hold links, or name other repositories whose objects it uses.
Git follows both without a word, so a range of it would show what lies elsewhere.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from throughline.errors import BadInput
from throughline.sources.names import shown
from throughline.sources.roots import Roots

_LARGEST_BYTES = 100_000


def require_inside(folders: Iterable[Path], roots: Roots, reference: str) -> None:
    """Refuse git folders that lie outside the roots, or lead out of them."""
    pending = [folder.resolve() for folder in folders]
    for folder in pending:
        roots.require_path(folder, reference)
    if roots.holds(Path("/")):
        return
    seen: set[Path] = set()
    while pending:
        folder = pending.pop()
        if folder in seen:
            continue
        seen.add(folder)
        borrowed = list(_borrowed(folder))
        if not all(roots.holds(place) for place in (folder, *borrowed, *_linked(folder))):
            raise BadInput(
                f"{shown(reference)} has git read outside the directories that may be read (by a link, or by "
                f"objects/info/alternates); give the output of `git diff` as a file."
            )
        pending.extend(borrowed)


def _linked(folder: Path) -> Iterator[Path]:
    """Where the links in it lead."""
    for parent, folders, files in os.walk(folder):
        yield from (path.resolve() for name in (*folders, *files) if (path := Path(parent, name)).is_symlink())


def _borrowed(folder: Path) -> Iterator[Path]:
    """The folders of objects that count as its own, by git's lists of them: it may be one of objects itself."""
    for objects in (folder / "objects", folder):
        try:
            with (objects / "info" / "alternates").open("rb") as file:
                lines = os.fsdecode(file.read(_LARGEST_BYTES)).splitlines()
        except OSError:
            continue
        yield from (_place(objects, line) for line in lines if line and not line.startswith("#"))


def _place(objects: Path, line: str) -> Path:
    """The folder that a line names. One in quotes may hold escapes: it counts as being outside of everything."""
    return Path("/") if line.startswith('"') else (objects / line).resolve()
