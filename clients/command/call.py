"""`callwright call`: dial, and follow the call to its end."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from clients.command.events import line
from clients.command.instance import Instance


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("call", help="place a call and show its events")
    parser.add_argument("to", help="/context/name, an extension, +E.164 or sip:user@host")
    parser.add_argument("--from", dest="caller", help="who calls: /context/name or a number of the project")
    parser.add_argument("--name", help="the caller's name that devices show")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--say", metavar="TEXT", help="speak this after the answer, then hang up")
    what.add_argument("--play", metavar="URL", help="play this file after the answer, then hang up")
    what.add_argument("--connect", metavar="TO", help="connect the answered call to this destination")
    parser.add_argument("--no-follow", action="store_true", help="do not wait for the end")
    parser.set_defaults(run=run)


def body(given: argparse.Namespace) -> dict[str, Any]:
    """What POST /api/calls gets."""
    fields: dict[str, Any] = {"to": given.to}
    if given.caller is not None:
        fields["from"] = given.caller
    if given.name is not None:
        fields["caller_name"] = given.name
    if given.connect is not None:
        return {**fields, "connect": given.connect}
    # What is given and empty, as by an unset variable of a shell, is refused by the instance.
    said = "This is a call from Callwright." if given.say is None else given.say
    media = f"say:{said}" if given.play is None else given.play
    steps = ["answer", {"play": {"url": media}}, "hangup"]
    return {**fields, "script": {"version": "1.0.0", "sections": {"main": steps}}}


def run(given: argparse.Namespace, find: Callable[[], Instance]) -> int:
    """Exit status 0 for a call that was answered, 1 for one that was not."""
    instance = find()
    after = instance.newest()
    call = instance.post("/api/calls", body(given))
    if given.no_follow:
        print(json.dumps(call) if given.json else call["id"])
        return 0
    try:
        return follow(instance, call["id"], after, given.json)
    except KeyboardInterrupt:
        instance.post(f"/api/calls/{call['id']}/hangup", {})
        print("callwright: hung up.", file=sys.stderr)
        return 130


def follow(instance: Instance, call_id: str, after: str, as_json: bool) -> int:
    answered = False
    for _, event in instance.events(after, "call.*,leg.*"):
        data = event["data"]
        call = data.get("call")
        if call_id not in (data.get("call_id"), call.get("id") if isinstance(call, dict) else None):
            continue
        print(json.dumps(event) if as_json else line(event), flush=True)
        answered = answered or event["type"] == "call.answered"
        if event["type"] == "call.ended":
            return 0 if answered else 1
    return 1
