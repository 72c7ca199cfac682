"""The second factor of a person: an authenticator app (RFC 6238, as allauth computes it) and recovery codes.

The row is `SecondFactor`, which the version before reads and writes too: during an upgrade a code is good
once over both. Codes are compared here, under the row's lock, because allauth remembers used ones in the
cache of one process. Must not live here: how often somebody may try (`calling.dashboard.tries`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.auth.models import User
from django.db import transaction

import clock
from calling.models import SecondFactor

SLACK_STEPS = 1  # a phone's clock may be half a minute off
RECOVERY_CODES = 10
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # none that looks like another


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator takes in: `secret` typed, `uri` followed, or `picture` (a data URI) scanned."""

    secret: str
    uri: str
    picture: str


def is_on(user: User) -> bool:
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).exists()


def enrolment(user: User, factor: SecondFactor | None) -> Enrolment:
    """Of a factor that is not on yet; makes one where there is none."""
    adapter = get_adapter()
    if factor is None:
        secret = generate_totp_secret()
        made = {"sealed_secret": adapter.encrypt(secret)}
        factor, _ = SecondFactor.objects.get_or_create(user=user, defaults=made)
    secret = adapter.decrypt(factor.sealed_secret)
    uri = adapter.build_totp_url(user, secret)
    picture = base64.b64encode(adapter.build_totp_svg(uri).encode()).decode()
    return Enrolment(secret, uri, f"data:image/svg+xml;base64,{picture}")


def confirm(factor: SecondFactor) -> list[str]:
    """Switches it on. The recovery codes, of which digests alone are kept."""
    codes = new_recovery_codes()
    kept = [recovery_digest(each) for each in codes]
    SecondFactor.objects.filter(pk=factor.pk).update(confirmed_at=clock.now(), recovery=kept)
    return codes


def use_code(user: User, given: str) -> bool:
    """Whether `given` is a fresh code of the user's factor, or a recovery code; it is used up by asking."""
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user).first()
        if factor is None:
            return False
        secret = get_adapter().decrypt(factor.sealed_secret)
        step = matching_step(secret, given.replace(" ", ""), factor.last_step)
        if step is not None:
            factor.last_step = step
        elif (spent := recovery_digest(given)) in factor.recovery:
            factor.recovery = [each for each in factor.recovery if each != spent]
        else:
            return False
        factor.save(update_fields=["last_step", "recovery"])
        return True


def matching_step(secret: str, given: str, last_step: int) -> int | None:
    """The time step that `given` is the code of, newer than `last_step`; None if there is none."""
    current = int(clock.time()) // app_settings.TOTP_PERIOD
    for step in range(current - SLACK_STEPS, current + SLACK_STEPS + 1):
        shown = format_hotp_value(hotp_value(secret, step))
        if step > last_step and hmac.compare_digest(shown.encode(), given.encode("utf-8", "surrogatepass")):
            return step
    return None


def new_recovery_codes() -> list[str]:
    """Codes of 50 random bits for whoever has lost the authenticator."""
    halves = ["".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(2 * RECOVERY_CODES)]
    return [f"{first}-{second}" for first, second in zip(halves[::2], halves[1::2], strict=True)]


def recovery_digest(text: str) -> str:
    """What is kept of a recovery code; however it is typed."""
    plain = text.replace("-", "").replace(" ", "").strip().lower()[:40]
    return hashlib.sha256(f"recovery:{plain}".encode("utf-8", "surrogatepass")).hexdigest()
