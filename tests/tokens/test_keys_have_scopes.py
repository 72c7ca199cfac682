"""`/api/keys`: keys of less than everything, what each scope opens, and when a key was last used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from calling.sockets.events.consumer import subscribe
from rest import errors as rest_errors
from subscribers.models import Project
from tests.support.people import Cast
from tests.support.rest_client import Api, basic, code
from tokens import key_scopes
from tokens.authentication import forget_keys, subject_from_basic
from tokens.issue import issue_api_token
from tokens.models import ApiToken

# What needs which scope; ids need not exist: a key that may not is told so before anything is looked up.
ID = "00000000-0000-4000-8000-000000000000"
NEEDS = [
    ("GET", "/api/calls", "read"),
    ("GET", f"/api/calls/{ID}/events", "read"),
    ("GET", "/api/events", "read"),
    ("GET", "/api/keys", "read"),
    ("GET", "/api/webhooks", "read"),
    ("GET", "/api/fabric/addresses", "read"),
    ("POST", "/api/calls", "call"),
    ("POST", f"/api/calls/{ID}/hangup", "call"),
    ("POST", f"/api/calls/{ID}/transfer/complete", "call"),
    ("POST", f"/api/calls/{ID}/play/x/stop", "call"),
    ("POST", "/api/rooms/standup/lock", "call"),
    ("POST", f"/api/rooms/standup/members/{ID}/mute", "call"),
    ("POST", "/api/calling/calls", "call"),
    ("POST", "/api/fabric/subscribers/tokens", "call"),
    ("POST", "/api/fabric/subscribers/tokens/refresh", "call"),
    ("POST", "/api/fabric/guests/tokens", "call"),
    ("DELETE", f"/api/calls/{ID}", "admin"),
    ("POST", "/api/tokens/revoke", "admin"),
    ("POST", "/api/keys", "admin"),
    ("DELETE", f"/api/keys/{ID}", "admin"),
    ("POST", "/api/webhooks", "admin"),
    ("PATCH", f"/api/webhooks/{ID}", "admin"),
    ("POST", f"/api/webhooks/{ID}/rotate_secret", "admin"),
    ("DELETE", f"/api/recordings/{ID}", "admin"),
    ("POST", "/api/phone_numbers", "admin"),
    ("PUT", f"/api/phone_numbers/{ID}", "admin"),
    ("POST", "/api/fabric/resources/subscribers", "admin"),
    ("POST", f"/api/fabric/resources/subscribers/{ID}/erase", "admin"),
    ("DELETE", f"/api/fabric/resources/subscribers/{ID}", "admin"),
]  # fmt: skip


def key(house: Cast, *scopes: str) -> Api:
    return Api(basic(house.id, issue_api_token(house.project, scopes=scopes)))


@pytest.mark.parametrize(("method", "path", "scope"), NEEDS)
def test_each_scope_opens_its_paths_and_no_others(house: Cast, method: str, path: str, scope: str) -> None:
    for own in key_scopes.SCOPES:
        answer = key(house, own).call(method, path, {})
        if own in (scope, "admin"):
            assert answer.status_code != 403, (own, answer.content)
        else:
            assert code(answer)[:2] == (403, "insufficient_scope"), own
            assert scope in answer.json()["errors"][0]["message"]


def test_a_path_that_nobody_placed_needs_admin() -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert key_scopes.needed(method, "/api/something/new") == "admin"
    assert key_scopes.needed("POST", "/api/callsomething") == "admin"


def test_several_scopes_open_what_each_opens(house: Cast) -> None:
    both = key(house, "read", "call")
    assert both.get("/api/calls").status_code == 200
    assert both.post("/api/fabric/guests/tokens", {"allowed_addresses": ["/public/echo"]}).status_code == 201
    assert code(both.post("/api/webhooks", {}))[1] == "insufficient_scope"


def test_a_key_is_shown_once_and_then_by_its_first_characters(house: Cast) -> None:
    made = house.api.post("/api/keys", {"name": "web shop", "scopes": ["call", "read"]})
    assert made.status_code == 201, made.content
    shown = made.json()
    assert shown["scopes"] == ["read", "call"] and shown["name"] == "web shop"
    assert shown["key"].startswith(shown["hint"]) and made["Location"] == f"/api/keys/{shown['id']}"
    listed = house.api.get("/api/keys").json()["data"]
    assert {name: value for name, value in shown.items() if name != "key"} in listed
    assert shown["key"] not in house.api.get("/api/keys").content.decode()
    assert Api(basic(house.id, shown["key"])).get("/api/calls").status_code == 200


def test_a_key_from_before_there_were_scopes_may_do_everything(house: Cast) -> None:
    ApiToken.objects.filter(project=house.project).update(scopes=None)
    (shown,) = house.api.get("/api/keys").json()["data"]
    assert shown["scopes"] == ["admin"]
    assert house.api.post("/api/keys", {"name": "x", "scopes": ["read"]}).status_code == 201


def test_a_deleted_key_is_refused_at_once_and_listed_no_longer(house: Cast) -> None:
    made = house.api.post("/api/keys", {"name": "x", "scopes": ["read"]}).json()
    other = Api(basic(house.id, made["key"]))
    assert other.get("/api/calls").status_code == 200
    assert house.api.delete(f"/api/keys/{made['id']}").status_code == 204
    assert other.get("/api/calls").status_code == 401
    assert made["id"] not in house.api.get("/api/keys").content.decode()
    assert house.api.delete(f"/api/keys/{made['id']}").status_code == 404


def test_another_projects_key_is_not_found(house: Cast, mallory: Cast) -> None:
    made = house.api.post("/api/keys", {"name": "x", "scopes": ["read"]}).json()
    assert mallory.api.delete(f"/api/keys/{made['id']}").status_code == 404
    assert made["id"] not in mallory.api.get("/api/keys").content.decode()


def test_when_a_key_was_last_used_is_known_to_the_minute(house: Cast) -> None:
    row = ApiToken.objects.get(project=house.project)
    assert row.last_used_at is None
    house.api.get("/api/calls")
    row.refresh_from_db()
    first = row.last_used_at
    assert first is not None and house.api.get("/api/keys").json()["data"][0]["last_used_at"]
    forget_keys()
    house.api.get("/api/calls")
    row.refresh_from_db()
    assert row.last_used_at == first
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    forget_keys()
    house.api.get("/api/calls")
    row.refresh_from_db()
    assert row.last_used_at > first


@pytest.mark.parametrize(
    ("body", "attribute"),
    [
        ({"scopes": ["read"]}, "name"),
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": "read"}, "scopes"),
        ({"name": "x", "scopes": ["write"]}, "scopes.0"),
        ({"name": "x", "scopes": ["read"], "scope": "read"}, "scope"),
    ],
)
def test_wrong_fields_are_422_and_named(house: Cast, body: dict[str, Any], attribute: str) -> None:
    status, _, named = code(house.api.post("/api/keys", body))
    assert (status, named) == (422, attribute)


def test_an_answer_kept_for_an_admin_key_is_not_given_to_a_lesser_one(house: Cast) -> None:
    body, once = {"name": "x", "scopes": ["admin"]}, {"Idempotency-Key": "once"}
    made = house.api.post("/api/keys", body, headers=once)
    again = house.api.post("/api/keys", body, headers=once)
    assert again.content == made.content and again["Idempotent-Replayed"] == "true"
    lesser = key(house, "read", "call").post("/api/keys", body, headers=once)
    assert code(lesser)[:2] == (403, "insufficient_scope")


def test_the_event_socket_needs_read(house: Cast) -> None:
    for own in key_scopes.SCOPES:
        fields = {"project_id": str(house.id), "api_token": issue_api_token(house.project, scopes=[own])}
        if own == "call":
            with pytest.raises(rest_errors.Forbidden, match="scope read"):
                subscribe(fields, timezone.now())
        else:
            assert subscribe(fields, timezone.now()).project_id == house.id


def test_a_project_is_told_when_it_has_as_many_keys_as_it_may(
    house: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokens.api.keys.MOST", 1)
    assert code(house.api.post("/api/keys", {"name": "x", "scopes": ["read"]}))[:2] == (409, "too_many_keys")


def test_keys_made_without_a_word_about_scopes_are_admin(house: Cast) -> None:
    project = Project.objects.get(pk=house.id)
    assert subject_from_basic(str(house.id), issue_api_token(project)).scopes == key_scopes.EVERYTHING
