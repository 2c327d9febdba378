"""The bytes of one file, opened so that nobody can exchange it for another one after its place was looked at."""

import os
import stat
from pathlib import Path

from throughline.domain.source import Unreadable

_OPENED = Path("/proc/self/fd")


def contents(path: Path, max_bytes: int) -> bytes | Unreadable:
    """The bytes at a path whose links were resolved, or why there are none."""
    try:
        # Without waiting: a pipe that nobody writes to would hold the opening for ever.
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(opened, "rb") as file:
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                return Unreadable(reason="is not a regular file", remedy="save its content to a file")
            if _place(opened, path) != path:
                return Unreadable(reason="was moved while it was read", remedy="try again when nobody changes it")
            data = file.read(max_bytes + 1)
    except PermissionError:
        return Unreadable(reason="may not be read by this user", remedy="change its permissions")
    except OSError as error:
        return Unreadable(reason=f"cannot be read ({error.strerror})", remedy="check the file")
    if len(data) > max_bytes:
        return Unreadable(
            reason=f"has {max(status.st_size, len(data)):,} bytes, over the limit of {max_bytes:,}",
            remedy="split it, or raise THROUGHLINE_MAX_SOURCE_BYTES",
        )
    return data


def _place(opened: int, path: Path) -> Path:
    """Where the opened file lies: a directory on the way may have become a link since its place was looked at."""
    try:
        return _OPENED.joinpath(str(opened)).readlink()
    except FileNotFoundError:  # not Linux
        return path.resolve(strict=True)
