"""`GET /api/schema` lists every path of the switchboard."""

from __future__ import annotations

import yaml

from calling.api import commands, operations
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
