"""The tenancy proof (docs/security.md#r7): every route, command and frame × everybody from elsewhere.

A foreign object is answered like an absent one.

The matrix is made from the URLconf and from the tables of commands. A route that no line below places fails
the first test, so a new one is thought about before it is served.
"""

from __future__ import annotations

import itertools
import random
import re
from typing import Any
from uuid import uuid4

import pytest
from django.urls import resolve

from calling.calls import event_log
from calling.signalwire.calling_api.commands import COMMANDS
from calling.sockets import frames
from calling.sockets.phone import commands
from tests.api.tenancy import CANARY, UNSTABLE, Asker, askers, fingerprint, furnish, nothing, templates
from tests.support import fake_worker, people, rest_client
from tests.support.people import Cast, make_cast, make_mallory

TEMPLATES = templates()
METHODS = ("get", "post", "put", "patch", "delete")
KINDS = {  # of fabric's resources, by what a path says
    "conference_room": "room", "conference_rooms": "room", "sip_endpoints": "sip_endpoint",
    "subscribers": "subscriber", "sip_gateways": "gateway", "swml_scripts": "script", "embeds": "embed",
    "addresses": "address", "phone_numbers": "number", "resources": "subscriber",
    "recordings": "recording", "logs": "call", "room_sessions": "meeting",
    "conversations": "conversation",
}  # fmt: skip
NAMES = {  # what stands in a path, by the name of its place
    "call_id": "call", "leg_id": "leg", "control_id": "control", "webhook_id": "webhook",
    "endpoint_id": "sip_endpoint", "delivery_id": "delivery", "recording_id": "recording", "key_id": "key",
    "alert_id": "alert", "search_id": "search",
    "number_id": "number", "room_id": "room", "subscriber_id": "subscriber", "name": "room_name",
    "account": "project", "rate_id": "rate",
    "key": "room", "invite_id": "invite", "user_id": "user",
}  # fmt: skip
ROWS = {  # of a staff page's kind, the row that it edits
    "subscribers": "subscriber", "rooms": "room", "numbers": "number", "gateways": "gateway",
    "endpoints": "sip_endpoint", "scripts": "script",
}  # fmt: skip
CHOICES = {  # places that are no ids: every word of them is tried
    "verb": ("play", "record", "lock", "unlock", "end", "mute", "unmute", "deafen", "remove", "volume"),
    "wish": ("stop", "pause", "resume", "volume"),
    "action": ("hangup", "hold", "resume", "transfer", "test", "replay", "rotate", "disable", "enable"),
    "what": ("calls", "events"), "form": ("csv", "jsonl", "txt", "pcapng"), "kind_name": tuple(ROWS),
}  # fmt: skip
# Open to everybody, and the same for all of them.
OPEN = {
    "healthz",
    "readyz",
    "metrics",
    "api/schema",
    "api/asyncapi",
    "api/docs",
    "",
    "phone",
    "phone-push.js",
    "favicon.ico",
    "robots.txt",
    "static/callwright-<str:version>/<path:name>",
}
# The door of the staff pages, and what is about the person at it. Whose passkey or identity a row is, is
# tested with them (tests/dashboard).
DOOR = {
    f"dashboard/{page}"
    for page in (
        "login", "login/code", "logout", "choose", "second-factor", "join/<str:text>",
        "join/<str:text>/identity", "sign-in/passkeys/<int:passkey_id>/rename",
        "sign-in/passkeys/<int:passkey_id>/remove", "sign-in/identities/<int:identity_id>/unlink",
    )
}  # fmt: skip
# Trades a public string for a token by design; what it gives is asked for by name below.
PUBLIC_TRADES = {"api/fabric/embeds/tokens", "api/embeds/tokens"}
BODIES: dict[str, list[dict[str, str]]] = {  # fields that name rows, by path; values are keys of `furnish`
    "api/phone_numbers": [{"number": "=+15550007777", "address_id": "address"},
                          {"number": "=+15550007777", "subscriber_id": "subscriber"}],
    "api/fabric/resources/sip_endpoints": [{"username": "=eve", "subscriber_id": "subscriber"}],
    "api/fabric/guests/tokens": [{"allowed_addresses": "[address"}],
    "api/fabric/subscribers/tokens": [{"reference": "=eve", "allowed_addresses": "[address"}],
    "api/fabric/subscriber/invites": [{"address_id": "address"}],
    "api/fabric/embeds": [{"address_id": "address"}],
    "api/fabric/conversations/join": [{"fabric_address_ids": "[address"}],
    "api/fabric/messages": [{"group_id": "conversation", "text": "=hello"}],
    "api/tokens/revoke": [{"subscriber_id": "subscriber"}, {"jti": "jti"}],
}  # fmt: skip
FILTERS = {
    "api/recordings": "call_id={call}", "api/calls": "from=/private/alice", "api/events": "after=0",
    "api/phone_numbers": "number=%2B15550001111", "api/fabric/addresses": "name=alice",
    "dashboard/calls": "q=alice", "dashboard/subscribers": "q=alice", "dashboard/audit": "q=balance",
}  # fmt: skip


