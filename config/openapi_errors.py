"""What the OpenAPI document says of refusals: every operation can be refused in the same ways
(docs/contract.md#errors). Pure.

A hook of drf-spectacular, so that no view has to repeat it; what a view says itself stays.
"""

from __future__ import annotations

from typing import Any, Final

SHAPE: Final = {"$ref": "#/components/schemas/Errors"}
ALWAYS: Final = {
    "400": "the request cannot be understood",
    "401": "no or wrong credentials",
    "403": "these credentials do not permit it",
    "404": "it does not exist in this project",
    "422": "a field or parameter is wrong; `attribute` names it",
    "429": "too many requests; see Retry-After",
    "503": "a service is unavailable; see Retry-After",
}
WITH_BODY: Final = {
    "409": "not allowed in the present state, which the message names",
    "413": "the body is larger than 256 kB",
    "415": "the body is not `application/json`",
}
_BODY_METHODS: Final = frozenset({"post", "put", "patch"})
_METHODS: Final = _BODY_METHODS | {"get", "delete"}


def add(result: dict[str, Any], generator: object, request: object, public: bool) -> dict[str, Any]:
    """The document with the refusals that the views did not mention."""
    for path, methods in result["paths"].items():
        if not path.startswith("/api/"):
            continue
        for method, operation in methods.items():
            if method not in _METHODS:
                continue
            said = operation.setdefault("responses", {})
            for status, words in (ALWAYS | (WITH_BODY if method in _BODY_METHODS else {})).items():
                body = {"application/json": {"schema": SHAPE}}
                said.setdefault(status, {"description": words, "content": body})
    return result
