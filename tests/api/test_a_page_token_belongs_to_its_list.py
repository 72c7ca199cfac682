"""A page token is taken by the list that handed it out alone: by no other path, and in no other order."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.api.every_operation import act_of, filled
from tests.api.tenancy import furnish
from tests.support import rest_client
from tests.support.people import Cast

INVALID = (422, "page_token_is_invalid", "page_token")


def lists() -> list[tuple[str, str]]:
    """(path, operation id) of every list in pages that the document names."""
    paths = rest_client.client().get("/api/schema").json()["paths"]
    return [
        (path, methods["get"]["operationId"])
        for path, methods in paths.items()
        if any(each["name"] == "page_token" for each in methods.get("get", {}).get("parameters", []))
    ]


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["page_token"][0]


def handed_out(cast: Cast, path: str) -> str:
    first = cast.rest.get(path)
    assert first.status_code == 200, first.content
    return token_of(first.json()["links"]["next"])


def test_no_other_list_takes_it(cast: Cast) -> None:
    ids = furnish(cast)
    assert cast.rest.post("/api/keys", {"name": "shop", "scopes": ["read"]}).status_code == 201
    token = handed_out(cast, "/api/keys?page_size=1")
    found = lists()
    assert len(found) > 20
    taken = []
    for path, operation in found:
        act = act_of(operation)
        asker = cast.rest if act.by == "key" else cast.people[act.by].rest
        answer = asker.get(f"{filled(path, ids, act.words)}?page_token={token}")
        if path == "/api/keys":
            assert answer.status_code == 200
        elif rest_client.code(answer) != INVALID:
            taken.append(path)
    assert not taken


def test_no_other_order_of_the_same_list_takes_it(cast: Cast) -> None:
    token = handed_out(cast, "/api/fabric/addresses?page_size=1&sort_by=name")
    there = "/api/fabric/addresses?sort_by={}&sort_order={}&page_token=" + token
    assert cast.rest.get(there.format("name", "asc")).status_code == 200
    assert rest_client.code(cast.rest.get(there.format("name", "desc"))) == INVALID
    assert rest_client.code(cast.rest.get(there.format("created_at", "asc"))) == INVALID


@pytest.mark.parametrize("places", [[True], ["1"], [-1], [2**31], [1, 2], [None], [], [1.5]])
def test_a_numbered_list_takes_numbers_alone(cast: Cast, rf: Any, places: list[Any]) -> None:
    from rest_framework.request import Request

    from rest import errors, pagination

    request = Request(rf.get("/api/voice/logs"))
    token = pagination.token_of(request, places)
    with pytest.raises(errors.Unprocessable):
        pagination.number_given(Request(rf.get("/api/voice/logs", {"page_token": token})), 2**31 - 1)
