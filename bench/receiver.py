"""A webhook receiver that checks Standard Webhooks signatures as a customer would, from the spec's words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import Callable
from typing import Any

TOLERANCE = 300


class Receiver:
    """Listens on a loopback port; every delivery is checked and handed to `on_event(event, why_bad)`."""

    def __init__(self, on_event: Callable[[dict[str, Any], str], None]) -> None:
        self.secret = ""
        self.events: list[dict[str, Any]] = []
        self.bad: list[str] = []
        self.ids: set[str] = set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(min(int(self.headers.get("content-length") or 0), 1 << 20))
                headers = {name.lower(): value for name, value in self.headers.items()}
                why = fault(receiver.secret, headers, body)
                event = json.loads(body) if not why else {}
                if why:
                    receiver.bad.append(why)
                elif headers["webhook-id"] not in receiver.ids:
                    receiver.ids.add(headers["webhook-id"])
                    receiver.events.append(event)
                self.send_response(204 if not why else 400)
                self.send_header("content-length", "0")
                self.end_headers()
                on_event(event, why)

            def log_message(self, format: str, *args: Any) -> None:
                """The demo's screen is for events."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/events"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def fault(secret: str, headers: dict[str, str], body: bytes) -> str:
    """What is wrong with a delivery, or an empty text."""
    number, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not number or not stamp.isdecimal() or abs(time.time() - int(stamp)) > TOLERANCE:
        return "its id or timestamp is missing or old"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{number}.{stamp}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = headers.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(wanted, each) for each in given):
        return "its signature is wrong"
    return ""
