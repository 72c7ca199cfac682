"""What was made for the clients stands in the OpenAPI document as it is now; `make clients` makes it again.

The document may have more: a new operation is in the clients from their next release on.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from clients.generate import document as shapes
from clients.generate.__main__ import CLIENTS, made
from tests.support import rest_client


@pytest.fixture
def given(db: None) -> dict[str, object]:
    found: dict[str, object] = json.loads(rest_client.client().get("/api/schema?format=json").content)
    return found


def requests(text: str) -> set[str]:
    return set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]+)`", text))


def test_every_request_of_a_client_is_an_operation(given: dict[str, object]) -> None:
    fresh = made(given)
    for name in ("operations.py", "async_operations.py"):
        path = f"python/src/callwright_client/{name}"
        kept = requests((CLIENTS / path).read_text())
        assert len(kept) > 80 and kept <= requests(fresh[path])
    path = "typescript/src/operations.ts"
    assert requests((CLIENTS / path).read_text()) == requests(
        (CLIENTS / "python/src/callwright_client/operations.py").read_text()
    )


def test_every_field_of_a_client_is_one_of_its_shape(given: dict[str, object]) -> None:
    fresh = {each.name: each for each in shapes.shapes(given, shapes.operations(given))}
    text = (CLIENTS / "typescript/src/types.ts").read_text()
    met = 0
    for name, body in re.findall(r"export interface (\w+) {\n(.*?)\n}", text, re.DOTALL):
        fields = {each.strip("'") for each in re.findall(r"^  ([\w']+)\??:", body, re.MULTILINE)}
        assert fields <= {each.name for each in fresh[name].fields}, name
        met += 1
    assert met > 60


def test_both_languages_are_told_the_same_of_each_operation() -> None:
    made_of = {
        "paths": {
            "/api/rooms/{name}/{verb}": {
                "post": {
                    "operationId": "rooms_verb",
                    "tags": ["rooms"],
                    "summary": "Act on a room",
                    "parameters": [{"name": "dry", "in": "query", "schema": {"type": ["boolean", "null"]}}],
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/x/Verb"}}}},
                    "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/x/Room"}}}}},
                }
            },
            "/healthz": {"get": {"operationId": "healthz", "tags": ["health"], "responses": {"200": {}}}},
        },
        "components": {
            "schemas": {
                "Verb": {"type": "object", "properties": {"from": {"type": "string"}}},
                "Room": {
                    "type": "object",
                    "properties": {"state": {"enum": ["idle", "live"]}},
                    "required": ["state"],
                },
                "Errors": {"type": "object"},
                "Event": {"type": "object"},
                "LogEntry": {"type": "object"},
            }
        },
        "webhooks": {"room.started": {}},
    }
    files = made(made_of)
    python = files["python/src/callwright_client/operations.py"]
    signature = python[python.index("def verb(") : python.index(") -> shapes.Room")]
    for each in ("name: str, verb: str", "body: shapes.Verb | None = None", "dry: bool | None | None = None"):
        assert each in signature
    assert "healthz" not in python
    types = files["python/src/callwright_client/types.py"]
    assert '"from": NotRequired[str]' in types and 'state: Literal["idle", "live"]' in types
    script = files["typescript/src/operations.ts"]
    for each in (
        "verb(name: string, verb: string, body?: types.Verb",
        "query: { dry?: boolean | null } = {}",
    ):
        assert each in script
    assert "export interface Verb {\n  from?: string;\n}" in files["typescript/src/types.ts"]


def test_the_versions_of_the_clients_are_the_products() -> None:
    root = Path(CLIENTS).parent
    version = re.search(r'^version = "([^"]+)"', (root / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert f'version = "{version[1]}"' in (CLIENTS / "python/pyproject.toml").read_text()
    for name in ("typescript", "browser"):
        package = CLIENTS / name / "package.json"
        assert json.loads(package.read_text())["version"] == version[1]
