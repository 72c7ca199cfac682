"""OpenID Connect: whom an identity signs in, whom it does not, and answers that are not the issuer's."""

from __future__ import annotations

import base64
import hashlib
import time

import flask
import pytest
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from calling.dashboard import issuer_requests
from calling.models import StaffAction, StaffRole
from tests.dashboard.issuer import CLIENT, running
from tests.dashboard.test_signing_in_needs_the_second_factor import code_of, sign_in, with_factor
from tests.dashboard.test_staff_create_without_a_terminal import invited

START, BACK, OWN = "/dashboard/login/identity", "/dashboard/login/identity/returned", "/dashboard/sign-in"
VERA = "vera-at-the-issuer"


@pytest.fixture
def issuer(settings, world):
    with running() as one:
        settings.CALLWRIGHT_OIDC_ISSUER = one.url
        settings.CALLWRIGHT_OIDC_CLIENT_ID = CLIENT
        settings.CALLWRIGHT_OIDC_CLIENT_SECRET = "not a secret here"
        settings.CALLWRIGHT_OIDC_NAME = "Example ID"
        one.person(VERA, preferred_username="vera", email="vera@example.com", email_verified=True)
        yield one


def begun(client: Client, path: str = START, **form: str) -> str:
    """The address at the issuer to which the page goes on."""
    answer = client.post(path, form)
    assert answer.status_code == 200, answer.content
    assert answer.context["address"] in answer.content.decode().replace("&amp;", "&")
    return answer.context["address"]


def by_identity(issuer, client: Client, sub: str = VERA, **form: str):
    return client.get(issuer.authorize(begun(client, **form), sub))


def linked(issuer, name: str = "vera", sub: str = VERA) -> Client:
    """That person has signed in with the password and linked the identity."""
    client = Client()
    sign_in(client, name)
    assert client.get(issuer.authorize(begun(client, "/dashboard/sign-in/identities"), sub)).url == OWN
    return client


def words(answer) -> str:
    return answer.content.decode()


def test_without_an_issuer_there_is_no_such_way(world):
    client = Client()
    assert "Continue with" not in words(client.get("/dashboard/login"))
    assert client.post(START).status_code == 404 and client.get(BACK).status_code == 404


def test_a_browser_links_an_identity_and_comes_back_by_it(page, live_server, issuer, world):
    page.goto(f"{live_server.url}/dashboard/login?next={OWN}")
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill("a long enough password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Link my identity").click()
    page.get_by_placeholder("sub").fill(VERA)
    page.get_by_role("button", name="Authorize").click()
    page.get_by_text("You can sign in as vera@example.com from now on.").wait_for()
    page.locator("details.me summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto(live_server.url + "/dashboard/calls")
    page.get_by_role("button", name="Continue with Example ID").click()
    page.get_by_role("button", name=VERA).click()
    page.get_by_role("heading", name="Search calls").wait_for()
    lines = list(StaffAction.objects.filter(name="vera").order_by("pk").values_list("action", "detail"))
    assert lines[-1] == ("login", {"with": "identity"})
    assert ("identity.link", {"name": "vera@example.com"}) in lines


def test_an_identity_that_nobody_linked_opens_nothing(issuer, world):
    """Though its name and its verified email address are those of an account."""
    User.objects.filter(username="vera").update(email="vera@example.com")
    people, client = User.objects.count(), Client()
    answer = by_identity(issuer, client)
    assert answer.status_code == 403 and "Nobody here has linked this identity" in words(answer)
    assert client.get("/dashboard/").status_code == 302
    assert User.objects.count() == people and not SocialAccount.objects.exists()


def test_the_second_factor_is_asked_for_all_the_same(issuer, world):
    linked(issuer)
    secret, client = with_factor(world), Client()
    assert by_identity(issuer, client, next="/dashboard/calls").url == "/dashboard/login/code"
    assert client.get("/dashboard/").status_code == 302
    assert client.post("/dashboard/login/code", {"code": code_of(secret)}).url == "/dashboard/calls"
    assert StaffAction.objects.filter(action="login").latest("pk").detail == {"with": "identity"}


def test_the_session_becomes_another_one(issuer, world):
    linked(issuer)
    client = Client()
    address = begun(client)
    before = client.session.session_key
    assert client.get(issuer.authorize(address)).status_code == 302
    assert before and client.session.session_key != before


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:1"]
)
def test_it_leads_only_inside(issuer, world, target):
    linked(issuer)
    assert by_identity(issuer, Client(), next=target).url == "/dashboard/"


def test_an_account_without_a_role_sees_nothing(issuer, world):
    linked(issuer)
    StaffRole.objects.filter(user=world.people["vera"]).delete()
    client = Client()
    assert by_identity(issuer, client).status_code == 302
    assert client.get("/dashboard/").status_code == 403
    User.objects.filter(username="vera").update(is_active=False)
    assert by_identity(issuer, Client()).status_code == 403


# --- invitations --------------------------------------------------------------------------------------


