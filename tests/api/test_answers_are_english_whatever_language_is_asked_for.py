"""Programs read answers: no header and no cookie of a browser changes their language.

Asked is every path of the URLconf that is no page: REST, SignalWire's paths, SWML's checks, the documents.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from calling.media.recording.rows import root
from tests.api.tenancy import furnish, templates
from tests.api.test_every_route_keeps_projects_apart import filled, words_of
from tests.support.people import make_cast
from tests.support.rest_client import Api

PAGES = ("admin/", "dashboard/", "phone", "static/", "^")
GERMAN = {"Accept-Language": "de-DE,de;q=0.9", "Cookie": "callwright_language=de"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
BODIES: tuple[Any, ...] = (
    {},
    [],
    "{",
    {
        "colour": 1, "to": 5, "name": "", "number": "12", "url": "no", "email": "nobody", "reference": "",
        "contents": {"sections": 1}, "swml": "sections: 3", "events": ["x"], "max_members": "many",
    },
)  # fmt: skip


def answered(api: Api, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, str]:
    """The status and, of a refusal, the text. Nothing that was asked for stays."""
    with transaction.atomic():
        answer = api.call(method, path, None if method == "GET" else body, headers=headers)
        transaction.set_rollback(True)
    kept = answer.status_code >= 400 and not answer.streaming
    return answer.status_code, answer.content.decode() if kept else ""


@pytest.mark.family
def test_no_answer_depends_on_the_language_of_the_client(db: None, settings: Any, seed: int) -> None:
    settings.CALLWRIGHT_REST_KEY_PER_SECOND = settings.CALLWRIGHT_REST_HOLDER_PER_SECOND = 1_000_000
    cast = make_cast()
    ids = furnish(cast)
    root().mkdir(parents=True, exist_ok=True)
    (root() / "canary.wav").write_bytes(b"RIFF")
    api = Api(cast.rest._credentials["HTTP_AUTHORIZATION"], Client(raise_request_exception=False))
    dice, refusals, differing = random.Random(seed), 0, []
    for template in templates():
        if template.startswith(PAGES):
            continue
        path = filled(template, ids, dice.choice(words_of(template)))
        for method in METHODS:
            body = dice.choice(BODIES)
            english = answered(api, method, path, body, {})
            german = answered(api, method, path, body, GERMAN)
            refusals += english[0] >= 400
            if english != german:
                differing.append(f"{method} {path} {body}: {english} {german}")
    assert differing == [] and refusals > 150


def test_a_page_in_german_leaves_the_next_answer_english(db: None) -> None:
    cast = make_cast()
    client = Client()
    page = client.get("/dashboard/login", headers=GERMAN)
    assert "Anmelden" in page.content.decode()
    api = Api(cast.rest._credentials["HTTP_AUTHORIZATION"], client)
    answer = api.post("/api/fabric/resources/subscribers", {"email": "nobody"}, headers=GERMAN)
    assert answer.status_code == 422 and "Must be an email address." in answer.content.decode()


def test_an_answer_names_no_language(db: None) -> None:
    cast = make_cast()
    answer = cast.rest.get("/api/calls", headers=GERMAN)
    assert "Content-Language" not in answer and "language" not in answer.get("Vary", "").lower()
