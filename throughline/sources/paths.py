"""Files and directories: where a reference leads, and what a directory holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from throughline.errors import BadInput
from throughline.sources.ignores import Ignores
from throughline.sources.names import shown
from throughline.sources.roots import Roots

_GENERATED_DIRECTORIES = frozenset({"__pycache__", "node_modules"})
# The worker's own keys stand in its environment, for whoever may name a file to read.
_OF_THE_SYSTEM = (Path("/proc"), Path("/sys"))
_IGNORED = "is named by .gitignore"
_MOST_IGNORED_LISTED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A path as it was met. `real` has its symbolic links resolved; `refusal` says why it is not read."""

    path: Path
    real: Path
    refusal: str | None = None


def locate(reference: str, roots: Roots) -> Found:
    """The file or directory that a reference names, inside the allowed roots."""
    path = Path(reference)
    try:
        real = path.resolve(strict=True)
    except FileNotFoundError:
        raise BadInput(f"{shown(reference)} does not exist; check the path.") from None
    except PermissionError:
        raise BadInput(f"{shown(reference)} may not be read by this user; change its permissions.") from None
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a name that no file can have
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"{shown(reference)} cannot be opened ({shown(reason)}); check the path.") from None
    roots.require_path(real, reference)
    if any(real.is_relative_to(place) for place in _OF_THE_SYSTEM):
        raise BadInput(f"{shown(reference)} shows what the machine is doing and is never read; save it to a file.")
    if ".git" in real.parts:
        raise BadInput(f"{shown(reference)} belongs to git itself and is never read; name files of the working tree.")
    # The name people gave a link is the name they know the document by.
    named = path.parent.resolve() / path.name if path.name not in ("", "..") else real
    return Found(path=named, real=real)


def members(directory: Found, roots: Roots, *, max_depth: int | None = None) -> Iterator[Found]:
    """Everything below the directory in the order of names, files before subdirectories."""
    ignores = Ignores(directory.real, roots.above(directory.real))
    pending = [(directory, 1)]
    while pending:
        current, depth = pending.pop()
        ignores.enter(current.real)
        try:
            met = [_inspect(entry, directory.real, current.real, ignores) for entry in sorted(current.path.iterdir())]
            below = [member for member in met if member.refusal is None and member.real.is_dir()]
        except OSError as error:
            yield Found(path=current.path, real=current.real, refusal=f"cannot be read ({error.strerror})")
            continue
        directories = set(below)
        yield from _in_short(current, [member for member in met if member not in directories])
        if max_depth is None or depth < max_depth:
            pending.extend((member, depth + 1) for member in reversed(below))


def _in_short(folder: Found, met: Sequence[Found]) -> Sequence[Found]:
    """The files of one directory, with many that are ignored told in one entry."""
    ignored = [member for member in met if member.refusal == _IGNORED and not member.path.is_dir()]
    if len(ignored) <= _MOST_IGNORED_LISTED:
        return met
    dropped = set(ignored)
    reason = f"holds {len(ignored):,} files that .gitignore names ({ignored[0].path.name} ... {ignored[-1].path.name})"
    entry = Found(path=folder.path, real=folder.real, refusal=reason)
    return [*(member for member in met if member not in dropped), entry]


def _inspect(entry: Path, top: Path, folder: Path, ignores: Ignores) -> Found:
    """An entry of a directory, with the reason when its name or its kind already rules it out."""
    place = folder / entry.name
    if entry.name.startswith("."):
        lines = ", ".join(str(number) for number in ignores.not_honoured.get(place, ())[:5])
        note = f" (not honoured: line {lines}, too many stars or no pattern)" if lines else ""
        return Found(path=entry, real=entry, refusal=f"is hidden{note}")
    if entry.name in _GENERATED_DIRECTORIES:
        return Found(path=entry, real=entry, refusal="holds generated files")
    is_link = entry.is_symlink()
    if ignores.names(place, is_directory=not is_link and entry.is_dir()):
        return Found(path=entry, real=entry, refusal=_IGNORED)
    return _follow(entry, top) if is_link else Found(path=entry, real=entry.resolve())


def _follow(link: Path, top: Path) -> Found:
    """A link inside a directory. It must not lead out: a reviewed tree could point at private files."""
    try:
        real = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return Found(path=link, real=link, refusal="is a link to nothing")
    if not real.is_relative_to(top):
        return Found(path=link, real=real, refusal="is a link that leaves the directory")
    if ".git" in real.parts[len(top.parts) :]:
        return Found(path=link, real=real, refusal="is a link into git's own files")
    if real.is_dir():
        return Found(path=link, real=real, refusal="is a link to a directory")
    return Found(path=link, real=real)