def test_an_invitation_makes_an_account_without_a_password(issuer, world):
    link, client = invited(world, "operator"), Client()
    assert "Join with Example ID" in words(client.get(link))
    address = begun(client, link + "/identity")
    assert link.rpartition("/")[2] not in address, "the issuer does not learn the invitation"
    assert client.get(issuer.authorize(address)).url == "/dashboard/"
    user = User.objects.get(username="vera-2")
    assert not user.has_usable_password() and StaffRole.objects.get(user=user).role == "operator"
    assert by_identity(issuer, Client()).url == "/dashboard/", "and it signs in from then on"
    assert Client().get(link).status_code == 404, "the link is used up"
    unlink = reverse("dashboard:identity_unlink", args=[SocialAccount.objects.get().pk])
    assert "This is the only way in" in words(client.post(unlink, follow=True))


def test_who_is_known_already_joins_with_the_account_they_have(issuer, world):
    linked(issuer)
    link, client, people = invited(world, "owner"), Client(), User.objects.count()
    assert client.get(issuer.authorize(begun(client, link + "/identity"))).url == link
    client.post(link)
    assert StaffRole.objects.get(user=world.people["vera"]).role == "owner"
    assert User.objects.count() == people


def test_an_invitation_that_was_used_meanwhile_lets_nobody_in(issuer, world):
    link, client = invited(world, "operator"), Client()
    address = begun(client, link + "/identity")
    Client().post(link, {"username": "nina", "password": "a long enough password"})
    people = User.objects.count()
    assert client.get(issuer.authorize(address)).status_code == 403
    assert User.objects.count() == people and not SocialAccount.objects.exists()
    assert Client().post("/dashboard/join/made-up/identity").status_code == 404


# --- linking ------------------------------------------------------------------------------------------


def test_who_signed_in_long_ago_links_none(issuer, world):
    client = Client()
    client.force_login(world.people["vera"])
    assert client.post("/dashboard/sign-in/identities").url == OWN


def test_an_identity_belongs_to_one_account(issuer, world):
    linked(issuer)
    mallory = linked(issuer, "otto")
    assert "linked to another account already" in words(mallory.get(OWN))
    assert SocialAccount.objects.get().user == world.people["vera"]
    unlink = reverse("dashboard:identity_unlink", args=[SocialAccount.objects.get().pk])
    assert mallory.post(unlink).status_code == 404


def test_it_is_linked_to_who_began(issuer, world):
    client = Client()
    sign_in(client, "vera")
    back = issuer.authorize(begun(client, "/dashboard/sign-in/identities"))
    for name in ("", "otto"):
        other = Client()
        other.cookies["sessionid"] = client.cookies["sessionid"].value
        client.post("/dashboard/logout")
        if name:
            sign_in(other, name)
        other.get(back)
        assert not SocialAccount.objects.exists()


def test_it_is_unlinked(issuer, world):
    client = linked(issuer)
    unlink = reverse("dashboard:identity_unlink", args=[SocialAccount.objects.get().pk])
    assert "Unlink vera@example.com?" in words(client.get(unlink))
    client.post(unlink)
    assert by_identity(issuer, Client()).status_code == 403
    assert StaffAction.objects.latest("pk").action == "login.failed"


# --- what is not the issuer's answer to this browser --------------------------------------------------


def test_sign_in_begins_by_a_form_of_ours_alone(issuer, world):
    assert Client().get(START).status_code == 405
    assert Client(enforce_csrf_checks=True).post(START).status_code == 403


def test_a_state_is_good_once_and_in_its_own_browser(issuer, world):
    linked(issuer)
    client = Client()
    back = issuer.authorize(begun(client))
    assert Client().get(back).status_code == 403, "as if mallory sent vera her own link"
    assert client.get(back).status_code == 302
    client.post("/dashboard/logout")
    assert client.get(back).status_code == 403
    assert Client().get(BACK).status_code == 403
    assert Client().get(BACK + "?code=x&state=" + "s" * 5000).status_code == 403


def test_a_code_of_another_sign_in_is_refused_by_its_nonce(issuer, world):
    """mallory has a code of vera's, and puts it into a sign-in of her own."""
    linked(issuer)
    code = issuer.authorize(begun(Client())).partition("code=")[2].partition("&")[0]
    mallory = Client()
    state = begun(mallory).partition("state=")[2].partition("&")[0]
    assert mallory.get(f"{BACK}?code={code}&state={state}").status_code == 403
    assert mallory.get("/dashboard/").status_code == 302


def test_the_code_is_redeemed_with_the_proof_that_was_announced(issuer, world):
    linked(issuer)
    issuer.asked.clear()
    by_identity(issuer, Client())
    sent, redeemed = dict(issuer.asked)["/oauth2/authorize"], dict(issuer.asked)["/oauth2/token"]
    proof = hashlib.sha256(redeemed["code_verifier"].encode()).digest()
    assert sent["code_challenge_method"] == "S256"
    assert sent["code_challenge"] == base64.urlsafe_b64encode(proof).decode().rstrip("=")
    assert redeemed["client_secret"] == "not a secret here" and len(sent["nonce"]) >= 24


