"""`callwright listen`: live events, signed as webhooks, to a program on this machine.

It reads the project's log by cursor, so a restart of the instance loses nothing, and sends one event after
the other, as the instance does for a call.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import queue
import secrets
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from clients.command.events import check_cursor, line
from clients.command.instance import Instance, WrongUsage, is_web_address

try:
    import termios
    import tty
except ImportError:  # not on Windows: keys come line by line
    termios = None  # type: ignore[assignment]

Waiting: TypeAlias = tuple[str, dict[str, Any]] | None
SECONDS = 10.0
MOST_SHOWN = 200


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("listen", help="forward live events to a program on this machine")
    parser.add_argument(
        "--forward-to",
        required=True,
        metavar="URL",
        help="where events are sent, like http://localhost:9000/hooks",
    )
    parser.add_argument("--type", dest="types", help="event types, like call.*,record.finished; default: all")
    parser.add_argument("--after", help="start after this cursor; default: from now on")
    parser.add_argument(
        "--secret", help="the signing secret (whsec_…); default: CALLWRIGHT_WEBHOOK_SECRET, else a new one"
    )
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class Receiver:
    """Where events go, and the secret they are signed with (Standard Webhooks 1.0)."""

    url: str
    secret: str

    def key(self) -> bytes:
        text = self.secret.removeprefix("whsec_")
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except binascii.Error:
            raise WrongUsage("The secret is whsec_ and base64.") from None

    def send(self, event: dict[str, Any]) -> str:
        """Sends one event; what to show of the answer."""
        body = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
        now = int(time.time())
        signed = f"{event['id']}.{now}.".encode() + body
        signature = base64.b64encode(hmac.digest(self.key(), signed, hashlib.sha256)).decode()
        headers = {
            "content-type": "application/json",
            "user-agent": "callwright-listen",
            "webhook-id": event["id"],
            "webhook-timestamp": str(now),
            "webhook-signature": f"v1,{signature}",
        }
        request = urllib.request.Request(self.url, body, headers, method="POST")
        begun = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return f"{answer.status} in {(time.monotonic() - begun) * 1000:.0f} ms"
        except urllib.error.HTTPError as error:
            words = error.read(MOST_SHOWN).decode(errors="replace").strip().replace("\n", " ")
            return f"{error.code} {words}".strip()
        except (OSError, ValueError, http.client.HTTPException) as error:
            return f"not delivered: {getattr(error, 'reason', error)}"


def receiver_of(given: argparse.Namespace) -> Receiver:
    if not is_web_address(given.forward_to):
        raise WrongUsage("--forward-to is an http:// or https:// address.")
    made = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    receiver = Receiver(given.forward_to, given.secret or os.environ.get("CALLWRIGHT_WEBHOOK_SECRET") or made)
    receiver.key()
    return receiver


def run(given: argparse.Namespace, find: Callable[[], Instance]) -> int:
    instance, receiver = find(), receiver_of(given)
    check_cursor(given.after)
    after = given.after or instance.newest()
    terminal = sys.stdin.isatty() and not given.json
    key = "r" if termios is not None else "r and Enter"
    print(f"Forwarding to {receiver.url}. Verify with this secret:\n  {receiver.secret}", file=sys.stderr)
    if terminal:
        print(f"Press {key} to send the last event again, Ctrl-C to stop.", file=sys.stderr)
    print(f"callwright: listening after cursor {after}.", file=sys.stderr, flush=True)
    waiting: queue.Queue[Waiting] = queue.Queue(maxsize=1000)
    reading = threading.Thread(target=_read, args=(instance.events(after, given.types), waiting), daemon=True)
    reading.start()
    with _key_by_key() if terminal else contextlib.nullcontext():
        if terminal:
            threading.Thread(target=_keys, args=(waiting,), daemon=True).start()
        return forward(receiver, waiting, reading, as_json=given.json)


def forward(
    receiver: Receiver, waiting: queue.Queue[Waiting], reading: threading.Thread, *, as_json: bool
) -> int:
    """Sends what comes, until nothing can come any more; None in the queue is a pressed key."""
    last: dict[str, Any] | None = None
    while True:
        try:
            found = waiting.get(timeout=1.0)
        except queue.Empty:
            if not reading.is_alive():
                return 1
            continue
        cursor, event = found if found is not None else ("", last)
        if event is None:
            continue
        answer, last = receiver.send(event), event
        again = "" if found is not None else "again: "
        if as_json:
            print(json.dumps({"cursor": cursor, "event": event, "answer": answer}), flush=True)
        else:
            print(f"{again}{line(event)} → {answer}", flush=True)


def _read(events: Iterator[tuple[str, dict[str, Any]]], waiting: queue.Queue[Waiting]) -> None:
    try:
        for entry in events:
            waiting.put(entry)
    except Exception as error:
        print(f"callwright: {error}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _key_by_key() -> Iterator[None]:
    """The terminal gives each key at once and does not show it; afterwards it is as it was."""
    if termios is None:
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _keys(waiting: queue.Queue[Waiting]) -> None:
    while key := sys.stdin.read(1):
        if key.lower() == "r":
            waiting.put(None)
