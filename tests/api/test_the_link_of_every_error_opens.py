"""Every error's `url` opens from where the request came, and the page has the row that it points at."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from config.error_codes import ERRORS, SOCKET
from tests.support.people import Cast, make_cast


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def test_the_link_of_every_error_opens(live_server: Any, cast: Cast) -> None:
    auth = (str(cast.project.id), cast.api_token)
    asked = (
        ("get", "/api/calls/none", auth, None, 404),
        ("get", "/api/calls", None, None, 401),
        ("post", "/api/calls", auth, {"to": "nowhere", "colour": "red"}, 422),
        ("get", "/api/relay/rest/queues", auth, None, 422),
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
