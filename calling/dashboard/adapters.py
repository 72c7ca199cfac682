"""What django-allauth asks the product: how secrets are kept, what a passkey is good for, which identity
provider there is, and how requests to it leave.

allauth's own pages have no paths here; the dashboard's pages call its parts. Must not live here: pages.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import requests
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from calling.dashboard import identity_provider, issuer_requests
from rest import links
from subscribers import encryption

PRODUCT = "Callwright"


class Accounts(DefaultAccountAdapter):
    """Accounts are created only by owners and their invitations."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class Factors(DefaultMFAAdapter):
    """Second factors and passkeys. Nobody trusts the Host header: a passkey is for a name of ours."""

    def encrypt(self, text: str) -> str:
        return encryption.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return encryption.unseal(encrypted_text)

    def get_totp_issuer(self) -> str:
        return PRODUCT

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        return f"{PRODUCT}:{user.get_username()}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": urlsplit(links.absolute("/")).hostname or "localhost", "name": PRODUCT}

    def _get_user_identifier(self, user: AbstractBaseUser) -> str:
        return user.get_username()


class Identities(DefaultSocialAccountAdapter):
    """One provider, of the environment; rows of the database name none."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: object) -> bool:
        return False

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        return [identity_provider.app()] if identity_provider.configured() else []

    def get_provider(
        self, request: HttpRequest, provider: str, client_id: str | None = None
    ) -> identity_provider.IdentityProvider:
        return identity_provider.IdentityProvider(request, app=self.get_app(request, provider))

    def get_requests_session(self) -> requests.Session:
        return issuer_requests.session()
