"""Every operation of the OpenAPI document has words and an example, and the example is what is answered."""

from __future__ import annotations

import contextlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from django.db import transaction

from calling.calls.event_types import TYPES
from calling.commands import operation_params
from calling.commands.params import InvalidParams, Params
from calling.speech import installed
from config.error_codes import ERRORS
from tests.api.every_operation import KEPT, Act, act_of, filled, stable, with_ids
from tests.api.tenancy import furnish
from tests.support import rest_client
from tests.support.people import Cast

# Answers that are no JSON, and so have no example here.
NO_JSON = {"recordings_download"}


@pytest.fixture(autouse=True)
def _a_speech_worker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CALLWRIGHT_SPEECH_WORKERS = 1
    monkeypatch.setattr(installed, "recognisers", lambda own: (installed.ACCURATE,))
    monkeypatch.setattr(installed, "denoiser", lambda own: True)


@cache
def made() -> bytes:
    """The document of this version is always the same, and takes seconds to make."""
    content: bytes = rest_client.client().get("/api/schema").content
    return content


@pytest.fixture
def document(db: None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made())
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_says_what_it_is(document: dict[str, Any]) -> None:
    found = operations(document)
    tags = {tag["name"] for tag in document["tags"]}
    assert len(found) > 130 and document["openapi"].startswith("3.1") and document["servers"]
    for path, method, operation in found:
        where = f"{method} {path}"
        assert operation["summary"] and operation["description"], where
        assert set(operation["tags"]) <= tags, where
        assert "r/docs" not in operation["description"] and "self." not in operation["description"], where
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        assert body is None or "example" in body, where
        for status, answer in operation["responses"].items():
            content = answer.get("content", {}).get("application/json")
            if status.startswith("2") and content is not None:
                assert "example" in content, f"{where}: see {KEPT.name}"
                assert "$ref" in content["schema"], f"{where} answers something untyped"


def test_nothing_is_required_that_may_be_left_out(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["Dial"]["required"] == ["to"]
    assert "required" not in schemas["Answer"] and schemas["Consult"]["required"] == ["to"]
    assert not [name for name in schemas if "Null" in name or "Blank" in name]


def test_every_id_in_a_path_is_a_uuid(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path" and (parameter["name"] == "id" or parameter["name"].endswith("_id")):
                uuid = parameter["schema"].get("format") == "uuid"
                assert uuid or parameter["name"] == "control_id", path


def test_every_event_and_every_error_code_is_in_the_document(document: dict[str, Any]) -> None:
    assert set(document["webhooks"]) == set(TYPES)
    code = document["components"]["schemas"]["Problem"]["properties"]["code"]["description"]
    for _, word, _ in ERRORS:
        assert f"`{word}`" in document["info"]["description"] and word in code


@pytest.mark.timeout(900)
def test_every_example_is_what_is_answered(cast: Cast, document: dict[str, Any], tmp_path: Path) -> None:
    """Writes what it saw to a file, which is to be copied where the examples have changed."""
    cast.project.trusted = True  # takes a number that nobody has
    ids, seen = furnish(cast), {}
    cast.project.save()
    wrong = []
    for path, method, operation in operations(document):
        operation_id = operation["operationId"]
        if operation_id in NO_JSON:
            continue
        with transaction.atomic():
            request, status, answer = asked(cast, dict(ids), path, method, operation_id)
            transaction.set_rollback(True)
        if not 200 <= status < 300:
            wrong.append(f"{operation_id}: {status} {answer}")
            continue
        wrong += unlike(document, operation, operation_id, request, status, answer)
        seen[operation_id] = stable(
            ({"request": request} if request is not None else {})
            | ({"response": answer} if answer is not None else {})
        )
    file = tmp_path / "seen.json"
    file.write_text(json.dumps(seen, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    assert not wrong, "\n".join(wrong)
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    assert shapes(kept) == shapes(seen), f"cp {file} {KEPT}"


def asked(cast: Cast, ids: dict[str, str], path: str, method: str, operation_id: str) -> tuple[Any, int, Any]:
    """(request, status, answer) of one right request."""
    act = act_of(operation_id)
    ids |= act.before(cast, ids) or {}
    return sent(cast, ids, path, method, act)


def sent(cast: Cast, ids: dict[str, str], path: str, method: str, act: Act) -> tuple[Any, int, Any]:
    """The same where what it needs has happened."""
    who = (
        rest_client.client()
        if act.by == "nobody"
        else cast.rest
        if act.by == "key"
        else cast.people[act.by].rest
    )
    words = act.words or {"verb": "play", "wish": "stop"}
    body = with_ids(act.body, ids)
    send = getattr(who, method)
    answer = send(filled(path, ids, words), body) if body is not None else send(filled(path, ids, words))
    return body, answer.status_code, json.loads(answer.content) if answer.content else None


def unlike(
    document: dict[str, Any], operation: dict[str, Any], name: str, request: Any, status: int, answer: Any
) -> list[str]:
    """How a request or an answer differs from what the document says of it."""
    said = operation["responses"].get(str(status))
    if said is None:
        return [f"{name}: {status} is not in the document"]
    pairs = [(said.get("content", {}).get("application/json"), answer)]
    pairs.append((operation.get("requestBody", {}).get("content", {}).get("application/json"), request))
    found = []
    for content, value in pairs:
        if content is None or value is None:
            continue
        schema = {**content["schema"], "components": document["components"]}
        for error in jsonschema.Draft202012Validator(schema).iter_errors(value):
            found.append(f"{name}: {error.json_path}: {error.message[:200]}")
        unknown = set(value) - told(document, content["schema"])
        if unknown and isinstance(value, dict):
            found.append(f"{name}: {sorted(unknown)} are not in the document")
    return found


def told(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    """The names of an object's fields, through `$ref` and `oneOf`."""
    if "$ref" in schema:
        return told(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    parts = [*schema.get("oneOf", []), *schema.get("allOf", []), *schema.get("anyOf", [])]
    return set(schema.get("properties", {})).union(*(told(document, part) for part in parts))


def shapes(examples: dict[str, Any]) -> dict[str, Any]:
    """The examples without their values."""
    return {
        name: {part: sorted(value) if isinstance(value, dict) else None for part, value in example.items()}
        for name, example in examples.items()
    }


@pytest.mark.parametrize("verb", operation_params.VERBS)
def test_the_fields_of_an_operation_are_those_that_are_read(document: dict[str, Any], verb: str) -> None:
    form = Params({})
    with contextlib.suppress(InvalidParams):
        operation_params.read(verb, form)
    assert set(document["components"]["schemas"][verb.title()]["properties"]) == form.asked | {"leg"}