def places(template: str) -> list[str]:
    """The names of a template's places, in order."""
    return re.findall(r"<(?:\w+:)?(\w+)>", template)


def key_of(template: str, place: str) -> str:
    """Which id belongs into a place."""
    if place == "id":
        return KINDS[template.split("<")[0].rstrip("/").rpartition("/")[2]]
    return NAMES[place]


def placed(template: str) -> bool:
    if template.startswith(("admin/", "^")) or template in OPEN | DOOR | PUBLIC_TRADES:
        return True
    found = places(template)
    if not found:
        return template.startswith(("api/", "dashboard/"))
    named = all(place in CHOICES or place in NAMES or place in ("id", "row_id") for place in found)
    return named and all(place in CHOICES or place == "row_id" or key_of(template, place) for place in found)


def words_of(template: str) -> list[dict[str, str]]:
    """Every choice of words for the places that are no ids."""
    found = [place for place in places(template) if place in CHOICES]
    return [dict(zip(found, words, strict=True)) for words in itertools.product(*(CHOICES[p] for p in found))]


def filled(template: str, ids: dict[str, str], words: dict[str, str]) -> str:
    """The path of a template with these ids and words."""

    def value(place: re.Match[str]) -> str:
        if place[1] == "row_id":
            return ids[ROWS[words["kind_name"]]]
        return words.get(place[1]) or ids[key_of(template, place[1])]

    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", value, template)


OWNED = [
    each
    for each in TEMPLATES
    if any(place not in CHOICES for place in places(each))
    and not each.startswith(("admin/", "^"))
    and each not in DOOR | OPEN
]
LISTS = [each for each in TEMPLATES if not places(each) and each.startswith(("api/", "dashboard/"))]


@pytest.fixture
def house(db: None, settings: Any) -> tuple[Cast, Cast, dict[str, str]]:
    settings.CALLWRIGHT_REST_HOLDER_PER_SECOND = settings.CALLWRIGHT_REST_KEY_PER_SECOND = 1_000_000
    settings.CALLWRIGHT_DIALS_PER_SECOND = 1_000_000
    victim = make_cast()
    return victim, make_mallory(), furnish(victim)


def test_every_route_is_placed() -> None:
    assert [each for each in TEMPLATES if not placed(each)] == []
    assert len(OWNED) > 60 and len(LISTS) > 30


def leaks_of(
    asker: Asker, method: str, foreign: str, absent: str, ids: dict[str, str], none: dict[str, str],
    body: tuple[dict[str, Any], dict[str, Any]] = ({}, {}),
) -> list[str]:  # fmt: skip
    """What is wrong with how one request about a foreign row is answered, against one about nothing."""
    status, content = asker.send(method, foreign, body[0])
    second, other = asker.send(method, absent, body[1])
    content, other = content.replace(foreign.encode(), b"*"), other.replace(absent.encode(), b"*")
    what = f"{asker.name}: {method} {foreign}"
    wrong = []
    if status >= 500 or second >= 500:
        wrong.append(f"{what}: {status}, {second}")
    if (status, without(content, ids)) != (second, without(other, none)):
        wrong.append(f"{what}: {status} {content[100:700]!r}, but for nothing {second} {other[100:700]!r}")
    if CANARY.encode() in without(content, ids).lower():
        wrong.append(f"{what}: {content[:200]!r}")
    return wrong


