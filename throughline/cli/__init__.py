"""The `throughline` command. Prefect is imported only by the commands that run a job."""

from throughline.cli import comparing, gate, learning, ownership, queue, review, service  # they add their commands
from throughline.cli.commands import main

__all__ = ["comparing", "gate", "learning", "main", "ownership", "queue", "review", "service"]
