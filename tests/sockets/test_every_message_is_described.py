"""The AsyncAPI document has every message that the sockets take and say, and no other."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft7Validator

from calling.calls.event_types import TYPES
from calling.commands import moderation
from calling.sockets.phone import commands
from config import asyncapi_messages as messages
from config.env import ROOT

SAID_IN = ("phone/translate.py", "phone/consumer.py", "phone/session.py", "phone/auth.py",
           "phone/moderation.py", "frames.py")  # fmt: skip
NOT_OF_THE_CLIENT = {"token.refresh", "auth", "ping", "calls.list", "call.members"}


def test_every_message_that_a_device_may_send_is_described() -> None:
    rooms = {f"room.{verb}" for verb in ("get", *moderation.ROOM_VERBS, *moderation.MEMBER_VERBS)}
    known = set(commands.VERBS) | commands.MAKES | rooms | NOT_OF_THE_CLIENT
    assert set(messages.SENT) == known


def test_every_message_that_a_device_is_told_is_described() -> None:
    sources = "\n".join((ROOT / "calling" / "sockets" / name).read_text() for name in SAID_IN)
    said = set(re.findall(r'"type": "([a-z._]+)"', sources))
    said |= {"call.muted", "call.unmuted"}  # as the event is called
    assert said == set(messages.TOLD)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        Client().get("/api/asyncapi", headers={"Host": "localhost:8000"}).content
    )
    return found


def test_it_names_the_instance_by_the_name_that_it_was_asked_by(document: dict[str, Any]) -> None:
    assert document["servers"] == {"instance": {"host": "localhost:8000", "protocol": "ws"}}
    assert {each["address"] for each in document["channels"].values()} == {"/ws/phone", "/ws/events"}
    events = document["channels"]["events"]["messages"]
    assert {name.removeprefix("event.") for name in events if name.startswith("event.")} == set(TYPES)


def test_every_example_fits_its_message(document: dict[str, Any]) -> None:
    wrong = []
    for channel in document["channels"].values():
        for name, each in channel["messages"].items():
            schema = {**each["payload"], "components": document["components"]}
            for example in each["examples"]:
                faults = Draft7Validator(schema).iter_errors(example["payload"])
                wrong += [f"{name}: {fault.message[:200]}" for fault in faults]
    assert wrong == []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for target in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        found: Any = document
        for part in target.split("/"):
            found = found[part]
