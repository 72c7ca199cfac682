"""Every path × verb × identity, with bodies right and wrong: no 500, each error in its one shape with a known
code, each answer with its request id, each rated one with its rate, each list with its links.

The matrix is made from the URLconf; `make test` asks a seeded sample, `make soak` all of it.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

from calling.media.recording.rows import root
from config.error_codes import ERRORS
from tests.api.tenancy import furnish, nothing, templates
from tests.api.test_every_route_keeps_projects_apart import filled, places
from tests.api.test_unknown_names_are_refused import words_of
from tests.support.people import Cast, make_cast, make_mallory
from tests.support.rest_client import Api, basic
from tokens.issue import issue_api_token

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
PAGES = ("api/docs", "api/schema", "api/asyncapi")
API = [each for each in templates() if each.startswith("api/") and each not in PAGES]
BODIES: tuple[Any, ...] = (None, {}, {"colour": 1}, [], "text", {"to": 7, "url": [], "name": {}, "events": 0})
KNOWN = {(status, code) for status, code, _ in ERRORS}
STATUSES = {400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422, 429, 503}
FIELDS = {"type", "code", "message", "attribute", "url", "request_id"}


def identities(cast: Cast) -> dict[str, str | None]:
    """`Authorization` of everybody who may ask."""
    project = cast.project
    mallory = make_mallory()
    return {
        "nobody": None,
        "wrong": basic(project.id, "wrong" * 8),
        "read": basic(project.id, issue_api_token(project, name="r", scopes=["read"])),
        "call": basic(project.id, issue_api_token(project, name="c", scopes=["call"])),
        "admin": basic(project.id, cast.api_token),
        "alice": f"Bearer {cast.alice.token}",
        "gus": f"Bearer {cast.gus.token}",
        "mallory": basic(mallory.project.id, mallory.api_token),
    }


def faults(answer: Any, who: str, method: str) -> list[str]:
    """What of an answer is not as the contract says."""
    found = []
    if answer.headers.get("X-Request-Id") != "of-a-test":
        found.append("no request id")
    known = who not in ("nobody", "wrong")
    # What a route can do is told to everybody; where the route needs no credentials, nothing is rated by it.
    if known and method != "OPTIONS" and answer.status_code < 300 and "RateLimit-Limit" not in answer.headers:
        found.append("no rate")
    if answer.status_code == 401 and not {"RateLimit-Limit", "WWW-Authenticate"} <= set(answer.headers):
        found.append("a 401 without its rate or challenge")
    if answer.status_code in (429, 503) and "Retry-After" not in answer.headers:
        found.append("no Retry-After")
    if answer.status_code == 405 and "Allow" not in answer.headers:
        found.append("no Allow")
    if answer.status_code >= 400 and method != "HEAD":
        found += wrong_errors(answer)
    elif answer.status_code == 200 and "application/json" in answer.headers.get("Content-Type", ""):
        body = answer.json() if answer.content else None
        named = set(body["links"]) if isinstance(body, dict) and "links" in body else None
        if named is not None and not {"self", "first", "next", "prev"} <= named:
            found.append(f"links {named}")
    return found


def wrong_errors(answer: Any) -> list[str]:
    if answer.status_code not in STATUSES:
        return ["status"]
    if "application/json" not in answer.headers.get("Content-Type", ""):
        return ["not JSON"]
    listed = answer.json().get("errors") or [{}]
    wrong = [f"fields {set(each)}" for each in listed if set(each) != FIELDS]
    codes = {(answer.status_code, each.get("code")) for each in listed}
    return wrong + [f"code {each} is not in the table" for each in sorted(codes - KNOWN, key=str)]


@pytest.mark.timeout(1800)
def test_every_answer(db: None, settings: Any, seed: int, figure: Callable[[int, int], int]) -> None:
    settings.CALLWRIGHT_REST_KEY_PER_SECOND = settings.CALLWRIGHT_REST_HOLDER_PER_SECOND = 1_000_000
    cast = make_cast()
    ids = furnish(cast)
    asked_by = identities(cast)
    root().mkdir(parents=True, exist_ok=True)
    (root() / "canary.wav").write_bytes(b"RIFF")
    matrix = [
        (template, words, method, who)
        for template in API
        for words in (words_of(template) if places(template) else [{}])
        for method, who in itertools.product(METHODS, asked_by)
    ]
    dice = random.Random(seed)
    # Whatever deletes comes last, so that there is something to ask about before.
    sample = dice.sample(matrix, min(len(matrix), figure(300, len(matrix))))
    sample.sort(key=lambda each: each[2] == "DELETE")
    wrong: dict[str, str] = {}
    for template, words, method, who in sample:
        path = "/" + filled(template, dice.choice((ids, ids, nothing(ids))), words).lstrip("/")
        body = dice.choice(BODIES) if method not in ("GET", "HEAD", "OPTIONS") else None
        answer = Api(asked_by[who]).call(method, path, body)
        for fault in faults(answer, who, method):
            wrong.setdefault(f"{method} {template} {fault}", f"{who} {words} {body} {answer.status_code}")
    assert wrong == {}
