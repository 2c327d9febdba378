"""The tables at the end of `make chaos`: printed, and kept for the pages.

tests/conftest.py loads this where the chaos is asked for. Where processes share the tests, the one that prints
collects none, so it never meets a conftest.py of this folder.
"""

from typing import Any

import pytest

from tests.chaos.into_docs import TABLES, keep
from tests.chaos.results import KILL_MATRIX, RESULTS, SUMMARY, by_death, markdown


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes hands its rows to the one that prints."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["chaos"] = RESULTS.packed()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # Any: a process of xdist, which has no types
    """The one that prints takes them."""
    RESULTS.take(getattr(node, "workeroutput", {}).get("chaos", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The tables of all processes."""
    tables = {title: markdown(RESULTS.headers[title], rows) for title, rows in RESULTS.tables.items()}
    if matrix := RESULTS.tables.get(KILL_MATRIX):
        tables[f"{KILL_MATRIX}, in short"] = markdown(SUMMARY, by_death(matrix))
    for title, table in tables.items():
        terminalreporter.section(title)
        terminalreporter.write_line(table)
    if tables:
        keep(tables, config.rootpath / TABLES)
