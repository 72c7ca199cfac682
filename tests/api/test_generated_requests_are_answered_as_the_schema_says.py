"""Requests made from our own schema, right and wrong ones: no 500, no status, type or body that is not in it.

Per operation so many examples. Where a path names one of a list, three of four requests name one that the
list has: there is a live call, and one resource of each kind.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support import fake_worker, people

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
OURS = "/api/"
NAMED = re.compile(r"^(?P<list>[^{]+)/\{(?P<name>\w+)\}")
RESOURCES: dict[str, dict[str, Any]] = {
    "conference_rooms": {"name": "standup"},
    "sip_endpoints": {"username": "alice-desk", "password": "long enough for a test"},
    "sip_gateways": {"name": "carrier", "uri": "sip.example.com"},
    "subscribers": {"email": "dave@example.com", "password": "long enough for a test"},
    "swml_scripts": {"name": "hello", "contents": '{"version": "1.0.0", "sections": {"main": ["hangup"]}}'},
}


@pytest.mark.family
@pytest.mark.timeout(3 * 3600)
def test_no_generated_request_breaks_the_schema(
    transactional_db: None, cast: people.Cast, seed: int, figure: Callable[[int, int], int]
) -> None:
    fake_worker.talking(cast)
    for kind, body in RESOURCES.items():
        made = cast.rest.post(f"/api/fabric/resources/{kind}", body)
        assert made.status_code == 201, (kind, made.content)
    key = cast.rest._credentials["HTTP_AUTHORIZATION"]
    schema = schemathesis.openapi.from_wsgi("/api/schema", WSGIHandler())
    each, statuses = figure(4, 60), Counter[int]()
    broken: list[str] = []
    rng = random.Random(seed)

    def known(path: str) -> tuple[str, str] | None:
        """The first named part of the path, and the id of something that exists there."""
        named = NAMED.match(path)
        found = cast.rest.get(named["list"]) if named else None
        listed = found.json().get("data") if found is not None and found.status_code == 200 else None
        return (named["name"], listed[0]["id"]) if named and listed and "id" in listed[0] else None

    def tried(operation: Any) -> None:
        there = known(operation.path)

        @seeded(seed)
        @settings(
            max_examples=each,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            if there is not None and rng.random() < 0.75:
                case.path_parameters[there[0]] = there[1]
            answer = case.call(headers={"Authorization": key})
            statuses[answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        check()

    operations = [found.ok() for found in schema.get_all_operations()]
    ours = [each for each in operations if each.path.startswith(OURS)]
    for operation in ours:
        try:
            tried(operation)
        except (Exception, BaseExceptionGroup) as why:
            broken.append(f"{operation.method.upper()} {operation.path}: {why}"[:1500])
    print(f"{len(ours)} operations, {sum(statuses.values())} requests: {dict(sorted(statuses.items()))}")
    assert len(ours) > 60
    assert not broken, "\n\n".join(broken)
