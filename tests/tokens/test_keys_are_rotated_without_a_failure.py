"""The instance's secret key is replaced while everybody goes on (docs/security.md#r39)."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from calling.calls import control
from calling.models import Delivery, WebhookEndpoint
from calling.webhooks import delivery_queue
from calling.webhooks.signing import Kept, kept_secrets, kept_text
from config import secret_key
from subscribers import encryption
from subscribers.models import SipGateway
from tests.support.people import Cast
from tokens.signing import InvalidToken, sign, verify

OLD, NEW = "the old key " * 4, "the new key " * 4
CLAIMS = {"jti": "j", "sub": "s"}


@pytest.fixture
def keys(settings: object) -> Callable[..., None]:
    def use(key: str, *older: str) -> None:
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = key, list(older)  # type: ignore[attr-defined]

    return use


def token() -> str:
    return sign(CLAIMS, "SAT", timezone.now() + timedelta(minutes=5))


def test_tokens_pass_in_every_step_of_a_rolling_change(keys: Callable[..., None]) -> None:
    steps = [(OLD,), (OLD, NEW), (NEW, OLD), (NEW,)]
    issued = []
    for step in steps:
        keys(*step)
        issued.append(token())
    for here, step in enumerate(steps):
        keys(*step)
        # Processes are replaced one after another: neighbours run a step behind or ahead.
        for there in (here - 1, here, here + 1):
            if 0 <= there < len(steps):
                assert verify(issued[there], "SAT")["sub"] == "s"


def test_a_key_that_was_taken_away_opens_nothing(keys: Callable[..., None]) -> None:
    keys(OLD)
    given, sealed = token(), encryption.seal("x")
    keys(NEW)
    with pytest.raises(InvalidToken):
        verify(given, "SAT")
    with pytest.raises(encryption.Unreadable):
        encryption.unseal(sealed)


def test_an_old_key_is_used_for_its_own_token_type_only(keys: Callable[..., None]) -> None:
    keys(OLD)
    given = token()
    keys(NEW, OLD)
    with pytest.raises(InvalidToken):
        verify(given, "Refresh")


@pytest.mark.django_db
def test_reseal_makes_the_old_key_needless(house: Cast, keys: Callable[..., None]) -> None:
    keys(OLD)
    trunk = SipGateway(project=house.project, name="T", host="x.example")
    trunk.set_password("trunk password")
    trunk.save()
    until = timezone.now() + timedelta(hours=3)
    over = Kept("sealed-long-ago", timezone.now() - timedelta(hours=1))
    older = kept_text(
        [over, Kept(encryption.seal("whsec_one"), until), Kept(encryption.seal("whsec_two"), until)]
    )
    hook = WebhookEndpoint.objects.create(
        project=house.project, url="https://x.example", secret=encryption.seal("whsec_now"), old_secret=older
    )
    keys(NEW, OLD)
    said = io.StringIO()
    call_command("reseal", stdout=said)
    assert said.getvalue() == "sealed anew: 3; unreadable: 0\n"
    keys(NEW)
    trunk.refresh_from_db()
    hook.refresh_from_db()
    assert trunk.password == "trunk password"
    assert encryption.unseal(hook.secret) == "whsec_now"
    kept = kept_secrets(hook.old_secret, hook.old_secret_until, timezone.now())
    assert [encryption.unseal(each.sealed) for each in kept] == ["whsec_one", "whsec_two"]
    assert {each.until for each in kept} == {until}


@pytest.mark.django_db
def test_a_webhook_whose_key_was_taken_away_is_disabled_and_the_others_go_on(
    house: Cast, keys: Callable[..., None]
) -> None:
    hooks = []
    for number, key in enumerate((OLD, NEW)):
        keys(key)
        hooks.append(
            WebhookEndpoint.objects.create(
                project=house.project, url=f"https://{number}.example", secret=encryption.seal("whsec_x")
            )
        )
    event = control.record_project_event(house.id, "project.suspended", {})
    for hook in hooks:
        Delivery.objects.create(
            endpoint=hook, event=event, stream="project", next_at=timezone.now(), created_at=timezone.now()
        )
    assert [each.endpoint_id for each in delivery_queue.claim(10, {})] == [hooks[1].id]
    hooks[0].refresh_from_db()
    assert hooks[0].disabled_at is not None and "rotate the secret" in hooks[0].disabled_reason
    assert Delivery.objects.get(endpoint=hooks[0]).state == "parked"
    with pytest.raises(SystemExit):
        call_command("reseal", stdout=io.StringIO(), stderr=io.StringIO())


def test_older_keys_come_from_the_variable_and_from_further_lines_of_the_file(tmp_path) -> None:
    assert secret_key.older_keys(("a",), tmp_path) == ["a"]
    first = secret_key.secret_key(None, tmp_path)
    (tmp_path / "secret.key").write_text(f"newest\n{first}\n")
    assert secret_key.secret_key(None, tmp_path) == "newest"
    assert secret_key.older_keys((), tmp_path) == [first]
