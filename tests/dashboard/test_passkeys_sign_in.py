"""Passkeys, with Chromium's virtual authenticator: made, named, used, removed, and never somebody else's."""

from __future__ import annotations

import json

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from calling.dashboard import passkeys
from calling.models import StaffAction
from tests.dashboard.test_signing_in_needs_the_second_factor import sign_in, with_factor

PASSWORD = "a long enough password"
SIGN_IN = "/dashboard/sign-in"


class Key:
    """A security key plugged into the page's browser."""

    def __init__(self, page) -> None:
        self.page, self.devtools = page, page.context.new_cdp_session(page)
        self.devtools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
        }
        added = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.id = added["authenticatorId"]

    def credentials(self) -> list[dict]:
        found = self.devtools.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return found["credentials"]

    def verifies(self, right: bool) -> None:
        values = {"authenticatorId": self.id, "isUserVerified": right}
        self.devtools.send("WebAuthn.setUserVerified", values)


@pytest.fixture
def key(page):
    return Key(page)


@pytest.fixture
def registered(page, live_server, world, key):
    """vera has signed in with her password and has a passkey "Laptop"; the page is signed out again."""
    by_password(page, live_server)
    add(page, live_server, "Laptop")
    sign_out(page)
    return key


def by_password(page, live_server, name: str = "vera", next_: str = SIGN_IN) -> None:
    page.goto(f"{live_server.url}/dashboard/login?next={next_}")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def add(page, live_server, name: str) -> None:
    page.goto(live_server.url + SIGN_IN)
    page.get_by_label("Name of a new passkey").fill(name)
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_text(f"You can sign in with {name} from now on.").wait_for()


