"""Each action of staff has words in the audit log, in the viewer's language, and is found by them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from calling import models
from calling.calls.event_types import TYPES
from calling.dashboard.audit_words import ACTIONS
from calling.dashboard.event_words import event_in_words
from calling.dashboard.pages.live import ACTIONS as CALL_ACTIONS
from calling.dashboard.pages.resources import KINDS
from tests.dashboard.test_staff_pages_open import signed_in

COOKIE = settings.LANGUAGE_COOKIE_NAME
ROOT = Path(__file__).resolve().parents[2] / "calling"
# The action of a call that notes one: its first text with a dot, or the second of a choice.
NOTED = re.compile(
    r'(?:record|note)\(\s*request,[^"]*?"([a-z_]+(?:\.[a-z_]+)?)"(?: if [^"]*? else "([a-z_.]+)")?'
)
OTHERS = re.compile(r'(?:action=|note\(|ASKED, DONE = )"([a-z_]+\.[a-z_]+)"(?:, "([a-z_]+\.[a-z_]+)")?')


def written() -> set[str]:
    found: set[str] = set()
    for path in [*ROOT.glob("dashboard/**/*.py"), *ROOT.glob("retention/*.py")]:
        text = path.read_text()
        for pattern in (NOTED, OTHERS):
            found |= {each for hit in pattern.findall(text) for each in hit if each}
    kinds = (kind.removesuffix("s") for kind in KINDS)
    found |= {f"{kind}.{verb}" for kind in kinds for verb in ("create", "change", "delete")}
    return found | {f"call.{verb}" for verb in CALL_ACTIONS}


def test_every_action_in_the_code_has_words():
    found = written()
    assert {"login", "login.failed", "room.lock", "room.unlock", "call.delete", "subscriber.erased"} <= found
    assert found - set(ACTIONS) == set()


def test_an_action_is_read_and_found_in_words(world):
    olga = signed_in(world, "olga")
    for action, detail in (
        ("staff.role", {"role": "owner"}),
        ("webhook.test", {"said": "A test is on its way."}),
    ):
        models.StaffAction.objects.create(
            project=world.project, name="olga", action=action, subject="gus", detail=detail
        )
    text = olga.get("/dashboard/audit?q=somebody's role").content.decode()
    assert "Changed somebody&#x27;s role" in text and "role: owner" in text and "Sent a test" not in text
    olga.cookies[COOKIE] = "de"
    text = olga.get("/dashboard/audit").content.decode()
    assert "A test is on its way." not in text and "Ein Test ist unterwegs." in text


@pytest.mark.parametrize(
    ("language", "name"), [("en", "Passkey 1"), ("de", "Passkey 1"), ("es", "Llave de acceso 1")]
)
def test_a_passkey_without_a_name_is_named_in_the_language_of_who_adds_it(world, monkeypatch, language, name):
    from calling.dashboard.pages import passkeys as pages

    olga = signed_in(world, "olga")
    given: list[str] = []
    monkeypatch.setattr(pages, "recently", lambda request: True)
    monkeypatch.setattr(pages.passkeys, "register", lambda request, user, name, text: given.append(name))
    olga.cookies[COOKIE] = language
    olga.post("/dashboard/sign-in/passkeys", {"name": " ", "credential": "{}"})
    assert given == [name]


def test_every_type_of_event_has_words():
    assert [type for type in TYPES if not event_in_words(type)] == []


def test_a_line_about_a_call_names_its_parties(world):
    for call in (world.calls["live"], world.calls["foreign"]):
        models.StaffAction.objects.create(
            project=world.project, name="olga", action="call.hold", subject=str(call.pk)
        )
    text = signed_in(world, "olga").get("/dashboard/audit").content.decode()
    assert "Alice → Bob" in text
    assert "mallory" not in text.lower(), "a call of another project has no names here"
