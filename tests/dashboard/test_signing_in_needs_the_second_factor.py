"""The door: a code where a second factor is on, each code once, and an end to guessing."""

from __future__ import annotations

import time

import pytest
from django.test import Client

from calling import models
from calling.dashboard import totp

PASSWORD = "a long enough password"


def sign_in(client: Client, name: str = "vera", password: str = PASSWORD, **more):
    return client.post("/dashboard/login", {"username": name, "password": password, **more})


def with_factor(world) -> str:
    """Switches vera's second factor on as she would; the code used for that is used up."""
    client = Client()
    sign_in(client)
    secret = client.get("/dashboard/second-factor").context["secret"]
    code = totp.code(secret, int(time.time()) // 30 - 1)
    client.post("/dashboard/second-factor", {"code": code})
    return secret


def test_codes_are_those_of_rfc_6238():
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for moment, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert totp.code(secret, moment // 30) == code
        assert totp.matching_step(secret, code, moment, 0) == moment // 30
        assert totp.matching_step(secret, code, moment, moment // 30) is None
        assert totp.matching_step(secret, code, moment + 90, 0) is None


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
    code = totp.code(secret, int(time.time()) // 30)
    assert client.post("/dashboard/login/code", {"code": code}).headers["Location"] == "/dashboard/"
    assert client.get("/dashboard/").status_code == 200
    again = Client()
    sign_in(again)
    assert again.post("/dashboard/login/code", {"code": code}).status_code == 403, "a code is good once"


def test_a_recovery_code_stands_in_for_the_authenticator_once(world):
    owner = Client()
    sign_in(owner)
    secret = owner.get("/dashboard/second-factor").context["secret"]
    code = totp.code(secret, int(time.time()) // 30 - 1)
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
