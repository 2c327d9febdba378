"""Forcing SQLite's commits to the disk beside other work.

A commit that does not wait for the disk survives the death of its process, and a power cut once the log file
is synced. Waiting for that stops the event loop; a thread does it while the next call is already on its way.
"""

import os
import threading
from pathlib import Path
from queue import Empty, SimpleQueue

from sqlalchemy import Engine

_sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class DiskSync:
    """Syncs one write-ahead log in a thread of its own, which starts when it is first wanted."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._failed = threading.Event()

    def soon(self) -> None:
        """Force everything that is committed by now to the disk, without waiting for it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="disk-sync", daemon=True)
            self._thread.start()
        self._wanted.put(True)

    def take_failure(self) -> bool:
        """Whether a sync has failed since this was last asked: then wait for the disk in the next commit."""
        failed = self._failed.is_set()
        self._failed.clear()
        return failed

    def close(self) -> None:
        """Finish what was asked for, and end the thread."""
        if self._thread is not None:
            self._wanted.put(False)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while self._wanted.get():
            more = self._take_waiting()
            self._force()
            if not more:
                return

    def _take_waiting(self) -> bool:
        """Take what else was asked for by now, as one sync does for all; False when the end was among it."""
        more = True
        while True:
            try:
                more = self._wanted.get_nowait() and more
            except Empty:
                return more

    def _force(self) -> None:
        try:
            file = os.open(self._log, os.O_RDWR)
        except FileNotFoundError:
            return  # moved into the database and synced there when the last connection was closed
        except OSError:
            self._failed.set()
            return
        try:
            _sync(file)
        except OSError:
            self._failed.set()
        finally:
            os.close(file)


def disk_sync(engine: Engine) -> DiskSync | None:
    """The sync of this ledger's log; None on PostgreSQL, which does its own."""
    if engine.dialect.name != "sqlite":
        return None
    return DiskSync(Path(f"{engine.url.database}-wal"))
