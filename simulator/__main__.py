"""Start a simulator: `python -m simulator`. Prints one line of JSON with its address when it is ready."""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import uvicorn

from simulator.app import create_app
from simulator.connections import TrackedProtocol
from simulator.options import Options


class _Server(uvicorn.Server):
    """Says where it listens, and stops at once when told to."""

    def __init__(self, config: uvicorn.Config, *, exits_with_stdin: bool) -> None:
        super().__init__(config)
        self._exits_with_stdin = exits_with_stdin

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            sys.stdout.write(json.dumps({"url": f"http://{host}:{port}"}) + "\n")
            sys.stdout.flush()
        if self._exits_with_stdin:
            self._watch_stdin(asyncio.get_running_loop())

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:  # pyright: ignore[reportIncompatibleMethodOverride]  # narrower, as a generator may be
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        # Requests that are cut off by a stop are no news to whoever stopped the server.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self.should_exit = self.force_exit = True

    def _watch_stdin(self, loop: asyncio.AbstractEventLoop) -> None:
        """The parent holds the other end: when it dies, however it dies, reading returns nothing."""

        def wait_for_end() -> None:
            with contextlib.suppress(OSError):
                while os.read(0, 4096):
                    pass
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._stop)

        threading.Thread(target=wait_for_end, daemon=True).start()


def _parse(prog: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=prog, description="A local stand-in for the Claude API.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--mode", choices=("full", "messages-only"), default="full")
    parser.add_argument("--batch-seconds", type=float, default=0.2, help="how long a batch takes")
    parser.add_argument("--tokens-per-second", type=float, default=0.0, help="0 answers at once")
    parser.add_argument("--thinking-share", type=float, default=0.0, help="share of the output that is thinking")
    parser.add_argument("--inference-geo", default="", help="the workspace's default geography, such as us")
    parser.add_argument("--state", type=Path, help="keep batches and the bill in this file")
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when stdin ends")
    parser.add_argument("--no-request-log", action="store_true", help="do not keep what was received")
    parsed = parser.parse_args()
    if not 0 <= parsed.thinking_share < 1:
        parser.error("--thinking-share must be at least 0 and below 1")
    return parsed


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets that say that they are TCP; without it each answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(1024)
    return listener


def main(prog: str = "python -m simulator") -> None:
    """Serve until told to stop; `prog` is what was typed, for its help."""
    parsed = _parse(prog)
    options = Options(
        mode=parsed.mode,
        batch_seconds=parsed.batch_seconds,
        tokens_per_second=parsed.tokens_per_second,
        thinking_share=parsed.thinking_share,
        inference_geo=parsed.inference_geo,
        state_path=parsed.state,
        keeps_request_log=not parsed.no_request_log,
    )
    try:
        app = create_app(options)
        listener = _listen(parsed.host, parsed.port)
    except (OSError, OverflowError, sqlite3.Error) as error:
        sys.exit(f"{prog}: error: {error}. Choose another --host, --port or --state.")
    config = uvicorn.Config(
        app,
        http=TrackedProtocol,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    try:
        _Server(config, exits_with_stdin=parsed.exit_with_stdin).run([listener])
    finally:
        listener.close()
        app.state.world.close()


if __name__ == "__main__":
    main()
