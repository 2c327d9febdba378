"""The `throughline` command. Prefect is imported only by the commands that run a job."""

from throughline.cli import (  # they add their commands
    audit,
    comparing,
    gate,
    learning,
    ownership,
    queue,
    review,
    service,
)
from throughline.cli.commands import main

__all__ = ["audit", "comparing", "gate", "learning", "main", "ownership", "queue", "review", "service"]
