"""The scripted session (tests/clients/session.py) with `Callwright` of clients/python.

It verifies a webhook itself too.
"""

import itertools
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from callwright_client import ApiError, Callwright, InvalidSignature, types, verify

given = os.environ
got: list[tuple[bytes, dict[str, str]]] = []


class Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        got.append((self.rfile.read(int(self.headers["content-length"])), dict(self.headers)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


server = HTTPServer(("127.0.0.1", 0), Hook)
threading.Thread(target=server.serve_forever, daemon=True).start()

with Callwright() as client:
    pair = client.tokens.create_subscriber_token({"reference": given["SUBSCRIBER"]})
    hook = client.webhooks.create({"url": given["HOOK_URL"], "events": ["call.*"]})
    own = client.webhooks.create({"url": f"http://127.0.0.1:{server.server_port}/", "events": ["call.*"]})
    live = client.stream(types=["call.*", "say.*"])
    call = client.calls.dial({"to": given["PHONE"], "connect": "/public/echo"})
    seen: list[types.Event] = []

    def until(kind: str, times: int = 1) -> None:
        """Reads the stream; it hears nothing of what it does not wait for."""
        for entry in live:
            seen.append(entry["event"])
            assert entry["event"]["type"] != "say.failed", entry
            if [each["type"] for each in seen].count(kind) >= times:
                return

    until("call.answered", 2)
    time.sleep(2)
    said = client.calls.say(call["id"], {"leg": "callee", "text": "Hello from a client for Python."})
    assert said["verb"] == "say" and said["call_id"] == call["id"]
    until("say.finished")
    client.calls.record(call["id"], {"control_id": "r", "stereo": True})
    time.sleep(1)
    held = client.calls.hold(call["id"], {"leg": "callee"})
    assert held["legs"][0]["held_by"] == "local"
    client.calls.resume(call["id"], {"leg": "callee"})
    time.sleep(1)
    client.calls.transfer(call["id"], {"leg": "target", "to": "/public/tone"})
    until("call.transferred")
    time.sleep(3)
    pages = client.every(client.calls.list(page_size=1))
    second = list(itertools.islice(pages, 2))[1]
    try:
        client.calls.get("00000000-0000-0000-0000-000000000000")
        code = "none"
    except ApiError as error:
        assert error.status == 404 and error.request_id and error.url
        code = error.code
    client.calls.hangup(call["id"])
    until("call.ended")
    body, headers = got[0]
    assert verify(own["secret"], body, headers)["type"] == "call.created"
    try:
        verify(own["secret"], body + b" ", headers)
        raise SystemExit("a changed body was taken")
    except InvalidSignature:
        pass
    client.webhooks.delete(own["id"])
    answer = {"token": pair["token"], "secret": hook["secret"], "call_id": call["id"], "code": code}
    print(json.dumps({**answer, "second_page": second["id"]}))
