"""A real Chromium, driven over its DevTools protocol; no test runner of its own."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
_START_SECONDS = 90.0  # on a busy machine


def find() -> str | None:
    """The path of a Chromium on this machine, or None."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


class Page:
    """One tab, with what it logged and asked for since it was opened."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a DevTools method and wait for its answer, noting the events in between."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=_START_SECONDS))
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])
            self._note(message)

    def open(self, url: str, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """Open an address at a size, in a colour scheme, and wait until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.call("Page.navigate", url=url)
        deadline = time.monotonic() + _START_SECONDS
        while self.evaluate("document.readyState") != "complete":
            assert time.monotonic() < deadline, f"{url} did not load"
            time.sleep(0.05)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def text(self) -> str:
        """What a reader sees of the page."""
        return str(self.evaluate("document.body.innerText"))

    def has(self, selector: str) -> bool:
        """Whether the page has an element that fits."""
        return bool(self.evaluate(f"document.querySelector({selector!r}) !== null"))

    def press(self, words: str) -> None:
        """Press the button or tab that says just these words."""
        pressable = "[...document.querySelectorAll('button, [role=tab], .p-tab')]"
        self.evaluate(f"{pressable}.find(each => each.innerText.trim() === {words!r}).click()")

    def fill(self, selector: str, words: str) -> None:
        """Give the first field that fits a value, and tell the page that it was typed."""
        self.evaluate(
            f"(e => {{ e.value = {words!r}; for (const told of ['input', 'change', 'blur'])"
            f" e.dispatchEvent(new Event(told, {{bubbles: true}})); }})"
            f"(document.querySelector({selector!r}))"
        )

    def screenshot(self, path: Path) -> None:
        """A picture of the whole page."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def _note(self, message: dict[str, Any]) -> None:
        event, told = message.get("method"), message.get("params", {})
        if event == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif event == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.complaints.append(told["entry"]["text"])
        elif event == "Runtime.consoleAPICalled":
            self.complaints.append(str(told["args"]))


@contextlib.contextmanager
def launch(program: str) -> Iterator[Page]:
    """Start a browser with a profile of its own, and stop it at the end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            address = _address(browser, Path(profile))
            with connect(address, max_size=None, proxy=None, ping_interval=None) as connection:
                yield Page(connection)
        finally:
            browser.terminate()
            browser.wait(timeout=_START_SECONDS)


def _address(browser: subprocess.Popen[bytes], profile: Path) -> str:
    mark = profile / "DevToolsActivePort"
    deadline = time.monotonic() + _START_SECONDS
    while not (mark.is_file() and mark.read_text().count("\n")):
        assert browser.poll() is None, "the browser ended at its start"
        assert time.monotonic() < deadline, "the browser did not open its port"
        time.sleep(0.05)
    port = mark.read_text().splitlines()[0]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/json/list", timeout=_START_SECONDS) as answer:
        tabs = json.load(answer)
    return next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
