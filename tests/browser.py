"""One Chromium for all tests of a process, driven through its DevTools protocol."""

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from functools import lru_cache
from itertools import count
from multiprocessing.util import Finalize
from pathlib import Path

from websocket import create_connection

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # for the loopback
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-dev-shm-usage", "--remote-debugging-port=0",
)  # fmt: skip


class Page:
    "A page of the browser; `errors` lists what its console and its policy have complained about."

    def __init__(self, address):
        self.socket = create_connection(
            address, timeout=60, suppress_origin=True, http_no_proxy=["127.0.0.1"]
        )
        self.ids, self.errors = count(1), []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        "Ask the browser for something; return its answer."
        number = next(self.ids)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := self.receive()).get("id") != number:
            pass
        assert "error" not in message, f"{method}: {message['error']}"
        return message["result"]

    def receive(self):
        "Receive a message; errors are kept."
        message = json.loads(self.socket.recv())
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(message["params"]["exceptionDetails"]))
        if message.get("method") == "Log.entryAdded":
            entry = message["params"]["entry"]
            if entry["level"] == "error":
                self.errors.append(entry["text"])
        return message

    def open(self, address):
        "Open an address, and wait until its scripts have run."
        self.call("Page.navigate", url=address)
        while self.receive().get("method") != "Page.loadEventFired":
            pass

    def ask(self, expression):
        "Evaluate JavaScript; return what it gives, or what it promises."
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, json.dumps(answer["exceptionDetails"])[:2000]
        return answer["result"].get("value")

    def resize(self, width, dark=False):
        "Make the page so wide, light or dark."
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def press(self, key, text=""):
        "Press a key."
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key,
                      windowsVirtualKeyCode=codes[key], **more)  # fmt: skip

    def shoot(self, path):
        "Save a picture of the whole page."
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        Path(path).write_bytes(base64.b64decode(shot["data"]))


@lru_cache
def open_browser():
    "Start Chromium, once in a process; return its page."
    folder = Path(tempfile.mkdtemp())
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = subprocess.Popen(
        [CHROMIUM, *OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=outside, start_new_session=True,
    )  # fmt: skip
    Finalize(None, end_browser, (process, folder), exitpriority=0)
    port, until = folder / "profile" / "DevToolsActivePort", time.monotonic() + 60
    while not (address := read_address(port)):
        assert process.poll() is None and time.monotonic() < until, "Chromium did not start"
        time.sleep(0.02)
    with NO_PROXY.open(f"http://{address}/json/list", timeout=30) as answer:
        targets = json.load(answer)
    target = next(each for each in targets if each["type"] == "page")
    return Page(target["webSocketDebuggerUrl"])


def read_address(path):
    "The address that Chromium listens at, once it has written its port."
    lines = path.read_text().splitlines() if path.exists() else []
    return f"127.0.0.1:{lines[0]}" if len(lines) == 2 else ""


def end_browser(process, folder):
    "End Chromium with all that it has started."
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
