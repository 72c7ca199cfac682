"""The session that every client goes through against an instance, and the proof of its effects.

A program is given the variables of `environment` and does, in this order: a token for `SUBSCRIBER`; a
webhook endpoint for `HOOK_URL`; a dial of `PHONE`, connected to the echo; after the answer, `say` with a
text, and the wait for its end; `record`; `hold`, `resume`; a transfer of the phone to the tone; a list of
calls, one to a page, with its second page; an error, with its code; `hangup`. At last it prints one JSON
object: `token`, `secret`, `call_id`, `second_page` (a call's id), `code`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from bench.instance import Instance
from tests.clients.conftest import last_line
from tests.clients.phone import AnsweringPhone
from tests.webhooks.receivers import Receiver

PROGRAMS = Path(__file__).parent / "programs"
TONE = 440.0
SECONDS = 150


def go_through(
    command: Sequence[str | Path],
    instance: Instance,
    phone: Callable[[str], AnsweringPhone],
    who: str,
    **variables: str,
) -> dict[str, str]:
    """Runs a program, and holds what it did to the effects. The object that it printed."""
    receiver = Receiver()
    with contextlib.closing(receiver):
        # A second page needs another call.
        instance.api("POST", "/api/calls", {"to": "/public/busy", "connect": "/public/echo"})
        bob = phone(who)
        ran = subprocess.run(
            [str(each) for each in command],
            env=environment(instance, who, receiver.url) | variables,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]
        told = last_line(ran.stdout)
        has_effect(told, instance, bob)
        if told.get("secret"):
            is_signed(told, receiver)
    return told


def environment(instance: Instance, who: str, hook: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLWRIGHT_")}
    return {
        **kept,
        "CALLWRIGHT_URL": instance.url,
        "CALLWRIGHT_PROJECT_ID": instance.project_id,
        "CALLWRIGHT_API_KEY": instance.api_token,
        "SUBSCRIBER": f"{who}-second",
        "PHONE": f"/private/{who}",
        "HOOK_URL": hook,
    }


def has_effect(told: dict[str, str], instance: Instance, bob: AnsweringPhone) -> None:
    """The phone heard itself by the echo, speech, and the tone that it was transferred to."""
    assert told["token"].count(".") == 2
    assert told["code"] == "not_found"
    assert told["second_page"] not in ("", told["call_id"])
    assert bob.has_heard(bob.phone.hertz) and bob.has_heard(TONE), bob.heard
    assert bob.has_heard_speech(), bob.heard
    log = instance.api("GET", f"/api/calls/{told['call_id']}/events?page_size=200")["data"]
    types = [each.get("event", each)["type"] for each in log]
    wanted = ("say.finished", "record.started", "call.held", "call.resumed", "call.transferred", "call.ended")
    assert [each for each in wanted if each not in types] == [], types
    (recording,) = until(lambda: finished(instance, told["call_id"]), "a finished recording")
    assert recording["duration_ms"] > 0 and recording["size"] > 1000


def finished(instance: Instance, call_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = instance.api("GET", f"/api/recordings?call_id={call_id}")["data"]
    return [each for each in found if each["state"] == "finished"]


def is_signed(told: dict[str, str], receiver: Receiver) -> None:
    """The whole call reached the endpoint, signed with the secret that the program was given."""
    until(lambda: any(got.json["type"] == "call.ended" for got in receiver.got), "call.ended at the endpoint")
    for got in receiver.got:
        Webhook(told["secret"]).verify(got.body, got.headers)
    assert {got.json["data"]["call"]["id"] for got in receiver.got} == {told["call_id"]}


def until(question: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := question()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.2)
    return found
