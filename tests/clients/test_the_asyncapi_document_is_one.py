"""`/api/asyncapi` is as AsyncAPI's own schema of version 3 says (npm's `@asyncapi/specs`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from bench.instance import Instance
from tests.clients.conftest import HERE, fetch

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timing, pytest.mark.timeout(600)]


def test_the_document(running: Instance, npm_programs: Path) -> None:
    schema = json.loads(
        (HERE / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json").read_text()
    )
    document = json.loads(fetch(f"{running.url}/api/asyncapi"))
    assert document["servers"]["instance"]["host"] == running.url.partition("//")[2]
    faults = [
        f"{list(each.path)}: {each.message[:300]}" for each in Draft7Validator(schema).iter_errors(document)
    ]
    assert faults == []
    del document["channels"]["phone"]["messages"]["tell.pong"]["payload"]
    document["channels"]["phone"]["bogus"] = 1
    assert list(Draft7Validator(schema).iter_errors(document))  # it can refuse
