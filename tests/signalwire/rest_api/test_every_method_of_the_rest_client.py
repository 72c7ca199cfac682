"""Every method of RestClient works or is refused by name; none is answered 404 for its path."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from calling.signalwire.rest_api.known_paths import NOT_SUPPORTED
from tests.signalwire.rest_api import table
from tests.signalwire.rest_api.conftest import rest
from tests.support.people import Cast

ROWS = table.rows()


def test_the_table_in_the_documentation_is_the_packages() -> None:
    """Written anew by `python -m tests.signalwire.rest_api.table`."""
    assert table.PAGE.read_text(encoding="utf-8") == table.page()


def test_every_method_is_known_to_the_platform() -> None:
    assert len(ROWS) > 250
    assert [row.name for row in ROWS if row.says == "unknown"] == []


def test_no_path_is_refused_that_the_package_does_not_have() -> None:
    asked = {row.sends.split("`")[1].lstrip("/") for row in ROWS}
    asked |= {path.replace("/members/next", "/members/{id}") for path in asked}
    assert set(NOT_SUPPORTED) - asked == set()


def test_what_the_table_says_is_what_the_server_answers(client: Any) -> None:
    methods = dict(table.walk(client))
    for row in ROWS:
        try:
            table.call(methods[row.name])
        except rest.SignalWireRestError as error:
            code = error.body["errors"][0]["code"]
            if row.says == "works":
                assert code != "not_supported" or "handler" in error.body["errors"][0]["attribute"], row
                assert error.status_code in (404, 422, 403, 409), (row, error.body)
            else:
                assert (error.status_code, code) == (422, "not_supported"), (row, error.body)
        else:
            assert row.says == "works", row


REFUSED_PATHS = sorted({row.path for row in ROWS if row.says.startswith("refused") and row.method == "GET"})


def test_a_known_path_asks_who_it_is_first(live_server: Any) -> None:
    for path in REFUSED_PATHS[:5]:
        assert requests.get(live_server.url + path, timeout=10).status_code == 401


@pytest.mark.parametrize(
    "path", ["/api/relay/rest/ghosts", "/api/video/ghosts", "/api/voice/ghosts", "/api/x"]
)
def test_an_unknown_path_is_404(live_server: Any, cast: Cast, path: str) -> None:
    auth = (str(cast.project.id), cast.api_token)
    answer = requests.get(live_server.url + path, auth=auth, timeout=10)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "not_found")
    assert urlsplit(answer.url).path == path
