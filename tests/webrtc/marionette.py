"""A small client of Firefox's Marionette protocol: `length:[0, id, command, parameters]` over TCP."""

from __future__ import annotations

import json
import socket
import time
from typing import Any


class Failed(Exception):
    """What Firefox says went wrong; the text holds its kind and message."""


class Marionette:
    """One session over an open connection. Every command waits `seconds` at most for its answer."""

    def __init__(self, connection: socket.socket, seconds: float = 30.0) -> None:
        self._socket = connection
        self._socket.settimeout(seconds)
        self._buffer = b""
        self._serial = 0
        self._read()  # its greeting
        self.command("WebDriver:NewSession", {"pageLoadStrategy": "eager"})
        self.command(
            "WebDriver:SetTimeouts", {"script": int(seconds * 1000), "pageLoad": int(seconds * 1000)}
        )

    def command(self, name: str, parameters: dict[str, Any] | None = None) -> Any:
        self._serial += 1
        text = json.dumps([0, self._serial, name, parameters or {}]).encode()
        self._socket.sendall(b"%d:%s" % (len(text), text))
        _, serial, error, result = self._read()
        assert serial == self._serial, "an answer to another command"
        if error is not None:
            raise Failed(f"{name}: {error['error']}: {error['message'][:500]}")
        return result["value"] if isinstance(result, dict) and set(result) == {"value"} else result

    def _read(self) -> Any:
        while b":" not in self._buffer:
            self._receive()
        length, _, self._buffer = self._buffer.partition(b":")
        while len(self._buffer) < int(length):
            self._receive()
        text, self._buffer = self._buffer[: int(length)], self._buffer[int(length) :]
        return json.loads(text)

    def _receive(self) -> None:
        data = self._socket.recv(1 << 16)
        if not data:
            raise Failed("Firefox has closed the connection")
        self._buffer += data

    def goto(self, url: str) -> None:
        self.command("WebDriver:Navigate", {"url": url})

    def evaluate(self, body: str, *arguments: Any) -> Any:
        """What an asynchronous function of this body returns in the page; `args` are the arguments."""
        # The sandbox sees the page's own globals (no Xray wrappers) and is a new one for each page.
        script = (
            "const done = arguments[arguments.length - 1]; const args = [...arguments].slice(0, -1);"
            f"(async () => {{ {body} }})().then((found) => done({{ found }}),"
            " (error) => done({ error: String(error) + (error?.stack ?? '') }));"
        )
        answer = self.command("WebDriver:ExecuteAsyncScript", {"script": script, "args": list(arguments)})
        if "error" in answer:
            raise Failed(answer["error"])
        return answer.get("found")

    def until(self, expression: str, *arguments: Any, seconds: float = 20.0) -> Any:
        """Wait until this JavaScript expression is true in the page; its value."""
        deadline = time.monotonic() + seconds
        while not (found := self.evaluate(f"return {expression};", *arguments)):
            assert time.monotonic() < deadline, f"never true in {seconds} s: {expression}"
            time.sleep(0.1)
        return found

    def close(self) -> None:
        self._socket.close()