def speaks(everybody: list[Asker], method: str, path: str) -> bool:
    """Whether a path has a method at all; the others are answered 405 before anything is looked at."""
    view = getattr(resolve(path).func, "view_class", None)
    if view is not None:
        return hasattr(view, method)
    staff = path.startswith("/dashboard/")
    asker = next(each for each in everybody if each.staff == staff)
    return asker.send(method, path)[0] != 405


def without(content: bytes, ids: dict[str, str]) -> bytes:
    """A body without the ids that were asked about, which an answer may repeat, and without the request's."""
    content = re.sub(rb'"request_id": "[^"]*"', b"", content)
    for value in sorted(ids.values(), key=len, reverse=True):
        if len(value) > 8:
            content = content.replace(value.encode(), b"*")
    return content


@pytest.mark.family
def test_foreign_rows_are_answered_like_none(
    house: tuple[Cast, Cast, dict[str, str]], seed: int, figure: Any
) -> None:
    victim, other, ids = house
    everybody, none = askers(victim, other), nothing(ids)
    before, rng = fingerprint(victim.project.id), random.Random(seed)
    wrong: list[str] = []
    tried = 0
    for template in OWNED:
        words = words_of(template)
        spoken = [each for each in METHODS if speaks(everybody, each, filled(template, none, words[0]))]
        cells = list(itertools.product(everybody, words, spoken))
        for asker, chosen, method in rng.sample(cells, min(len(cells), figure(3, len(cells)))):
            foreign, absent = filled(template, ids, chosen), filled(template, none, chosen)
            wrong += leaks_of(asker, method, foreign, absent, ids, none)
            tried += 1
    print(f"{len(OWNED)} routes, {len(everybody)} kinds of askers, {tried} pairs, {len(wrong)} leaks")
    print("\n".join(wrong))
    assert wrong == []
    assert fingerprint(victim.project.id) == before


@pytest.mark.family
def test_lists_and_pages_tell_nothing_of_others(
    house: tuple[Cast, Cast, dict[str, str]], seed: int, figure: Any
) -> None:
    victim, other, ids = house
    everybody, before = askers(victim, other), fingerprint(victim.project.id)
    rng = random.Random(seed)
    cursor = victim.rest.get("/api/calls?page_size=1").json()["links"]["self"].partition("?")[2]
    wrong = []
    for template in LISTS:
        if template in ("dashboard/project/new",):
            continue  # makes a project: only for administrators, which another test asks
        filters = {"", FILTERS.get(template, "").format(**ids), cursor if template == "api/calls" else ""}
        for asker in rng.sample(everybody, figure(3, len(everybody))):
            if "beside" in asker.name and template == "api/fabric/subscriber/info":
                continue  # tells one's own project, by its name
            for query in sorted(filters):
                status, content = asker.send("get", f"/{template}?{query}")
                known = [name for name, value in ids.items() if len(value) > 8 and value.encode() in content]
                known = [name for name in known if ids[name] not in query and "beside" not in asker.name]
                if status >= 500 or CANARY.encode() in content.replace(query.encode(), b"").lower() or known:
                    wrong.append(f"{asker.name}: {template}?{query}: {status} {known} {content[:200]!r}")
    assert wrong == []
    assert fingerprint(victim.project.id) == before


def body_of(shape: dict[str, str], ids: dict[str, str]) -> dict[str, Any]:
    return {name: value_of(word, ids) for name, word in shape.items()}


def value_of(word: str, ids: dict[str, str]) -> Any:
    if word.startswith("="):
        return word[1:]
    return [ids[word[1:]]] if word.startswith("[") else ids[word]


def test_bodies_cannot_name_rows_of_others(house: tuple[Cast, Cast, dict[str, str]]) -> None:
    victim, other, ids = house
    # Tokens of the project may name its addresses; what they may do with them is scope's.
    everybody = [asker for asker in askers(victim, other) if "beside" not in asker.name]
    none, before = nothing(ids), fingerprint(victim.project.id)
    wrong = []
    for asker, (path, shapes) in itertools.product(everybody, BODIES.items()):
        for shape in shapes:
            mine, absent = (body_of(shape, each) for each in (ids, none))
            wrong += leaks_of(asker, "post", f"/{path}", f"/{path}", ids, none, (mine, absent))
    assert wrong == []
    body = {"to": "/private/alice", "from": "+15550001111", "script": fake_worker.SCRIPT}
    assert rest_client.error_of(other.rest.post("/api/calls", body), 404)
    assert fingerprint(victim.project.id) == before


