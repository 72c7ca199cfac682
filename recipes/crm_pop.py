"""CRM pop: when a subscriber's phone rings, the page that she has open shows who is calling.

The page is http://127.0.0.1:PORT/?agent=alice. CRM is a JSON file {"+15551234567": {"name": …, "url": …}};
replace `look_up` by a request to your own. Every open page is told by server-sent events.
"""

import json
import os
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from callwright_client import Callwright

CRM = Path(os.environ.get("CRM", "crm.json"))
PORT = int(os.environ.get("PORT", "9000"))
PAGE = """<!doctype html><meta charset="utf-8"><title>Calls</title><ul></ul><script>
  new EventSource('/calls' + location.search).onmessage = ({ data }) => {
    const { caller, customer, call } = JSON.parse(data);
    const row = document.createElement('li'), link = document.createElement('a');
    link.textContent = customer ? customer.name : caller;
    if (customer && customer.url.startsWith('https://')) link.href = customer.url;
    row.append(link);
    row.title = call;
    document.querySelector('ul').prepend(row);
  };</script>"""
pages: list[tuple[str, queue.Queue[str]]] = []


def look_up(caller: str) -> dict[str, str] | None:
    return json.loads(CRM.read_text()).get(caller) if CRM.exists() else None


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        follows = parts.path == "/calls"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if follows else "text/html; charset=utf-8")
        self.end_headers()
        if not follows:
            self.wfile.write(PAGE.encode())
            return
        mine = (parse_qs(parts.query).get("agent", [""])[0], queue.Queue[str](maxsize=100))
        pages.append(mine)
        try:
            while True:
                self.wfile.write(f"data: {mine[1].get()}\n\n".encode())
                self.wfile.flush()
        except OSError:
            pages.remove(mine)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Callwright() as client:
        events = client.stream(after=client.cursor(), types=["call.ringing"])
        print(f"ready http://127.0.0.1:{server.server_port}/", flush=True)
        for entry in events:
            call = entry["event"]["data"]["call"]
            caller = call["from"] or ""
            told = json.dumps({"caller": caller, "customer": look_up(caller), "call": call["id"]})
            for agent, waiting in pages:
                if call["to"] == f"/private/{agent}" and not waiting.full():
                    waiting.put(told)
