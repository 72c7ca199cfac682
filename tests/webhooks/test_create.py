"""POST /api/webhooks."""

from __future__ import annotations

import base64

import pytest

from tests.support import rest_client
from tests.webhooks.refusals import to_strangers

PATH = "/api/webhooks"
GOOD = {"url": "https://example.com/hook", "events": ["call.*"], "description": "mine"}


def test_an_endpoint_is_made_and_its_secret_shown_once(cast) -> None:
    answer = cast.rest.post(PATH, GOOD)
    made = answer.json()
    assert answer.status_code == 201 and answer["Location"] == f"{PATH}/{made['id']}"
    assert 24 <= len(base64.b64decode(made["secret"].removeprefix("whsec_"))) <= 64
    assert made["events"] == ["call.*"] and made["description"] == "mine" and made["enabled"]
    assert "secret" not in cast.rest.get(f"{PATH}/{made['id']}").json()
    assert made["secret"] not in cast.rest.get(PATH).content.decode()


def test_strangers_are_refused(cast, mallory) -> None:
    to_strangers(cast, mallory, "post", PATH, GOOD)


@pytest.mark.parametrize(
    ("change", "attribute"),
    [
        ({"url": None}, "url"),
        ({"url": 7}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "https://user:pw@example.com/"}, "url"),
        ({"url": "https://" + "x" * 2001}, "url"),
        ({"events": None}, "events"),
        ({"events": []}, "events"),
        ({"events": "call.*"}, "events"),
        ({"events": ["Call.*"]}, "events"),
        ({"events": ["call*"]}, "events"),
        ({"events": [7]}, "events"),
        ({"events": ["call.ended"] * 51}, "events"),
        ({"description": "x" * 501}, "description"),
        ({"description": 7}, "description"),
    ],
)
def test_wrong_fields_are_named(cast, change, attribute) -> None:
    body = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    assert rest_client.error_of(cast.rest.post(PATH, body), 422)["attribute"] == attribute


def test_private_addresses_are_refused_where_the_instance_says_so(cast, settings) -> None:
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = False
    for url in ("http://127.0.0.1/", "https://[::ffff:10.0.0.1]/", "https://192.168.1.1/", "http://x.com/"):
        error = rest_client.error_of(cast.rest.post(PATH, {**GOOD, "url": url}), 422)
        assert error["attribute"] == "url", url


def test_a_project_has_at_most_fifty(cast) -> None:
    for _ in range(50):
        assert cast.rest.post(PATH, GOOD).status_code == 201
    assert rest_client.error_of(cast.rest.post(PATH, GOOD), 409)["code"] == "too_many_webhooks"