def sign_out(page) -> None:
    page.locator("details.me summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()


def use(page) -> None:
    page.get_by_role("button", name="Use a passkey").click()


HELD_BACK = """() => new Promise((done) => {
  HTMLFormElement.prototype.submit = function () { done(this.elements.credential.value); };
  document.querySelector("[data-passkey] button").click();
})"""


def answer_of(page) -> dict:
    """What the browser would send, held back; the form stays where it is."""
    return json.loads(page.evaluate(HELD_BACK))


def send(page, live_server, answer: dict | str):
    """Posts it with the page's own session and token, as somebody with a console would."""
    token = page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    text = answer if isinstance(answer, str) else json.dumps(answer)
    form = {"credential": text, "csrfmiddlewaretoken": token}
    return page.request.post(live_server.url + "/dashboard/login/passkey", form=form, max_redirects=0)


def test_a_passkey_signs_in_without_a_name(page, live_server, registered, world):
    page.goto(live_server.url + "/dashboard/calls")
    before = session_of(page)
    use(page)
    page.get_by_role("heading", name="Search calls").wait_for()
    assert session_of(page) not in (None, before), "the session is another one"
    line = StaffAction.objects.filter(action="login", name="vera").latest("pk")
    assert line.detail == {"with": "passkey"} and line.project == world.project
    assert Authenticator.objects.get().last_used_at is not None


def session_of(page) -> str | None:
    found = (one["value"] for one in page.context.cookies() if one["name"] == "sessionid")
    return next(found, None)


def test_it_stands_for_the_code_too(page, live_server, registered, world):
    with_factor(world)
    by_password(page, live_server, next_="/dashboard/calls")
    page.get_by_role("heading", name="Second factor").wait_for()
    use(page)
    page.get_by_role("heading", name="Search calls").wait_for()


def test_it_is_renamed_and_removed(page, live_server, registered):
    page.goto(live_server.url + SIGN_IN)
    use(page)
    page.get_by_label("Name of Laptop").fill("Old laptop")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("link", name="Remove Old laptop").click()
    page.get_by_role("button", name="Remove").click()
    page.get_by_text("The passkey was removed.").wait_for()
    sign_out(page)
    use(page)
    page.get_by_text("No passkey of an account here was given.").wait_for()
    done = StaffAction.objects.filter(action__startswith="passkey").values_list("action", "detail__name")
    assert list(done.order_by("pk")) == [
        ("passkey.add", "Laptop"),
        ("passkey.rename", "Old laptop"),
        ("passkey.remove", "Old laptop"),
    ]


def test_one_that_does_not_know_its_person_opens_nothing(page, live_server, registered):
    registered.verifies(False)
    use(page)
    page.get_by_text("No passkey was given, or it took too long.").wait_for()


def test_an_answer_is_good_once_and_in_its_own_session(page, live_server, registered, browser):
    answer = answer_of(page)
    other = browser.new_context().new_page()
    other.goto(live_server.url + "/dashboard/login")
    assert send(other, live_server, answer).status == 403, "another session asked nothing"
    other.context.close()
    assert send(page, live_server, answer).status == 302
    page.context.clear_cookies(name="sessionid")
    page.goto(live_server.url + "/dashboard/login")
    assert send(page, live_server, answer).status == 403


def test_a_wrong_answer_uses_the_challenge_up(page, live_server, registered):
    answer = answer_of(page)
    assert send(page, live_server, "{}").status == 403
    assert send(page, live_server, answer).status == 403


def test_whoever_names_another_account_is_refused(page, live_server, registered, world):
    """otto's number in vera's answer: her key's signature says nothing of him."""
    from allauth.account.utils import user_pk_to_url_str
    from fido2.utils import websafe_encode

    answer = answer_of(page)
    answer["response"]["userHandle"] = websafe_encode(user_pk_to_url_str(world.people["otto"]).encode())
    assert send(page, live_server, answer).status == 403


PARTS = ("signature", "authenticatorData", "clientDataJSON", "userHandle", "id", "rawId", "response", "deep")


def test_a_damaged_answer_is_refused_in_words(page, live_server, registered):
    for part in PARTS:
        page.goto(live_server.url + "/dashboard/login")
        refused = send(page, live_server, damaged(answer_of(page), part))
        assert refused.status == 403, part
        assert "No passkey of an account here was given." in refused.text(), part


def damaged(answer: dict, part: str) -> dict | str:
    if part == "deep":
        return "[" * 8000 + "]" * 8000
    if part not in answer["response"]:
        return {**answer, part: 7}
    text = answer["response"][part]
    changed = ("A" if text[0] != "A" else "B") + text[1:]
    return {**answer, "response": {**answer["response"], part: changed}}


def test_an_old_challenge_is_over(page, live_server, registered, monkeypatch):
    answer = answer_of(page)
    monkeypatch.setattr(passkeys, "CHALLENGE_SECONDS", -1)
    assert send(page, live_server, answer).status == 403


def test_who_may_no_longer_sign_in_cannot_by_passkey(page, live_server, registered, world):
    vera = world.people["vera"]
    vera.is_active = False
    vera.save()
    use(page)
    page.get_by_text("No passkey of an account here was given.").wait_for()


def test_it_leads_only_inside(page, live_server, registered):
    page.goto(live_server.url + "/dashboard/login?next=https://evil.example/")
    use(page)
    page.get_by_role("heading", name="Live calls").wait_for()


def test_who_signed_in_long_ago_adds_none(desk, world, key):
    """A session without a sign-in of these minutes: found on a desk, or stolen."""
    page = desk(SIGN_IN, "vera")
    page.get_by_role("link", name="sign in again").wait_for()
    assert page.get_by_role("button", name="Add a passkey").count() == 0
    client = Client()
    client.force_login(world.people["vera"])
    assert client.post("/dashboard/sign-in/passkeys/creation").status_code == 403
    client.post("/dashboard/sign-in/passkeys", {"name": "x", "credential": "{}"})
    assert not Authenticator.objects.exists()


def test_nobody_touches_a_passkey_of_somebody_else(page, live_server, registered, world):
    row = Authenticator.objects.get()
    other = Client()
    sign_in(other, "olga")
    for path in ("rename", "remove"):
        answer = other.post(f"/dashboard/sign-in/passkeys/{row.pk}/{path}", {"name": "mine"})
        assert answer.status_code == 404
    assert "Laptop" not in other.get(SIGN_IN).content.decode()
    assert Authenticator.objects.get().wrap().name == "Laptop"


def test_failures_are_limited_and_noted(world):
    client = Client()
    answers = [client.post("/dashboard/login/passkey", {"credential": "{}"}) for _ in range(31)]
    assert [each.status_code for each in answers] == [403] * 30 + [429]
    assert int(answers[-1]["Retry-After"]) >= 1
    assert [line.detail for line in StaffAction.objects.filter(action="login.failed")] == [
        {"with": "passkey"}
    ]
    assert sign_in(Client()).status_code == 302, "the password has limits of its own"


def test_challenges_are_limited_and_tell_of_nobody(world):
    client = Client()
    asked = client.post("/dashboard/login/passkey/challenge").json()["publicKey"]
    assert asked["userVerification"] == "required" and not asked.get("allowCredentials")
    statuses = [Client().post("/dashboard/login/passkey/challenge").status_code for _ in range(30)]
    assert statuses[-1] == 429


def test_the_last_way_in_stays(page, live_server, registered, world):
    vera = world.people["vera"]
    page.goto(live_server.url + SIGN_IN)
    use(page)
    page.get_by_role("link", name="Remove Laptop").wait_for()
    vera.set_unusable_password()
    vera.save()
    page.context.clear_cookies(name="sessionid")
    page.goto(live_server.url + "/dashboard/login?next=" + SIGN_IN)
    use(page)
    page.get_by_role("link", name="Remove Laptop").click()
    page.get_by_text("This is the only way in to this account.").wait_for()
    assert Authenticator.objects.count() == 1
