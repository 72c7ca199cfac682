"""By which ways a person can sign in."""

from __future__ import annotations

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.db.models import QuerySet

from calling.dashboard import identity_provider, passkeys


def identities_of(user: User) -> QuerySet[SocialAccount]:
    return SocialAccount.objects.filter(user=user, provider=identity_provider.PROVIDER).order_by("pk")


def is_last(user: User) -> bool:
    """Whether the account has one way in alone: without it its person is locked out."""
    identities = identities_of(user).count() if identity_provider.configured() else 0
    return user.has_usable_password() + passkeys.of(user).count() + identities <= 1
