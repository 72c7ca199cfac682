"""What generators and linters refuse is not in /api/schema: the quick part of `tests/clients`."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from tests.support import rest_client


def test_every_operation_and_webhook_states_its_credentials_and_every_url_is_whole(db: None) -> None:
    document: dict[str, Any] = json.loads(rest_client.client().get("/api/schema?format=json").content)
    known = set(document["components"]["securitySchemes"])
    operations = [
        (f"{method} {path}", each)
        for path, methods in (*document["paths"].items(), *document["webhooks"].items())
        for method, each in methods.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]
    assert len(operations) > 180
    silent = [name for name, each in operations if "security" not in each]
    unknown = [name for name, each in operations for way in each.get("security", []) if set(way) - known]
    assert silent == [] and unknown == []
    contact = document["info"].get("contact", {})
    assert "url" not in contact or urlsplit(contact["url"]).scheme
