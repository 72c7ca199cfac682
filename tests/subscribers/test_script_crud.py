"""/api/fabric/resources/swml_scripts"""

from __future__ import annotations

from typing import Any

import pytest

from subscribers import script_checks
from subscribers.models import Script
from tests.support.people import Cast
from tests.support.rest_client import Api, code

PATH = "/api/fabric/resources/swml_scripts"
DOCUMENT = '{"version":"1.0.0","sections":{"main":["hangup"]}}'


def test_a_script_is_dialled_by_the_slug_of_its_name(house: Cast) -> None:
    made = house.api.post(PATH, {"name": "Main Menu", "contents": DOCUMENT})
    assert made.status_code == 201
    inner = made.json()["swml_script"]
    assert inner["contents"] == DOCUMENT and inner["display_name"] == "Main Menu"
    address = house.api.get(made["Location"] + "/addresses").json()["data"][0]
    assert address["channels"]["audio"] == "/public/main-menu?channel=audio"
    assert address["type"] == "app"


def test_the_document_may_be_given_as_json(house: Cast) -> None:
    made = house.api.post(PATH, {"name": "x", "contents": {"version": "1.0.0", "sections": {"main": []}}})
    assert made.status_code == 201 and '"sections"' in made.json()["swml_script"]["contents"]


def test_reserved_and_taken_names_get_a_suffix(house: Cast) -> None:
    def address(name: str) -> str:
        path = house.api.post(PATH, {"name": name, "contents": DOCUMENT})["Location"]
        return str(house.api.get(path + "/addresses").json()["data"][0]["name"])

    assert [address("Echo"), address("menu"), address("Menu")] == ["echo-2", "menu", "menu-2"]


def test_put_takes_display_name_and_contents(house: Cast) -> None:
    path = house.api.post(PATH, {"name": "a", "contents": DOCUMENT})["Location"]
    changed = house.api.put(path, {"display_name": "b", "status_callback_url": "https://x.example/cb"})
    assert changed.json()["display_name"] == "b"
    assert changed.json()["swml_script"]["status_callback_url"] == "https://x.example/cb"
    assert house.api.delete(path).status_code == 204


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"contents": DOCUMENT}, ("missing_required_parameter", "name")),
        ({"name": "x"}, ("missing_required_parameter", "contents")),
        ({"name": "x", "contents": ""}, ("invalid_script", "contents")),
        ({"name": "x", "contents": 5}, ("invalid_script", "contents")),
        ({"name": "x", "contents": "x" * 200_001}, ("invalid_script", "contents")),
        (
            {"name": "x", "contents": DOCUMENT, "status_callback_url": "ftp://x"},
            ("not_an_http_url", "status_callback_url"),
        ),
        ({"name": "x" * 201, "contents": DOCUMENT}, ("invalid_parameter", "name")),
    ],
)
def test_wrong_fields_are_422(house: Cast, body: Any, expected: tuple[str, str]) -> None:
    assert code(house.api.post(PATH, body)) == (422, *expected)


def test_a_registered_check_decides_about_the_contents(house: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(text: str) -> None:
        if "dance" in text:
            raise ValueError("dance is not a verb here.")

    monkeypatch.setattr(script_checks, "_checks", [])
    script_checks.register(check)
    refused = house.api.post(PATH, {"name": "x", "contents": '{"sections":{"main":["dance"]}}'})
    assert code(refused) == (422, "invalid_script", "contents")
    assert "dance is not a verb" in refused.json()["errors"][0]["message"]
    assert not Script.objects.exists()


def test_tokens_are_403(alice_api: Api) -> None:
    assert code(alice_api.post(PATH, {}))[0] == 403
