"""`callwright token`: an access token for a subscriber's device."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

from clients.command.instance import Instance


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "token", help="print an access token for a subscriber, who is created if unknown"
    )
    parser.add_argument("reference", help="your name for the subscriber, like alice or an e-mail address")
    parser.add_argument("--name", help="the display name")
    parser.add_argument("--minutes", type=int, help="lifetime in minutes; default 120")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace, find: Callable[[], Instance]) -> int:
    fields: dict[str, Any] = {"reference": given.reference}
    if given.name:
        fields["display_name"] = given.name
    if given.minutes is not None:
        fields["expire_at"] = int(time.time()) + given.minutes * 60
    made = find().post("/api/fabric/subscribers/tokens", fields)
    print(json.dumps(made) if given.json else made["token"])
    return 0
