"""What .gitignore names, by git's own rules: nested files, "!" to take back, the deepest file decides."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec  # imported where a .gitignore is met: most commands meet none

_FILE = ".gitignore"
_LARGEST_BYTES = 1_000_000
# A pattern is tried in every way its stars allow, so a hostile one could take years on one name.
_MOST_STARS = 3


class Ignores:
    """The rules that hold inside one directory, read as its subdirectories are met."""

    def __init__(self, top: Path, above: Iterable[Path]) -> None:
        self._specs: dict[Path, GitIgnoreSpec] = {}
        self.not_honoured: dict[Path, list[int]] = {}
        for folder in _of_repository(top, above):
            self.enter(folder)
        if self.names(top, is_directory=True):
            self._specs.clear()  # it was named by hand: only what it says itself counts

    def enter(self, folder: Path) -> None:
        """Read the rules that stand in that directory."""
        text = _text(folder / _FILE)
        if text is None:
            return
        from pathspec import GitIgnoreSpec

        good: list[str] = []
        for number, line in enumerate(text.splitlines(), start=1):
            if _is_usable(line):
                good.append(line)
            else:
                self.not_honoured.setdefault(folder / _FILE, []).append(number)
        self._specs[folder] = GitIgnoreSpec.from_lines(good)

    def names(self, path: Path, *, is_directory: bool) -> bool:
        """Whether that path, whose parent directories are not ignored, is."""
        for folder in path.parents:
            spec = self._specs.get(folder)
            if spec is None:
                continue
            decided = spec.check_file(f"{path.relative_to(folder).as_posix()}{'/' if is_directory else ''}").include
            if decided is not None:
                return decided
        return False


def _of_repository(top: Path, above: Iterable[Path]) -> Iterator[Path]:
    """The directories around `top` up to the one that holds .git; none when there is no such."""
    if (top / ".git").exists():
        return
    passed: list[Path] = []
    for folder in above:
        passed.append(folder)
        if (folder / ".git").exists():
            yield from passed
            return


def _text(file: Path) -> str | None:
    """The rules, or None. Git does not follow a link here either."""
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            return None
        with file.open("rb") as opened:
            return os.fsdecode(opened.read(_LARGEST_BYTES))
    except OSError:
        return None


def _is_usable(line: str) -> bool:
    names = line.split("/")
    if names.count("**") > _MOST_STARS - 1 or any(len(re.findall(r"\*+", name)) > _MOST_STARS for name in names):
        return False
    from pathspec import GitIgnoreSpec
    from pathspec.patterns.gitignore import GitIgnorePatternError

    try:
        GitIgnoreSpec.from_lines([line])
    except (GitIgnorePatternError, re.error):
        return False
    return True
