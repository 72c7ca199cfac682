"""REST clients with one set of credentials, and the shape of every error."""

from __future__ import annotations

import base64
import json
from typing import Any

from django.test import Client
from rest_framework.test import APIClient


class Api:
    """A JSON client with one set of credentials; answers are Django's test responses."""

    def __init__(self, authorization: str | None = None, client: Client | None = None) -> None:
        self.client = client or Client(raise_request_exception=True)
        # One id for all, so that whole answers can be compared: errors name it.
        self.headers = {"X-Request-Id": "of-a-test"}
        if authorization:
            self.headers["Authorization"] = authorization

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        data = "" if body is None else body if isinstance(body, str | bytes) else json.dumps(body)
        return self.client.generic(
            method,
            path,
            data,
            content_type="application/json",
            headers={**self.headers, **(headers or {})},
        )

    def get(self, path: str, **more: Any) -> Any:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.call("POST", path, {} if body is None else body, **more)

    def put(self, path: str, body: Any, **more: Any) -> Any:
        return self.call("PUT", path, body, **more)

    def patch(self, path: str, body: Any, **more: Any) -> Any:
        return self.call("PATCH", path, body, **more)

    def delete(self, path: str, **more: Any) -> Any:
        return self.call("DELETE", path, **more)


def basic(project_id: object, token: str) -> str:
    return "Basic " + base64.b64encode(f"{project_id}:{token}".encode()).decode()


def client(authorization: str | None = None) -> APIClient:
    made = APIClient(raise_request_exception=False)
    if authorization:
        made.credentials(HTTP_AUTHORIZATION=authorization)
    made.default_format = "json"
    return made


def bearer(token: str) -> Api:
    return Api(f"Bearer {token}")


def errors(response: Any) -> list[dict[str, Any]]:
    """The errors of an answer, after checking that each has the shape of docs/contract.md#errors."""
    listed = response.json()["errors"]
    assert listed
    for error in listed:
        assert set(error) == {"type", "code", "message", "attribute", "url", "request_id"}, error
        assert error["message"]
    return list(listed)


def code(response: Any) -> tuple[int, str, str | None]:
    """(status, code, attribute) of the first error."""
    first = errors(response)[0]
    return response.status_code, first["code"], first["attribute"]


def error_of(answer: Any, status: int) -> dict[str, Any]:
    """The first error of an answer in the shape of docs/contract.md#errors."""
    assert answer.status_code == status, (answer.status_code, answer.content)
    found: dict[str, Any] = answer.json()["errors"][0]
    assert set(found) == {"type", "code", "message", "attribute", "url", "request_id"}
    return found
