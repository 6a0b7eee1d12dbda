"""One Chromium and one Firefox for all tests of a process, driven through their own protocols."""

import atexit
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
from pathlib import Path

import pytest
from websocket import create_connection

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
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


class FirefoxPage(Page):
    "A page of Firefox, which speaks WebDriver BiDi: messages of the same shape, other methods."

    def __init__(self, address):
        self.socket = create_connection(
            f"{address}/session", timeout=60, suppress_origin=True, http_no_proxy=["127.0.0.1"]
        )
        self.ids, self.errors = count(1), []
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded"])
        self.context = self.call("browsingContext.getTree")["contexts"][0]["context"]

    def receive(self):
        "Receive a message; errors are kept."
        message = json.loads(self.socket.recv())
        if message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
            self.errors.append(message["params"]["text"])
        return message

    def open(self, address):
        "Open an address, and wait until its scripts have run."
        self.call("browsingContext.navigate", context=self.context, url=address, wait="complete")

    def ask(self, expression):
        "Evaluate JavaScript; return what it gives, or what it promises."
        answer = self.call(
            "script.evaluate", expression=f"(async () => JSON.stringify(await ({expression})))()",
            awaitPromise=True, target={"context": self.context},
        )  # fmt: skip
        assert answer["type"] == "success", json.dumps(answer)[:2000]
        return json.loads(answer["result"].get("value", "null"))

    def resize(self, width):
        "Make the page so wide."
        size = {"width": width, "height": 900}
        self.call("browsingContext.setViewport", context=self.context, viewport=size)

    def shoot(self, path):
        "Save a picture of the whole page."
        shot = self.call(
            "browsingContext.captureScreenshot", context=self.context, origin="document"
        )
        Path(path).write_bytes(base64.b64decode(shot["data"]))


def open_browser(name="Chromium"):
    "The page of a browser, without earlier complaints; without a browser the test is skipped."
    if not {"Chromium": CHROMIUM, "Firefox": FIREFOX}[name]:
        pytest.skip(f"there is no {name} on this machine")
    page = {"Chromium": open_chromium, "Firefox": open_firefox}[name]()
    page.resize(1280)
    page.errors.clear()
    return page


@lru_cache
def open_chromium():
    "Start Chromium, once in a process; return its page."
    process, folder = start(CHROMIUM, *OPTIONS, "--user-data-dir=PROFILE", "about:blank")
    address = wait_for(process, folder / "DevToolsActivePort", read_address)
    with NO_PROXY.open(f"http://{address}/json/list", timeout=30) as answer:
        targets = json.load(answer)
    target = next(each for each in targets if each["type"] == "page")
    return Page(target["webSocketDebuggerUrl"])


@lru_cache
def open_firefox():
    "Start Firefox, once in a process; return its page."
    process, folder = start(FIREFOX, "--headless", "--remote-debugging-port=0", "--no-remote",
                            "--profile", "PROFILE", "about:blank")  # fmt: skip
    file = folder / "WebDriverBiDiServer.json"
    return FirefoxPage(wait_for(process, file, read_firefox_address))


def start(*command):
    "Start a browser with a new profile, whose folder replaces PROFILE."
    folder = Path(tempfile.mkdtemp())
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = subprocess.Popen(
        [part.replace("PROFILE", str(folder)) for part in command], start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=outside | {"HOME": str(folder)},
    )  # fmt: skip
    atexit.register(end_browser, process, folder)
    return process, folder


def wait_for(process, path, read):
    "Wait until a browser has written to a file where it listens; return the address."
    until = time.monotonic() + 60
    while not (address := read(path)):
        assert process.poll() is None and time.monotonic() < until, f"no {path.name}"
        time.sleep(0.02)
    return address


def read_address(path):
    "The address that Chromium listens at, once it has written its port."
    lines = path.read_text().splitlines() if path.exists() else []
    return f"127.0.0.1:{lines[0]}" if len(lines) == 2 else ""


def read_firefox_address(path):
    "The same of Firefox, whose file is JSON."
    text = path.read_text() if path.exists() else ""
    return "ws://{ws_host}:{ws_port}".format(**json.loads(text)) if text.endswith("}") else ""


def end_browser(process, folder):
    "End a browser with all that it has started."
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
