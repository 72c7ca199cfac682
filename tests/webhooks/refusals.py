"""What every path of docs/contract.md#webhooks answers to the wrong people."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.support import rest_client
from tests.support.people import Cast


def to_strangers(cast: Cast, mallory: Cast, method: str, path: str, body: Any = None) -> None:
    """401 without a key, 403 with a device's token, and 404 for an id of another project or of nothing.

    `path` holds `{id}` where an endpoint is named, filled in by the caller's `cast.hook`.
    """
    for name, status, rest in (
        ("nobody", 401, rest_client.client()),
        ("alice", 403, cast.alice.rest),
        ("gus", 403, cast.gus.rest),
    ):
        assert getattr(rest, method)(path, body).status_code == status, name
    if "webhooks/" in path:
        rest_client.error_of(getattr(mallory.rest, method)(path, body), 404)
        for nothing in (str(uuid4()), "not-an-id"):
            parts = path.split("/")
            parts[3] = nothing
            rest_client.error_of(getattr(cast.rest, method)("/".join(parts), body), 404)
