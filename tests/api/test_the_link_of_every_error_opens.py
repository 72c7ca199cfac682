"""Every error's `url` opens from where the request came, and the page has the row that it points at."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from config.error_codes import ERRORS, SOCKET
from tests.support.people import Cast, make_cast

BROKEN = {"version": "1.0.0", "sections": {"main": [{"plya": {"url": "say:Hello"}}]}}
NOBODY = "01a1fcbe-0ee0-7e3b-929e-4e3b5fbd5bb2"


class Bearer(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def test_the_link_of_every_error_opens(live_server: Any, cast: Cast) -> None:
    auth, bearer = (str(cast.project.id), cast.api_token), Bearer(cast.alice.token)
    asked = (
        ("get", "/api/calls/none", auth, None, 404),
        ("get", "/api/calls", None, None, 401),
        ("post", "/api/calls", auth, {"to": "nowhere", "colour": "red"}, 422),
        ("post", "/api/calls", auth, {"to": "/public/echo", "script": BROKEN}, 422),
        ("get", "/api/keys", bearer, None, 403),
        ("get", "/api/relay/rest/queues", auth, None, 422),
        ("post", "/api/calling/calls", auth, {"command": "calling.end"}, 422),
        ("post", "/api/calling/calls", auth, {"command": "calling.end", "id": NOBODY, "params": {}}, 404),
        ("post", "/api/fabric/resources/swml_scripts", auth, {"name": "menu", "contents": BROKEN}, 422),
        ("post", "/api/fabric/guests/tokens", auth, {}, 422),
        ("get", "/no/such/page", None, None, 404),
        ("delete", "/api/calls", auth, None, 405),
    )
    for method, path, who, body, status in asked:
        answer = requests.request(method, live_server.url + path, auth=who, json=body, timeout=30)
        assert answer.status_code == status, answer.content
        for error in answer.json()["errors"]:
            page, _, row = error["url"].partition("#")
            assert page == f"{live_server.url}/api/docs" and row == f"error-{error['code']}"
            found = requests.get(page, timeout=30)
            assert found.status_code == 200 and f'id="{row}"' in found.text
    page = requests.get(f"{live_server.url}/api/docs", timeout=30).text
    assert [code for status, code, _ in ERRORS if status != SOCKET and f'id="error-{code}"' not in page] == []
