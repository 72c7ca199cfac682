"""A receiver of webhooks on loopback that behaves as told, and what it was sent."""

from __future__ import annotations

import contextlib
import http.server
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

OK = "ok"


@dataclass(frozen=True)
class Got:
    """One try that reached the receiver; `acked` where a whole 2xx was written."""

    id: str
    headers: dict[str, str]
    body: bytes
    at: float
    acked: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def stream(self) -> str:
        return str(self.json["data"].get("call", {}).get("id", ""))


class Receiver:
    """`behave(number, headers, body)` names what happens: ok, an HTTP status, timeout, reset, close, drip.

    A tuple (status, headers) answers with headers of its own.
    """

    def __init__(self, behave: Callable[[int, dict[str, str], bytes], Any] | None = None) -> None:
        self.behave = behave or (lambda number, headers, body: OK)
        self.got: list[Got] = []
        self.lock = threading.Lock()
        self.closing = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def do_POST(self) -> None:
                with contextlib.suppress(OSError):
                    outer.serve(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A deliverer that is killed resets its connections."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def serve(self, request: http.server.BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self.lock:
            number = len(self.got)
            act = self.behave(number, headers, body)
            status = act[0] if isinstance(act, tuple) else act if isinstance(act, int) else 200
            acked = act not in ("timeout", "reset", "drip") and 200 <= status < 300
            self.got.append(Got(headers.get("webhook-id", ""), headers, body, time.monotonic(), acked))
        if act == "timeout":
            self.closing.wait(3)
            request.close_connection = True
        elif act == "reset":
            linger = struct.pack("ii", 1, 0)
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            request.close_connection = True
        elif act == "drip":
            request.close_connection = True
            for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-slow: yes":
                request.wfile.write(bytes([byte]))
                if self.closing.wait(0.1):
                    break
        else:
            extra = dict(act[1]) if isinstance(act, tuple) else {}
            request.send_response_only(status)
            for name, value in extra.items():
                request.send_header(name, value)
            request.send_header("content-length", "5")
            if act == "close":
                request.close_connection = True
            request.end_headers()
            request.wfile.write(b"hello")

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.got]

    def acked(self) -> list[Got]:
        return [each for each in self.got if each.acked]

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


def faulty(seed: int, share: float = 0.3) -> Callable[[int, dict[str, str], bytes], Any]:
    """The receiver of the fault test: so many of its tries go wrong, in five ways by turns."""
    rng = random.Random(seed)

    def behave(number: int, headers: dict[str, str], body: bytes) -> Any:
        if rng.random() >= share:
            return OK
        return rng.choice(["timeout", "reset", 500, "close", "drip"])

    return behave
