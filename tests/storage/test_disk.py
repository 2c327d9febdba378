"""Commits are forced to the disk beside other work, and a disk that cannot is told to the next commit."""

import os
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.disk import DiskSync, disk_sync
from storage.engine import Engine, transaction
from tasks import runtime
from tasks.saving import saved_beside
from throughline import settings


@pytest.fixture
def unsyncable(tmp_path: Path) -> Path:
    """A file that opens and cannot be synced."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    return pipe


def after_a_sync(sync: DiskSync) -> bool:
    sync.soon()
    sync.soon()
    sync.close()
    return sync.take_failure()


def test_a_log_is_synced(sqlite_ledger: Engine):
    sync = disk_sync(sqlite_ledger)
    assert sync is not None
    with transaction(sqlite_ledger, durable=False):
        pass
    assert not after_a_sync(sync)


def test_postgresql_syncs_by_itself(empty_server: Engine):
    assert disk_sync(empty_server) is None


def test_a_log_that_is_gone_was_moved_into_the_database(tmp_path: Path):
    assert not after_a_sync(DiskSync(tmp_path / "ledger.db-wal"))


def test_a_failure_is_told_once(unsyncable: Path):
    sync = DiskSync(unsyncable)
    assert after_a_sync(sync)
    assert not sync.take_failure()


def test_a_log_that_cannot_be_opened_is_a_failure(tmp_path: Path):
    assert after_a_sync(DiskSync(tmp_path))


def test_it_works_on_after_it_was_closed(unsyncable: Path):
    sync = DiskSync(unsyncable)
    assert after_a_sync(sync)
    assert after_a_sync(sync)


async def test_after_a_failure_the_next_answer_waits_for_the_disk(sqlite_url: str, unsyncable: Path):
    async def level() -> int:
        return await saved_beside(lambda tx: tx.execute(text("PRAGMA synchronous")).scalar_one())

    normal, full = 1, 2
    async with runtime.opened(settings.load(database_url=sqlite_url)) as rt:
        rt.disk = DiskSync(unsyncable)
        assert await level() == normal
        rt.disk.close()
        assert await level() == full
        assert await level() == normal
