"""How several processes share the tests: a file at a time, and all that need a Prefect server in one process.

A server of their own for each process would take ten seconds to start, twice.
"""

from xdist.scheduler import LoadScopeScheduling

_WITH_A_SERVER = "tests/flows"


class Sharing(LoadScopeScheduling):
    """What `--dist loadfile` does, but for the tests that share a server."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return _WITH_A_SERVER if file.startswith(f"{_WITH_A_SERVER}/") else file
