"""The door: a code where a second factor is on, each code once, and an end to guessing."""

from __future__ import annotations

import hashlib
import io
import time
from urllib.parse import parse_qs, unquote, urlsplit

import av
import numpy as np
import pyotp
import pytest
import zxingcpp
from django.test import Client

from calling import models
from calling.dashboard import second_factor
from subscribers import encryption

PASSWORD = "a long enough password"


def sign_in(client: Client, name: str = "vera", password: str = PASSWORD, **more):
    return client.post("/dashboard/login", {"username": name, "password": password, **more})


def code_of(secret: str, steps: int = 0) -> str:
    """What an authenticator shows now, or some steps of 30 s away."""
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps)


def with_factor(world) -> str:
    """Switches vera's second factor on as she would; the code used for that is used up."""
    client = Client()
    sign_in(client)
    secret = client.get("/dashboard/second-factor").context["enrolment"].secret
    code = code_of(secret, -1)
    client.post("/dashboard/second-factor", {"code": code})
    return secret


def test_codes_are_those_of_rfc_6238(monkeypatch):
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for moment, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        monkeypatch.setattr("clock.time", lambda now=moment: float(now))
        assert second_factor.matching_step(secret, code, 0) == moment // 30
        assert second_factor.matching_step(secret, code, moment // 30) is None
        monkeypatch.setattr("clock.time", lambda now=moment: now + 90.0)
        assert second_factor.matching_step(secret, code, 0) is None


def test_a_picture_of_the_page_is_read_by_an_authenticator(desk, world):
    """The QR code, as a camera sees it in the light and in the dark, is the key that counts."""
    page = desk("/dashboard/second-factor", "vera")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = zxingcpp.read_barcodes(pixels(page.screenshot()))
        assert len(found) == 1
        uri = urlsplit(found[0].text)
        asked = parse_qs(uri.query)
        assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", "/Callwright:vera")
        assert asked["issuer"] == ["Callwright"]
    page.get_by_label("Code").fill(pyotp.parse_uri(found[0].text).now())
    page.get_by_role("button", name="Turn on").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()


def pixels(png: bytes) -> np.ndarray:
    with av.open(io.BytesIO(png)) as picture:
        return next(picture.decode(video=0)).to_ndarray(format="gray")


def test_an_account_of_the_version_before_signs_in_with_what_it_has(world):
    """Its row, as that version wrote it: the key sealed, recovery codes as digests."""
    secret, vera = pyotp.random_base32(), world.people["vera"]
    digest = hashlib.sha256(b"recovery:abcdefghij").hexdigest()
    models.SecondFactor.objects.create(
        user=vera,
        sealed_secret=encryption.seal(secret),
        confirmed_at="2026-01-01T00:00:00Z",
        recovery=[digest],
    )
    for given in (code_of(secret), "abcde-fghij"):
        client = Client()
        assert sign_in(client).headers["Location"] == "/dashboard/login/code"
        assert client.post("/dashboard/login/code", {"code": given}).headers["Location"] == "/dashboard/"
    row = models.SecondFactor.objects.get(user=vera)
    assert row.recovery == [] and row.last_step == int(time.time()) // 30, "the version before sees both used"
    assert secret not in row.sealed_secret


def test_a_factor_that_is_not_confirmed_asks_for_nothing(world):
    client = Client()
    sign_in(client)
    client.get("/dashboard/second-factor")
    assert sign_in(Client()).headers["Location"] == "/dashboard/"


def test_name_and_password_open_the_dashboard(world):
    client = Client()
    assert sign_in(client).headers["Location"] == "/dashboard/"
    assert client.get("/dashboard/").status_code == 200
    client.post("/dashboard/logout")
    assert client.get("/dashboard/").status_code == 302


def test_a_password_alone_is_not_enough_where_the_factor_is_on(world):
    secret = with_factor(world)
    client = Client()
    assert sign_in(client).headers["Location"] == "/dashboard/login/code"
    assert client.get("/dashboard/").status_code == 302
    assert client.post("/dashboard/login/code", {"code": "000000"}).status_code == 403
    code = code_of(secret)
    assert client.post("/dashboard/login/code", {"code": code}).headers["Location"] == "/dashboard/"
    assert client.get("/dashboard/").status_code == 200
    again = Client()
    sign_in(again)
    assert again.post("/dashboard/login/code", {"code": code}).status_code == 403, "a code is good once"


def test_a_recovery_code_stands_in_for_the_authenticator_once(world):
    owner = Client()
    sign_in(owner)
    secret = owner.get("/dashboard/second-factor").context["enrolment"].secret
    code = code_of(secret, -1)
    codes = owner.post("/dashboard/second-factor", {"code": code}, follow=True).context["codes"]
    assert len(set(codes)) == 10
    assert owner.get("/dashboard/second-factor").context["codes"] is None, "shown once"
    for given, status in ((codes[0], 302), (codes[0], 403), ("aaaaa-aaaaa", 403), (codes[1].upper(), 302)):
        client = Client()
        sign_in(client)
        assert client.post("/dashboard/login/code", {"code": given}).status_code == status, given
    factor = models.SecondFactor.objects.get(user=world.people["vera"])
    assert len(factor.recovery) == 8 and codes[2] not in str(factor.recovery)


def test_the_admin_has_no_door_of_its_own(world):
    answer = Client().get("/admin/login/?next=/admin/")
    assert answer.status_code == 302 and answer["Location"].startswith("/dashboard/login")


def test_guessing_ends_after_ten_tries(world):
    client = Client()
    for _ in range(10):
        assert sign_in(client, password="wrong").status_code == 403
    assert sign_in(client).status_code == 429
    assert sign_in(Client(), name="otto").status_code == 302, "others are not locked out"
    elsewhere = Client(REMOTE_ADDR="203.0.113.9")
    assert sign_in(elsewhere).status_code == 302, "nor is its owner, somewhere else"


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:1"]
)
def test_the_door_leads_only_inside(world, target):
    assert sign_in(Client(), next=target).headers["Location"] == "/dashboard/"
