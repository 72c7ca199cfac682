"""Call-back: who called DESK and was not answered is called back as soon as somebody there answers the phone.

The desk rings first. When it answers, the platform calls the missed caller and connects the two. A desk that
does not answer is tried again, at most TRIES times, WAIT seconds apart.
"""

import os
import threading
import time

from callwright_client import Callwright

DESK = os.environ.get("DESK", "/private/desk")
TRIES = int(os.environ.get("TRIES", "5"))
WAIT = float(os.environ.get("WAIT", "60"))


def call_back(client: Callwright, caller: str, name: str) -> bool:
    """Whether the desk and the caller were connected."""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(WAIT)
        call = client.calls.dial(
            {
                "to": DESK,
                "connect": caller,
                "caller_name": f"Call back {name or caller}"[:100],
                "timeout": 20,
                "metadata": {"call_back_of": caller},
            }
        )
        ended = finished(client, call["id"])
        if ended["answered_at"] is not None:
            targets = [leg for leg in ended["legs"] if leg["role"] == "target"]
            return any(leg["media"]["codec"] for leg in targets)
    return False


def finished(client: Callwright, call_id: str) -> dict:
    while True:
        call = client.calls.get(call_id)
        if call["state"] == "ended":
            return call
        time.sleep(1)


def worker(client: Callwright, caller: str, name: str, waiting: set[str]) -> None:
    reached = call_back(client, caller, name)
    waiting.discard(caller)
    print(f"{'called back' if reached else 'gave up on'} {caller}", flush=True)


if __name__ == "__main__":
    waiting: set[str] = set()  # one call-back for a caller who tries three times
    with Callwright() as client:
        events = client.stream(after=client.cursor(), types=["call.ended"])
        print(f"ready {DESK}", flush=True)
        for entry in events:
            call = entry["event"]["data"]["call"]
            missed = call["to"] == DESK and call["answered_at"] is None and call["from"]
            if missed and "call_back_of" not in (call["metadata"] or {}) and call["from"] not in waiting:
                waiting.add(call["from"])
                given = (client, call["from"], call["from_name"], waiting)
                threading.Thread(target=worker, args=given, daemon=True).start()
