"""What outlives the process: batches and the bill, in one SQLite file."""

import json
import sqlite3
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    id TEXT PRIMARY KEY, seq INTEGER, facts TEXT, requests TEXT, results TEXT
);
CREATE TABLE IF NOT EXISTS bill (seq INTEGER PRIMARY KEY, row TEXT);
"""


class State:
    """Small and synchronous: a write is one statement, committed before the answer leaves."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        # The file must survive the death of the process, not that of the machine.
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    def save_batch(
        self,
        id_: str,
        seq: int,
        facts: dict[str, Any],
        requests: list[dict[str, Any]],
        results: list[Any] | None,
    ) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?, ?)",
            (id_, seq, json.dumps(facts), json.dumps(requests), json.dumps(results)),
        )

    def delete_batch(self, id_: str) -> None:
        self._db.execute("DELETE FROM batches WHERE id = ?", (id_,))

    def load_batches(self) -> list[tuple[dict[str, Any], list[dict[str, Any]], list[Any] | None]]:
        """Facts, requests and results of every batch, oldest first."""
        rows = self._db.execute("SELECT facts, requests, results FROM batches ORDER BY seq").fetchall()
        return [(json.loads(facts), json.loads(requests), json.loads(results)) for facts, requests, results in rows]

    def save_rows(self, rows: list[dict[str, Any]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT OR REPLACE INTO bill VALUES (?, ?)", [(row["seq"], json.dumps(row)) for row in rows]
        )
        self._db.execute("COMMIT")

    def load_rows(self) -> list[dict[str, Any]]:
        return [json.loads(row) for (row,) in self._db.execute("SELECT row FROM bill ORDER BY seq").fetchall()]

    def clear(self) -> None:
        self._db.execute("DELETE FROM batches")
        self._db.execute("DELETE FROM bill")
