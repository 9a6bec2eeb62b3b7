"""A page in, what the real Chromium makes of it out: measures, pictures and paper, asked over its debugging pipe. No page is fetched."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Browser:
    """One tab. Each question waits for its answer; the test's own time limit bounds it."""

    def __init__(self, ask: int, hear: int) -> None:
        self._ask, self._hear = ask, hear
        self._rest = b""
        self._number = 0
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = str(self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        self.call("Page.enable")

    def open(self, page: Path, width: int, *, dark: bool = False) -> None:
        """Show the page in a window of `width` pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url=page.as_uri())
        while self.value("document.readyState") != "complete" or self.value("location.href") != page.as_uri():
            pass  # each question is a round trip through the browser

    def value(self, expression: str) -> Any:
        """What an expression is worth in the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def picture(self) -> bytes:
        """The whole page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def paper(self) -> bytes:
        """The page as it is printed, as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """One call of the browser's protocol. Raises AssertionError where it says no, or ends."""
        self._number += 1
        session = {"sessionId": self._session} if hasattr(self, "_session") else {}
        os.write(self._ask, json.dumps({"id": self._number, "method": method, "params": arguments, **session}).encode() + b"\0")
        while True:
            said = self._next()
            if said.get("id") == self._number:
                assert "error" not in said, said["error"]
                return dict(said["result"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self._hear, 1 << 16)
            assert data, "Chromium ended"
            self._rest += data
        message, self._rest = self._rest.split(b"\0", 1)
        return dict(json.loads(message))


@contextmanager
def chromium(directory: Path) -> Iterator[Browser]:
    """A browser with an empty profile in `directory`, ended with all its processes when the block ends."""
    assert CHROMIUM is not None
    theirs_in, ask = os.pipe()
    hear, theirs_out = os.pipe()
    away_in, away_out = (fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 10) for one in (theirs_in, theirs_out))
    log = os.open(directory / "chromium.log", os.O_WRONLY | os.O_CREAT, 0o600)
    # The browser reads its questions from descriptor 3 and answers on 4.
    places = ((away_in, 3), (away_out, 4), (log, 1), (log, 2))
    process = os.posix_spawn(
        CHROMIUM,
        [CHROMIUM, *FLAGS, f"--user-data-dir={directory}/profile"],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, ours, theirs) for ours, theirs in places],
        setpgroup=0,
    )
    for one in (theirs_in, theirs_out, away_in, away_out, log):
        os.close(one)
    try:
        yield Browser(ask, hear)
    finally:
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(ask)
        os.close(hear)
