"""A headless Chromium, told what to do by its own protocol over a pair of pipes."""

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BROWSER = shutil.which("chromium")
QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--remote-debugging-pipe"),
)


class Page:
    """A tab; https://chromedevtools.github.io/devtools-protocol tells of the methods.

    Attributes:
        errors: what its console said that is an error, and scripts that failed.
    """

    def __init__(self, commands: int, answers: int) -> None:
        self.commands, self.answers = commands, answers
        self.asked, self.session, self.left = 0, None, b""
        self.errors: list[str] = []
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        attached = self.tell("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.tell(f"{domain}.enable")

    def tell(self, method: str, **params: object) -> Any:
        """One call of the protocol, and its result."""
        self.asked += 1
        session = {"sessionId": self.session} if self.session else {}
        call = {"id": self.asked, "method": method, "params": params, **session}
        os.write(self.commands, json.dumps(call).encode() + b"\0")
        while True:
            said = self._next()
            if said.get("id") == self.asked:
                assert "error" not in said, said
                return said["result"]
            self._note(said)

    def _next(self) -> Any:
        while b"\0" not in self.left:
            more = os.read(self.answers, 1 << 20)
            assert more, "the browser is gone"
            self.left += more
        said, _, self.left = self.left.partition(b"\0")
        return json.loads(said)

    def _note(self, said: Any) -> None:
        params = said.get("params", {})
        match said.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(params["exceptionDetails"])[:1000])
            case "Runtime.consoleAPICalled" if params["type"] == "error":
                self.errors.append(json.dumps(params["args"])[:1000])
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def before(self, script: str) -> None:
        """Has a script run before any of a page's own."""
        self.tell("Page.addScriptToEvaluateOnNewDocument", source=script)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is."""
        found = self.tell("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    def open(self, url: str, *words: str, seconds: float = 120) -> str:
        """Opens a URL and waits until all the words are on the page; returns its text."""
        self.tell("Page.navigate", url="about:blank")
        self.tell("Page.navigate", url=url)
        last = time.monotonic() + seconds
        while True:
            text = str(self.value("document.body ? document.body.innerText : ''"))
            if all(word in text for word in words):
                return text
            assert time.monotonic() < last, (url, words, text)
            time.sleep(0.1)

    def size(self, width: int, height: int) -> None:
        """Makes the window so many pixels."""
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def picture(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode(self.tell("Page.captureScreenshot")["data"])


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A page of a browser that keeps what it keeps in a folder.

    Args:
        folder: for the profile.
    """
    assert BROWSER is not None
    read, commands = os.pipe()
    answers, write = os.pipe()
    # It reads at 3 and writes at 4.
    start = f'exec "$0" "$@" 3<&{read} 4>&{write}'
    process = subprocess.Popen(
        ["bash", "-c", start, BROWSER, *QUIET, f"--user-data-dir={folder}"],
        pass_fds=(read, write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(read)
    os.close(write)
    try:
        yield Page(commands, answers)
    finally:
        os.close(commands)  # which ends it
        os.close(answers)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
