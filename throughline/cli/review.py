"""The review pages' command: serve them on this machine until Ctrl-C."""

import asyncio
import getpass
import ipaddress
import os
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import click

from throughline import settings
from throughline.cli.commands import cli
from throughline.cli.request import opened
from throughline.domain.job import JobId
from throughline.errors import BadInput

TOKEN = "THROUGHLINE_REVIEW_TOKEN"


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8420, show_default=True, type=click.IntRange(0, 65535))
@click.option("--simulate", is_flag=True, help="Lets simulated jobs be run again.")
def review(host: str, port: int, simulate: bool) -> int:
    """Serve the pages on which a person reads outputs beside their sources, compares and decides."""
    try:
        return asyncio.run(_review(host, port, simulate=simulate))
    except KeyboardInterrupt:
        return 0


async def _review(host: str, port: int, *, simulate: bool) -> int:
    import uvicorn

    from review.access import Access, new_token
    from review.app import create_app

    chosen = settings.load()
    token = chosen.review_token.get_secret_value().strip() if chosen.review_token else ""
    if not token and not _is_loopback(host):
        raise BadInput(f"Others can reach {host}. Set {TOKEN} to a long random text before the pages listen there.")
    access = Access(token or new_token())
    async with opened(simulate=simulate, existing=True):
        app = create_app(access, reviewer=getpass.getuser(), simulate=simulate, wake=_wake())
        with _listening(host, port) as listener:
            # No access log: the ready address has the token in it. No forwarded headers: they could hide who guesses.
            config = uvicorn.Config(
                app, log_level="warning", access_log=False, server_header=False, proxy_headers=False, ws="none"
            )
            click.echo(_ready(listener, host, access_token=None if token else access.token))
            await uvicorn.Server(config).serve(sockets=[listener])
    return 0


def _wake() -> Callable[[JobId], Awaitable[bool]] | None:
    """What wakes the flow run of a decided job at once, where a Prefect server is known; else `collect` does it."""
    if not os.environ.get("PREFECT_API_URL"):
        return None
    from flows.prefect_runs import wake_decided  # Prefect takes a second to import

    return wake_decided


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise BadInput(f"{host}:{port} cannot be listened on: {error.strerror}. Choose another --port.") from error


def _ready(listener: socket.socket, host: str, *, access_token: str | None) -> str:
    """Where the pages are; with a token of this start alone, an address that logs in."""
    place = f"[{host}]" if ":" in host else host
    address = f"http://{place}:{listener.getsockname()[1]}"
    if access_token is None:
        return f"Review pages: {address}/  Log in with the token in {TOKEN}. Ctrl-C ends them."
    return f"Review pages: {address}/login?token={quote(access_token)}  Ctrl-C ends them."


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
