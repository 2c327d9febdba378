"""The `throughline` command. Prefect is imported only by the commands that run a job."""

from throughline.cli import queue  # it adds its commands
from throughline.cli.commands import main

__all__ = ["main", "queue"]
