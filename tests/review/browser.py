"""A real Chromium, driven by the WebDriver protocol: plain JSON over HTTP, so it needs no package of its own."""

import base64
import contextlib
import socket
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name of a reference to an element
_PATIENCE_S = 120  # on a busy machine; a wait ends as soon as it is over


class _Gone(LookupError):
    """The element was of a page that the browser has left."""


class Browser:
    """One window after another of one browser."""

    def __init__(self, http: httpx.Client, session: str) -> None:
        self._http = http
        self._session = f"/session/{session}"

    def _ask(self, method: str, path: str, **body: Any) -> Any:  # Any: JSON
        content = body if method == "POST" else None
        response = self._http.request(method, f"{self._session}{path}", json=content)
        value = response.json()["value"]
        if response.is_error:
            raise (_Gone if value["error"] == "stale element reference" else LookupError)(value["message"])
        return value

    def _ask_element(self, method: str, css: str, what: str, **body: Any) -> Any:  # Any: JSON
        """Of the first fitting element; of the next page's, where a page has gone since it was found."""
        give_up_at = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return self._ask(method, f"/element/{self.find(css)}/{what}", **body)
            except _Gone:
                if time.monotonic() > give_up_at:
                    raise

    def open(self, url: str) -> None:
        self._ask("POST", "/url", url=url)

    @property
    def url(self) -> str:
        return self._ask("GET", "/url")

    def find(self, css: str) -> str:
        """The first fitting element, waited for."""
        give_up_at = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return self._ask("POST", "/element", using="css selector", value=css)[_ELEMENT]
            except LookupError:
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.1)

    def click(self, css: str) -> None:
        self._ask_element("POST", css, "click")

    def type(self, css: str, text: str) -> None:
        self._ask_element("POST", css, "value", text=text)

    def press(self, key: str) -> None:
        """A key, wherever the focus is."""
        actions = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._ask("POST", "/actions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def text(self, css: str) -> str:
        return self._ask_element("GET", css, "text")

    def shows(self, css: str, words: str) -> bool:
        """Whether that element has those words, or has them soon: the page of before may still be there."""
        give_up_at = time.monotonic() + _PATIENCE_S
        while words not in self.text(css):
            if time.monotonic() > give_up_at:
                return False
            time.sleep(0.1)
        return True

    def run(self, script: str) -> Any:  # Any: JSON
        return self._ask("POST", "/execute/sync", script=script, args=[])

    def enter_frame(self, css: str) -> None:
        self._ask("POST", "/frame", id={_ELEMENT: self.find(css)})

    def leave_frame(self) -> None:
        self._ask("POST", "/frame", id=None)

    def reload(self) -> None:
        self._ask("POST", "/refresh")

    @property
    def window(self) -> str:
        return self._ask("GET", "/window")

    def new_tab(self) -> str:
        return self._ask("POST", "/window/new", type="tab")["handle"]

    def to_tab(self, handle: str) -> None:
        """Talk to that tab, and have it in front as a person would."""
        self._ask("POST", "/window", handle=handle)
        self._devtools("Page.bringToFront")

    def close_tab(self) -> None:
        self._ask("DELETE", "/window")

    def dress(self, scheme: str) -> None:
        """Light or dark, as the system would ask for."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._devtools("Emulation.setEmulatedMedia", features=features)

    def as_phone(self, width: int, height: int) -> None:
        """A small screen with its own rules of layout."""
        self._devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=True
        )

    def as_window(self) -> None:
        """The window as it was before it was a phone."""
        self._devtools("Emulation.clearDeviceMetricsOverride")

    def without_scripts(self) -> None:
        self._devtools("Emulation.setScriptExecutionDisabled", value=True)

    def _devtools(self, command: str, **parameters: Any) -> None:
        self._ask("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    def log(self) -> list[str]:
        """What the browser complained about since the last question: a policy that was broken, for one."""
        entries = self._ask("POST", "/se/log", type="browser")
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def resize(self, width: int, height: int) -> None:
        self._ask("POST", "/window/rect", width=width, height=height)

    def picture(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))


@contextlib.contextmanager
def browsing(folder: Path) -> Generator[Browser]:
    """A browser with an empty profile in that folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "chromedriver.log").open("w") as log:
        driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300, trust_env=False) as http:
            _wait_until_ready(http)
            session = http.post("/session", json=_wanted(folder)).raise_for_status().json()["value"]["sessionId"]
            try:
                yield Browser(http, session)
            finally:
                http.delete(f"/session/{session}")
    finally:
        driver.terminate()
        driver.wait(timeout=_PATIENCE_S)


def _wanted(folder: Path) -> dict[str, Any]:
    arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1440,900"]
    arguments += [f"--user-data-dir={folder / 'profile'}", "--no-first-run", "--disable-background-networking"]
    options = {"goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}}
    return {"capabilities": {"alwaysMatch": options}}


def _wait_until_ready(http: httpx.Client) -> None:
    give_up_at = time.monotonic() + _PATIENCE_S
    while time.monotonic() < give_up_at:
        with contextlib.suppress(httpx.TransportError):
            if http.get("/status").json()["value"]["ready"]:
                return
        time.sleep(0.1)
    raise TimeoutError("chromedriver did not start")
