from sqlalchemy import text
from storage.engine import connect, reading
import pytest


@pytest.mark.parametrize("n", range(5))
def test_smoke(database_url, n):
    e = connect(database_url)
    with reading(e) as tx:
        assert (tx.execute(text("select count(*) from jobs"))).scalar_one() == 0
    e.dispose()


async def test_smoke2(database_url, simulator):
    assert simulator.bill()["rows"] == []
