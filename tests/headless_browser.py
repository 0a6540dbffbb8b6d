"""A headless browser, steered by Chrome's DevTools protocol, for tests of what pages do; skipped where there is none."""

import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

KEYS = {"ArrowLeft": 37, "ArrowRight": 39, " ": 32}
"""Codes of keys that tests press."""
PATIENCE_SECONDS = 60.0
"""Longest wait for what a page should come to."""


class Page:
    """A page in a browser.

    Args:
        socket: Connection to the page.
    """

    def __init__(self, socket: Any) -> None:
        self._socket, self._number = socket, 0
        self.errors: list[str] = []
        """Errors that the page's scripts have raised."""
        for domain in ("Runtime", "Page"):
            self._call(f"{domain}.enable")

    def resize(self, width: int, height: int) -> None:
        """Gives the page another size in pixels."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)

    def open(self, path: Path) -> None:
        """Opens a file, and waits until its scripts have run."""
        self._call("Page.navigate", url=path.as_uri())
        self.wait_for(f"document.readyState === 'complete' && location.href === {json.dumps(path.as_uri())}")

    def run(self, script: str) -> Any:
        """Returns the value of an expression in the page."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, script: str) -> None:
        """Waits until an expression is true."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.run(script):
            assert time.monotonic() < end, script
            time.sleep(0.02)

    def press(self, key: str) -> None:
        """Presses a key and holds it."""
        self._call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=KEYS[key])

    def release(self, key: str) -> None:
        """Lets a key go."""
        self._call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=KEYS[key])

    def _call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE_SECONDS))
            if message.get("method") == "Runtime.exceptionThrown":
                self.errors.append(json.dumps(message["params"])[:500])
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]


@contextmanager
def opened_browser() -> Iterator[Page]:
    """Starts a browser with an empty page, and ends it."""
    client = pytest.importorskip("websockets.sync.client")
    if (program := shutil.which("chromium")) is None:
        pytest.skip("there is no chromium here")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
        command = [program, *options, f"--user-data-dir={folder}", "about:blank"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as browser:
            try:
                with client.connect(_address(browser), max_size=None) as socket:
                    yield Page(socket)
            finally:
                browser.terminate()


def _address(browser: "subprocess.Popen[str]") -> str:
    assert browser.stderr is not None
    found = next(found for line in browser.stderr if (found := re.search(r"ws://([^/]+)/", line)))
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        with urllib.request.urlopen(f"http://{found[1]}/json", timeout=PATIENCE_SECONDS) as answer:
            for tab in json.load(answer):
                if tab["type"] == "page":
                    return str(tab["webSocketDebuggerUrl"])
    raise AssertionError("the browser has no page")
