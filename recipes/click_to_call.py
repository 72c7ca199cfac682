"""Click-to-call: a page with one button, which calls DESTINATION from the visitor's browser.

The back end gives the page a guest token that may call this one address for ten minutes, and nothing else.
The project's API key never reaches the browser.
"""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from callwright_client import Callwright

DESTINATION = os.environ.get("DESTINATION", "/public/echo")
PORT = int(os.environ.get("PORT", "9000"))
INSTANCE = os.environ.get("CALLWRIGHT_URL", "http://localhost:8000").rstrip("/")
PAGE = """<!doctype html><meta charset="utf-8"><title>Call us</title>
<button id="call">Call us</button> <button id="end" hidden>Hang up</button> <output></output>
<script type="module">
  import {{ Phone }} from '{instance}/static/callwright.js';
  const [call, end, told] = ['#call', '#end', 'output'].map((name) => document.querySelector(name));
  call.onclick = async () => {{
    const {{ token, destination }} = await (await fetch('/token', {{ method: 'POST' }})).json();
    const phone = new Phone({{ url: '{socket}/ws/phone', token }});
    await phone.connect();
    const live = await phone.call(destination);
    call.hidden = !(end.hidden = false);
    end.onclick = () => live.hangup();
    for (const event of ['ringing', 'answered']) live.on(event, () => (told.value = event));
    live.on('ended', (reason) => {{
      told.value = reason;
      call.hidden = !(end.hidden = true);
      phone.disconnect();
    }});
  }};
</script>"""
SOCKET = urlsplit(INSTANCE)._replace(scheme="wss" if INSTANCE.startswith("https") else "ws").geturl()
client = Callwright()


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(PAGE.format(instance=INSTANCE, socket=SOCKET), "text/html")

    def do_POST(self) -> None:
        # Here your shop decides who may call: a session, a captcha, opening hours.
        guest = client.tokens.create_guest_token(
            {"allowed_addresses": [DESTINATION], "expire_at": int(time.time()) + 600}
        )
        self.answer(json.dumps({"token": guest["token"], "destination": DESTINATION}), "application/json")

    def answer(self, text: str, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Site)
    print(f"ready http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
