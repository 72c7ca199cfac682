"""No name or label holds a line break or a control character: it stands in lists, logs, headers and on
phones. A description may have lines; a reference is the back end's own key, and is shown as one line."""

from __future__ import annotations

from typing import Any

import pytest

from subscribers.models import Subscriber
from tests.support.people import Cast
from tests.support.rest_client import code
from tokens.issue import create_project

SCRIPT = {"version": "1.0.0", "sections": {"main": ["hangup"]}}
FABRIC = "/api/fabric/resources"
PEOPLE = (
    "first_name", "last_name", "display_name", "job_title", "country", "region", "company_name", "email",
)  # fmt: skip
NAMED: list[tuple[str, dict[str, Any], str]] = [
    *((f"{FABRIC}/subscribers", {"reference": "dave"}, field) for field in PEOPLE),
    *(("/api/fabric/subscribers/tokens", {"reference": "dave"}, field) for field in PEOPLE[:-1]),
    (f"{FABRIC}/conference_rooms", {"name": "standup"}, "name"),
    (f"{FABRIC}/conference_rooms", {"name": "standup"}, "display_name"),
    (f"{FABRIC}/swml_scripts", {"name": "menu", "contents": SCRIPT}, "name"),
    (f"{FABRIC}/swml_scripts", {"name": "menu", "contents": SCRIPT}, "display_name"),
    (f"{FABRIC}/sip_gateways", {"name": "trunk", "uri": "sip:trunk.example.com"}, "name"),
    (f"{FABRIC}/sip_gateways", {"name": "trunk", "uri": "sip:trunk.example.com"}, "realm"),
    (f"{FABRIC}/sip_endpoints", {"username": "dave", "password": "long enough"}, "caller_id"),
    ("/api/fabric/guests/tokens", {"allowed_addresses": ["/public/echo"]}, "display_name"),
    ("/api/keys", {"name": "shop", "scopes": ["read"]}, "name"),
    ("/api/webhooks", {"url": "https://app.example.com/", "events": ["call.*"]}, "description"),
    ("/api/calls", {"to": "/public/echo", "script": SCRIPT}, "caller_name"),
]
NOT_IN_A_LINE = ["\n", "\r", "\x0b", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize(("path", "body", "field"), NAMED)
def test_a_name_of_two_lines_is_refused(house: Cast, path: str, body: dict[str, Any], field: str) -> None:
    for each in NOT_IN_A_LINE:
        answer = house.api.post(path, {**body, field: f"One{each}Two"})
        assert code(answer) == (422, "invalid_parameter", field), repr(each)


def test_names_in_any_script_and_with_spaces_are_taken(house: Cast) -> None:
    for name in ("Zoë Ångström", "山田 太郎", "مريم", "O\u2019Neil \U0001f4de", "tab\there", "a\u200db"):
        answer = house.api.post(f"{FABRIC}/subscribers", {"reference": name, "display_name": name})
        assert answer.status_code == 201
        assert answer.json()["subscriber"]["display_name"] == name


def test_a_description_may_have_lines_but_no_control_characters(house: Cast) -> None:
    room = {"name": "standup", "description": "Monday\r\n\tat nine"}
    answer = house.api.post(f"{FABRIC}/conference_rooms", room)
    assert answer.json()["conference_room"]["description"] == room["description"]
    again = {"name": "weekly", "description": "a\x1b[2Jb"}
    assert code(house.api.post(f"{FABRIC}/conference_rooms", again))[0] == 422


def test_a_reference_is_kept_as_it_is_and_shown_as_one_line(house: Cast) -> None:
    reference = "dave\nbcc: mallory\x1b"
    made = house.api.post(f"{FABRIC}/subscribers", {"reference": reference}).json()
    assert made["subscriber"]["reference"] == reference
    row = Subscriber.objects.get(pk=made["id"])
    assert row.shown_name == "dave bcc: mallory"
    shown = house.api.get("/api/fabric/addresses?page_size=200").json()["data"]
    assert "dave bcc: mallory" in [each["display_name"] for each in shown]


def test_a_project_has_a_name_of_one_line(db: None) -> None:
    assert create_project("Acme\nInc.").name == "Acme Inc."
