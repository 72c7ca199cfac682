"""Passkeys (WebAuthn) by allauth: what a browser is asked, and whose its answer is.

Each is asked to be found without a name and to verify its person (PIN, finger or face), so it stands for
password and code together. A challenge is good for one answer and five minutes, in the session that asked.
Must not live here: pages, and how often somebody may try.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Final

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

import clock

MOST: Final = 20  # of one person
LONGEST: Final = 16_384  # of an answer
CHALLENGE_SECONDS: Final = 300
ASKED_AT: Final = "passkey_asked_at"

# What allauth, fido2 and cryptography raise of answers that are not as they should be.
_WRONG = (
    ValidationError, InvalidSignature, UnsupportedAlgorithm, struct.error,
    ValueError, TypeError, LookupError, AttributeError, RecursionError,
)  # fmt: skip


def of(user: User) -> QuerySet[Authenticator]:
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).order_by("pk")


def ask_to_register(request: HttpRequest, user: User) -> dict[str, Any]:
    """The options for `navigator.credentials.create`."""
    request.session[ASKED_AT] = clock.time()
    return auth.begin_registration(user, passwordless=True)


def register(request: HttpRequest, user: User, name: str, text: str) -> Authenticator | None:
    """The new passkey; None where the browser's answer is not one."""
    try:
        credential = _answer(request, text)
        auth.parse_registration_response(credential)
        auth.complete_registration(credential)
        made: Authenticator = auth.WebAuthn.add(user, name, credential).instance
        return made
    except _WRONG:
        return None
    finally:
        auth.clear_state()


def ask_to_sign_in(request: HttpRequest) -> dict[str, Any]:
    """The options for `navigator.credentials.get`: of nobody in particular, so they tell of nobody."""
    request.session[ASKED_AT] = clock.time()
    return auth.begin_authentication()


def owner_of(request: HttpRequest, text: str) -> User | None:
    """Whose passkey answered; None where none of an active account did."""
    try:
        credential = _answer(request, text)
        user = auth.extract_user_from_response(credential)
        auth.parse_authentication_response(credential)
        used = auth.complete_authentication(user, credential)
    except _WRONG:
        return None
    finally:
        auth.clear_state()
    if not isinstance(user, User) or not user.is_active:
        return None
    used.record_usage()
    return user


def _answer(request: HttpRequest, text: str) -> dict[str, Any]:
    asked = request.session.pop(ASKED_AT, 0)
    if not 0 <= clock.time() - asked <= CHALLENGE_SECONDS or len(text) > LONGEST:
        raise ValueError("no challenge, or an old one")
    answer = json.loads(text)
    if not isinstance(answer, dict):
        raise TypeError("not an object")
    return answer