FORGED = {
    "another person, the old signature": (lambda claims: {**claims, "sub": "root"}, None, ""),
    "another key": (lambda claims: claims, "own", "RS256"),
    "no signature": (lambda claims: claims, None, "none"),
    "the client's secret as the key": (lambda claims: claims, "not a secret here" * 2, "HS256"),
}
CLAIMS = {
    "another issuer": {"iss": "https://evil.example"},
    "another client": {"aud": "somebody-else"},
    "made for another client": {"azp": "somebody-else"},
    "another nonce": {"nonce": "x" * 32},
    "no nonce": {"nonce": None},
    "over": {"exp": 1_700_000_000},
    "of the future": {"iat": 4_000_000_000},
    "nobody": {"sub": ""},
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_token_is_refused(issuer, world, kind):
    linked(issuer)
    change, key, algorithm = FORGED[kind]
    if key == "own":
        key = rsa.generate_private_key(65537, 2048)
    issuer.spoil_token(change, key, algorithm or "RS256")
    refused = by_identity(issuer, Client())
    assert refused.status_code == 403 and "was not accepted" in words(refused)
    assert issuer.spoilt == ["/oauth2/token"]


@pytest.mark.parametrize("kind", CLAIMS)
def test_a_token_that_is_signed_but_not_for_this_sign_in_is_refused(issuer, world, kind):
    """With the issuer's own key: what another client of it, or an old sign-in, would get."""
    linked(issuer)
    key = issuer.signing_key().key
    issuer.spoil_token(lambda claims: claims, key)
    assert by_identity(issuer, Client()).status_code == 302, "the key is the right one"
    issuer.spoil_token(lambda claims: {**claims, **CLAIMS[kind]}, key)
    assert by_identity(issuer, Client()).status_code == 403
    assert issuer.spoilt == ["/oauth2/token"] * 2


def test_the_subject_of_another_issuer_is_somebody_else(issuer, world, settings):
    linked(issuer)
    with running() as other:
        settings.CALLWRIGHT_OIDC_ISSUER = other.url
        assert by_identity(other, Client()).status_code == 403


def test_a_document_of_another_issuer_is_refused(issuer, world):
    issuer.spoil_document(issuer="https://evil.example")
    answer = Client().post(START)
    assert answer.status_code == 502 and "cannot be reached now" in words(answer)


def test_an_answer_that_names_another_issuer_is_refused(issuer, world):
    linked(issuer)
    client = Client()
    back = issuer.authorize(begun(client))
    assert client.get(back + "&iss=https://evil.example").status_code == 403


def test_who_declines_there_is_told_so(issuer, world):
    client = Client()
    answer = client.get(issuer.authorize(begun(client), action="deny"))
    assert answer.status_code == 403


def other_kind(kind: str, response: flask.Response) -> flask.Response:
    if kind == "large":
        response.set_data(b'{"pad": "' + b"x" * 600_000 + b'"}')
    elif kind == "elsewhere":
        response.status_code, response.headers["Location"] = 302, "http://127.0.0.1:1/"
    elif kind == "slow":
        time.sleep(2)
    elif kind == "no JSON":
        response.set_data(b"<html>")
    elif kind == "a list":
        response.set_data(b"[1]")
    else:
        response.status_code = 500
    return response


@pytest.mark.parametrize("kind", ["large", "elsewhere", "slow", "no JSON", "a list", "500"])
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/oauth2/token", "/jwks"])
@pytest.mark.sample(6)
def test_an_issuer_that_misbehaves_signs_in_nobody(issuer, world, monkeypatch, kind, path):
    linked(issuer)
    monkeypatch.setattr(issuer_requests, "SECONDS", 1.0)
    client = Client()
    back = issuer.authorize(begun(client))
    issuer.spoil[path] = lambda response: other_kind(kind, response)
    assert client.get(back).status_code == 403
    assert client.get("/dashboard/").status_code == 302
    assert issuer.spoilt == [path] or kind == "slow"


def test_what_its_document_names_inside_a_private_network_is_not_asked(issuer, world, settings):
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = False
    linked(issuer)
    with running() as inside:
        client = Client()
        back = issuer.authorize(begun(client))
        issuer.spoil_document(token_endpoint=inside.url + "/oauth2/token")
        assert client.get(back).status_code == 403
        assert inside.asked == []


def test_both_ends_of_the_way_are_limited(issuer, world):
    linked(issuer)
    client = Client(REMOTE_ADDR="198.51.100.7")
    statuses = [client.get(BACK + "?state=x&code=x").status_code for _ in range(25)]
    assert statuses[0] == 403 and statuses[-1] == 429
    sent = [Client(REMOTE_ADDR="198.51.100.8").post(START).status_code for _ in range(31)]
    assert sent[0] == 200 and sent[-1] == 429
    assert StaffAction.objects.filter(action="login.failed").count() == 1
    assert sign_in(client).status_code == 302, "the password has limits of its own"
