"""`callwright events`: the project's log, as it is and as it grows."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from clients.command.instance import Instance, WrongUsage


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("events", help="list the event log, or follow it")
    parser.add_argument("mode", nargs="?", choices=["list", "tail"], default="list")
    parser.add_argument("--type", dest="types", help="event types, like call.*,record.finished; default: all")
    parser.add_argument("--call", help="only events of the call with this id")
    parser.add_argument(
        "--after", help="start after this cursor; default: list from the oldest event, tail from now on"
    )
    parser.set_defaults(run=run)


def run(given: argparse.Namespace, find: Callable[[], Instance]) -> int:
    instance = find()
    follow = given.mode == "tail"
    check_cursor(given.after)
    if given.call is not None and not _is_id(given.call):
        raise WrongUsage("--call is the id of a call, like 01a230e9-532d-792d-b7b3-c5acb9260d29.")
    after = given.after or (instance.newest() if follow else None)
    for cursor, event in instance.events(after, given.types, follow=follow):
        if given.call is None or event["data"].get("call_id") == given.call or _id(event) == given.call:
            print(json.dumps({"cursor": cursor, "event": event}) if given.json else line(event), flush=True)
    return 0


def check_cursor(text: str | None) -> None:
    """Raises WrongUsage for what no --after can be."""
    if text is not None and not (text.isascii() and text.isdigit()):
        raise WrongUsage("--after is a cursor, as it was printed.")


def line(event: dict[str, Any]) -> str:
    """`14:03:11 call.ended 0197… hangup (normal)`: the local time, the type, the call, and what matters."""
    data = event["data"]
    when = datetime.fromisoformat(event["timestamp"]).astimezone().strftime("%H:%M:%S")
    return " ".join(part for part in (when, f"{event['type']:<22}", _id(event), _facts(data)) if part)


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _id(event: dict[str, Any]) -> str:
    data = event["data"]
    call = data.get("call")
    return str(data.get("call_id") or (call.get("id") if isinstance(call, dict) else "") or "")


def _facts(data: dict[str, Any]) -> str:
    call = data.get("call")
    shown = {**(call if isinstance(call, dict) else {}), **data}
    parts = []
    if shown.get("from") or shown.get("to"):
        parts.append(f"{shown.get('from') or ''} → {shown.get('to') or ''}".strip())
    if shown.get("end_reason"):
        cause = shown.get("end_cause")
        parts.append(f"{shown['end_reason']} ({cause})" if cause else str(shown["end_reason"]))
    return ", ".join(parts)