@pytest.mark.family
def test_calling_commands_find_only_calls_of_the_project(
    house: tuple[Cast, Cast, dict[str, str]], seed: int, figure: Any
) -> None:
    victim, other, ids = house
    none = nothing(ids)
    cells = list(itertools.product(askers(victim, other), sorted(COMMANDS)))
    for asker, command in random.Random(seed).sample(cells, figure(60, len(cells))):
        mine, absent = ({"command": command, "id": each["call"], "params": {}} for each in (ids, none))
        path = "/api/calling/calls"
        assert leaks_of(asker, "post", path, path, ids, none, (mine, absent)) == []
    assert fake_worker.call_of(ids["call"]).state.value == "answered"


def test_frames_of_a_device_find_only_its_own_calls(house: tuple[Cast, Cast, dict[str, str]]) -> None:
    victim, other, ids = house
    absent = nothing(ids)["call"]
    holders = [other.mallory, victim.carol, people.guest(victim.project, ()), people.guest(other.project, ())]
    words = {"sdp": fake_worker.SDP, "digits": "1", "destination": "/private/nobody-at-all", "candidate": ""}
    types = sorted({*commands.VERBS, *commands.MAKES} - {"call.create"})  # that one names no call
    for person, type in itertools.product(holders, types):
        told = [answer_to(person, type, {"call_id": call, **words}) for call in (ids["call"], absent)]
        assert told[0] == told[1], (person.name, type)
        assert told[0]["type"] == "error"
    call = fake_worker.call_of(ids["call"])
    assert call.state.value == "answered" and not any(leg.held or leg.muted for leg in call.legs)


def answer_to(person: Any, type: str, fields: dict[str, Any]) -> dict[str, Any]:
    """What a frame is answered, without its own ids."""
    frame = frames.Frame(type, fields, "r1", fields["call_id"])
    verb = commands.VERBS.get(type)
    try:
        if verb is None:
            commands.make(person.holder, frame, str(uuid4()))
        else:
            verb(person.holder, fields["call_id"], fields, None)
    except Exception as error:
        return {**commands.error_for(error, frame), "call_id": None}
    return {"type": "done"}


def test_the_event_log_is_read_by_its_project_alone(house: tuple[Cast, Cast, dict[str, str]]) -> None:
    victim, other, _ids = house
    from calling.webhooks.publish import publish_round

    publish_round()
    assert event_log.page(victim.project.id, 0, 200)
    assert event_log.page(other.project.id, 0, 200) == []


@pytest.mark.family
def test_records_are_for_administrators_alone(
    house: tuple[Cast, Cast, dict[str, str]], seed: int, figure: Any
) -> None:
    victim, other, ids = house
    paths = [re.sub(r"<[^>]+>", ids["call"], each) for each in TEMPLATES if each.startswith("admin/")]
    paths = [path for path in paths if not re.search(r"[\^(]", path)]
    door = {"admin/login/", "admin/logout/", "admin/jsi18n/"}
    wrong = []
    asking = [asker for asker in askers(victim, other) if asker.staff or asker.name == "nobody"]
    cells = list(itertools.product(asking, sorted({*paths} - door)))
    for asker, path in random.Random(seed).sample(cells, figure(80, len(cells))):
        status, content = asker.send("get", f"/{path}")
        if status not in (302, 403, 404, 405) or CANARY.encode() in UNSTABLE.sub(b"", content).lower():
            wrong.append(f"{asker.name}: {path}: {status}")
    assert wrong == []


def test_staff_cannot_choose_a_project_that_is_not_theirs(house: tuple[Cast, Cast, dict[str, str]]) -> None:
    victim, other, ids = house
    for asker in askers(victim, other):
        if asker.staff:
            asker.send("post", "/dashboard/choose", {"project": ids["project"]})
            assert CANARY.encode() not in asker.send("get", "/dashboard/")[1]
