"""Two-factor by voice: `POST /start {"to"}` calls and speaks a code, `POST /check {"id", "code"}` judges one.

A code lives for five minutes and three tries, one destination gets three calls in ten minutes, and a code
that fitted is used up. Only your own back end may reach this program: it listens on loopback.
"""

import hmac
import json
import os
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from callwright_client import ApiError, Callwright

PORT = int(os.environ.get("PORT", "9000"))
SECONDS, TRIES, CALLS, WINDOW = 300.0, 3, 3, 600.0


class Codes:
    def __init__(self, client: Callwright) -> None:
        self.client, self.lock = client, threading.Lock()
        self.codes: dict[str, list] = {}  # id: digits, when it is over, tries left
        self.called: dict[str, list[float]] = {}

    def start(self, to: str) -> dict[str, str]:
        now = time.monotonic()
        id, digits = secrets.token_urlsafe(12), f"{secrets.randbelow(10**6):06}"
        with self.lock:
            recent = self.called[to] = [at for at in self.called.get(to, []) if at > now - WINDOW]
            if len(recent) >= CALLS:
                return {"error": "too many calls"}
            recent.append(now)
            self.codes = {each: code for each, code in self.codes.items() if code[1] > now}
            self.codes[id] = [digits, now + SECONDS, TRIES]
        words = f"say:Your code is: {', '.join(digits)}. I repeat: {', '.join(digits)}."
        steps = [{"play": {"urls": ["silence:1", words]}}, "hangup"]
        try:
            self.client.calls.dial({"to": to, "script": {"version": "1.0.0", "sections": {"main": steps}}})
        except ApiError as error:
            return {"error": error.code}
        return {"id": id}

    def check(self, id: str, given: str) -> dict[str, str]:
        with self.lock:
            code = self.codes.get(id)
            if code is None or code[1] < time.monotonic() or code[2] <= 0:
                return {"result": "expired"}
            code[2] -= 1
            if not hmac.compare_digest(code[0].encode(), given.encode()):
                return {"result": "wrong"}
            del self.codes[id]
            return {"result": "right"}


class Site(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(min(int(self.headers["content-length"]), 10_000)))
        starts = self.path == "/start"
        told = codes.start(str(body["to"])) if starts else codes.check(str(body["id"]), str(body["code"]))
        self.send_response(400 if "error" in told else 200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())


if __name__ == "__main__":
    codes = Codes(Callwright())
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Site)
    print(f"ready http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
