# SPDX-License-Identifier: BSD-3-Clause
"""A headless Chromium, driven through its DevTools protocol over two pipes: no other package is needed."""

import base64
import json
import os
import select
import shutil
import subprocess
import time

import pytest

from .process import end, wait_until

PROGRAM = "chromium"
KEYS = {"Backspace": 8, "Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "PageUp": 33, "PageDown": 34, "End": 35, "Home": 36, "ArrowLeft": 37,
        "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


def require_chromium():
    if not shutil.which(PROGRAM):
        pytest.skip(f"needs the program {PROGRAM}")


class Browser:
    """One tab. What the page asked the network for is in requests, what it complained of in complaints."""

    def __init__(self, folder, size=(1280, 900)):
        self.requests, self.complaints, self._number, self._left = [], [], 0, b""
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # The browser reads its descriptor 3 and writes 4.
        argv = ["bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu",
                "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-pipe", "--disable-background-networking",
                "--force-color-profile=srgb", "--hide-scrollbars", f"--user-data-dir={folder / 'browser'}",
                f"--window-size={size[0]},{size[1]}", "about:blank"]
        self._process = subprocess.Popen(argv, pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL, start_new_session=True, env={**os.environ, "HOME": str(folder)})
        os.close(theirs_in)
        os.close(theirs_out)
        self._session = None
        try:
            tab = wait_until(lambda: [t for t in self._call("Target.getTargets")["targetInfos"] if t["type"] == "page"], "the browser's tab")[0]
            self._session = self._call("Target.attachToTarget", targetId=tab["targetId"], flatten=True)["sessionId"]
            for domain in ("Page", "Network", "Log", "Runtime"):
                self._call(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        end(self._process)
        os.close(self._out)
        os.close(self._in)

    def _note(self, message):
        """An event."""
        what, p = message.get("method"), message.get("params", {})
        if what == "Network.requestWillBeSent":
            self.requests.append(p["request"]["url"])
        elif what == "Log.entryAdded":
            self.complaints.append(p["entry"]["text"])
        elif what == "Fetch.authRequired":
            self._send("Fetch.continueWithAuth", requestId=p["requestId"], authChallengeResponse={
                "response": "ProvideCredentials", "username": self._known[0], "password": self._known[1]})
        elif what == "Fetch.requestPaused":
            self._send("Fetch.continueRequest", requestId=p["requestId"])
        elif what == "Runtime.exceptionThrown":
            self.complaints.append(p["exceptionDetails"].get("exception", {}).get("description") or p["exceptionDetails"]["text"])

    def _read(self, until):
        """The next message, or None."""
        while b"\0" not in self._left:
            if not select.select([self._in], [], [], max(0, until - time.monotonic()))[0]:
                return None
            data = os.read(self._in, 1 << 20)
            assert data, "the browser is gone"
            self._left += data
        line, _, self._left = self._left.partition(b"\0")
        return json.loads(line)

    def _send(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        return self._number

    def _call(self, method, **params):
        number = self._send(method, **params)
        until = time.monotonic() + 60
        while True:
            reply = self._read(until)
            assert reply is not None, f"the browser does not answer {method}"
            if reply.get("id") == number:
                assert "error" not in reply, f"{method}: {reply['error']}"
                return reply["result"]
            self._note(reply)

    def look(self, seconds=0.1):
        """Let events come."""
        until = time.monotonic() + seconds
        while (message := self._read(until)) is not None:
            self._note(message)

    def open(self, url, headers=None):
        self._call("Network.setExtraHTTPHeaders", headers=headers or {})
        self._call("Page.navigate", url=url)

    def log_in(self, name, token):
        """Answer for its user when it asks for a name and a token, in a window of its own that has no part in the page."""
        self._known = (name, token)
        self._call("Fetch.enable", handleAuthRequests=True)

    def run(self, script):
        """What the script's value is; a promise is waited for."""
        done = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, f"{script}: {done['exceptionDetails']}"
        return done["result"].get("value")

    def wait(self, script, what, timeout=60):
        """Until the script's value is true."""
        until = time.monotonic() + timeout
        while not self.run(f"!!({script})"):
            assert time.monotonic() < until, f"{what}: not within {timeout} s; the page says: {self.text()[:2000]}; {self.complaints}"
            self.look()

    def text(self):
        return self.run("document.body ? document.body.innerText : ''")

    def key(self, key, shift=False):
        """Press a key: "Tab", "Enter", "1"."""
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS.get(key) or (ord(key.upper()) if key.isalnum() else 0),
                       modifiers=8 if shift else 0, **({"text": text} if kind == "keyDown" and text else {}))

    def focused(self):
        """What has the keyboard's focus: its label, or what it says."""
        return self._focus()[0]

    def _focus(self):
        """The same, and the style of its outline, of one moment: the page may be drawn anew behind it."""
        return self.run("(e => [e === document.body ? '' : e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent, "
                        "getComputedStyle(e).outlineStyle])(document.activeElement)")

    def tab_to(self, what):
        """By Tab alone, to what is called so or begins so; what has the focus on the way must be seen to have it."""
        for _ in range(60):
            self.key("Tab")
            label, outline = self._focus()
            assert not label or outline != "none", f"the focus on {label} cannot be seen"
            if label.startswith(what):
                return
        raise AssertionError(f"Tab does not come to {what}; the page says: {self.text()[:2000]}")

    def type(self, text):
        self._call("Input.insertText", text=text)

    def drag(self, x0, y0, x1, y1):
        """The left button pressed at one point and let go at another."""
        for kind, x, y in (("mouseMoved", x0, y0), ("mousePressed", x0, y0), ("mouseMoved", (x0 + x1) / 2, y1), ("mouseMoved", x1, y1),
                           ("mouseReleased", x1, y1)):
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="none" if kind == "mouseMoved" else "left",
                       buttons=0 if kind == "mouseReleased" else 1, clickCount=1)

    def dark(self, on):
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if on else "light"}])

    def download_into(self, folder):
        self._call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def screenshot(self, path, height=None):
        clip = {"clip": {"x": 0, "y": 0, "width": 1280, "height": height, "scale": 0.75}} if height else {}
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png", **clip)["data"]))
