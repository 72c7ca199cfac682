"""`GET /api/schema` lists every path of the switchboard."""

from __future__ import annotations

import yaml

from calling.api import commands, operations
from rest import known_names
from tests.support import rest_client


def test_every_path_is_described(db):
    answer = rest_client.client().get("/api/schema")
    assert answer.status_code == 200
    paths = yaml.safe_load(answer.content)["paths"]
    wanted = {"/api/calls", "/api/calls/{call_id}", "/api/events", "/api/recordings", "/api/rooms/{name}"}
    wanted |= {f"/api/calls/{{call_id}}/{verb}" for verb in (*commands.VIEWS, *operations.VIEWS)}
    assert wanted <= set(paths)
    dial = paths["/api/calls"]["post"]
    everywhere = {"400", "401", "403", "404", "422", "429", "503"}
    for path, methods in paths.items():
        for method in {"get", "post", "put", "patch", "delete"} & set(methods):
            assert not path.startswith("/api/") or everywhere <= set(methods[method]["responses"]), path
    assert {"201", "401", "403", "404", "409", "422", "429", "503"} <= set(dial["responses"])


def test_a_body_that_refuses_unknown_fields_says_so_and_no_other(db):
    """`test_unknown_names_are_refused` asks the paths themselves."""
    document = yaml.safe_load(rest_client.client().get("/api/schema").content)
    schemas = document["components"]["schemas"]
    closed, opened = set(), set()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if "requestBody" not in operation:
                continue
            name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[
                2
            ]
            (closed if known_names.is_native(path) else opened).add(name)
    assert len(closed) > 25 and len(opened) > 20 and not closed & opened
    assert {name for name in closed | opened if schemas[name].get("additionalProperties") is False} == closed
