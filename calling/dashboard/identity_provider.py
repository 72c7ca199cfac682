"""The identity provider of staff (OpenID Connect): where a browser is sent, and who comes back.

allauth makes the request (state, PKCE) and redeems the code. Added here: the issuer's document must be of the
issuer that the operator named, the ID token's signature, nonce and audience are checked, and an identity is
issuer and subject together, so that another issuer's subject is somebody else. Must not live here: what an
identity may do (`calling.dashboard.pages.identities`).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Final

import jwt
import requests
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop

from calling.dashboard import issuer_requests
from rest import links

PROVIDER: Final = "oidc"
SIGNATURES: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"}
)
LEEWAY_SECONDS: Final = 60  # two clocks
LONGEST: Final = 2048  # of what comes back in a query
SHOWN: Final = ("email", "preferred_username", "name")
NAMELESS: Final = gettext_noop("without a name")

# What allauth and PyJWT raise of answers that are not as they should be.
_WRONG = (
    OAuth2Error, requests.RequestException, jwt.PyJWTError,
    LookupError, TypeError, ValueError, AttributeError, RecursionError,
)  # fmt: skip


class NoIdentity(Exception):
    """Nobody is known by this answer. `shown` is for the person at the page, `why` for the log.

    `words` is marked for translation, with `{provider}` for what the pages call the issuer.
    """

    def __init__(self, words: str, why: str = "") -> None:
        super().__init__(words)
        self.why = why or words
        self.shown = gettext(words).format(provider=settings.CALLWRIGHT_OIDC_NAME)


@dataclass(frozen=True)
class Returned:
    """Who came back (not stored yet), and what the browser was sent for: `process`, `next` and `data`."""

    identity: SocialAccount
    process: str
    next: str
    data: dict[str, Any]
    claims: dict[str, Any]


def configured() -> bool:
    return settings.CALLWRIGHT_OIDC_ISSUER is not None


def issuer() -> str:
    """Its URL; without the slash at the end, which people add and leave out."""
    return (settings.CALLWRIGHT_OIDC_ISSUER or "").rstrip("/")


def shown_name() -> str:
    """What the buttons call it; empty where there is none."""
    return settings.CALLWRIGHT_OIDC_NAME if configured() else ""


def app() -> SocialApp:
    return SocialApp(
        provider="openid_connect",
        provider_id=PROVIDER,
        name=settings.CALLWRIGHT_OIDC_NAME,
        client_id=settings.CALLWRIGHT_OIDC_CLIENT_ID,
        secret=settings.CALLWRIGHT_OIDC_CLIENT_SECRET,
        settings={"server_url": issuer(), "oauth_pkce_enabled": True},
    )


class Exchange(OpenIDConnectOAuth2Adapter):
    """One sign-in's exchange with the issuer."""

    nonce = ""
    claims: dict[str, Any]

    @property
    def openid_config(self) -> dict[str, Any]:
        found = super().openid_config
        if str(found["issuer"]).rstrip("/") != issuer():
            raise OAuth2Error("the document is of another issuer")
        if not str(found["authorization_endpoint"]).startswith(("https://", "http://")):
            raise OAuth2Error("the authorization endpoint is no web address")
        return dict(found)

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return links.absolute(reverse("dashboard:identity_returned"))

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: dict[str, str]
    ) -> SocialLogin:
        """By the ID token alone: a second answer about the person adds nothing that is used."""
        self.claims = self._verified(kwargs["response"]["id_token"], app.client_id)
        provider = get_adapter().get_provider(request, PROVIDER)
        login: SocialLogin = provider.sociallogin_from_response(request, {"id_token": self.claims})
        return login

    def _verified(self, id_token: str, client_id: str) -> dict[str, Any]:
        """The claims of a token of this issuer, for this client and this sign-in (OpenID Connect 3.1.3.7)."""
        header = jwt.get_unverified_header(id_token)
        if header.get("alg") not in SIGNATURES:
            raise OAuth2Error("the signature is of a kind that is not accepted")
        claims: dict[str, Any] = jwt.decode(
            id_token,
            self._key(header.get("kid")),
            algorithms=[header["alg"]],
            audience=client_id,
            issuer=self.openid_config["issuer"],
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
        if not self.nonce or not secrets.compare_digest(
            str(claims.get("nonce", "")).encode(), self.nonce.encode()
        ):
            raise OAuth2Error("the token is of another sign-in")
        if not claims["sub"]:
            raise OAuth2Error("the token names nobody")
        if claims.get("azp", client_id) != client_id:
            raise OAuth2Error("the token was made for another client")
        return claims

    def _key(self, name: str | None) -> jwt.PyJWK:
        with issuer_requests.session() as session:
            answer = session.get(self.openid_config["jwks_uri"])
        answer.raise_for_status()
        keys = [
            key for key in jwt.PyJWKSet.from_dict(answer.json()).keys if key.public_key_use in (None, "sig")
        ]
        fitting = [key for key in keys if key.key_id == name] if name is not None else keys
        if len(fitting) != 1:
            raise OAuth2Error("the token's key is not among the issuer's")
        return fitting[0]


class IdentityProvider(OpenIDConnectProvider):
    """Names people, and keeps of them what a page shows."""

    oauth2_adapter_class = Exchange

    def extract_uid(self, data: dict[str, Any]) -> str:
        claims = data["id_token"]
        both = f"{claims['iss']}\n{claims['sub']}"
        return hashlib.sha256(both.encode("utf-8", "surrogatepass")).hexdigest()

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        claims = data["id_token"]
        return {name: str(claims[name])[:200] for name in SHOWN if claims.get(name)}


def name_of(identity: SocialAccount, nameless: str = NAMELESS) -> str:
    """How a person recognises an identity of theirs; a page gives `nameless` in its language."""
    kept = identity.extra_data if isinstance(identity.extra_data, dict) else {}
    return next((str(kept[name]) for name in SHOWN if kept.get(name)), nameless)


def send(request: HttpRequest, process: str, target: str, **data: object) -> str:
    """The address at the issuer to which the browser goes. Raises NoIdentity where it gives none."""
    nonce = secrets.token_urlsafe(24)
    try:
        provider = get_adapter().get_provider(request, PROVIDER)
        answer = provider.redirect(request, process, target, data, auth_params={"nonce": nonce}, nonce=nonce)
    except _WRONG as problem:
        raise NoIdentity(gettext_noop("{provider} cannot be reached now."), repr(problem)) from None
    return str(answer["Location"])


def returned(request: HttpRequest) -> Returned:
    """Who comes back with a code. The state is good once, for ten minutes, in the browser that was sent."""
    given = {name: request.GET.get(name, "")[:LONGEST] for name in ("state", "code", "error", "iss")}
    state = statekit.unstash_state(request, state_id=given["state"], provider_id=PROVIDER)
    if state is None:
        raise NoIdentity(
            gettext_noop("This sign-in is too old, was used, or was begun in another browser. Begin again.")
        )
    if given["error"] or not given["code"]:
        raise NoIdentity(gettext_noop("{provider} did not sign you in."), given["error"] or "no code")
    try:
        exchange = get_adapter().get_provider(request, PROVIDER).get_oauth2_adapter(request)
        exchange.nonce = state["nonce"]
        if given["iss"] and given["iss"] != exchange.openid_config["issuer"]:  # RFC 9207
            raise OAuth2Error("another issuer answered")
        client = exchange.get_client(request, app())
        answer = exchange.get_access_token_data(
            request, app(), client, pkce_code_verifier=state["pkce_code_verifier"]
        )
        login = exchange.complete_login(request, app(), exchange.parse_token(answer), response=answer)
    except _WRONG as problem:
        words = gettext_noop("The answer of {provider} was not accepted.")
        raise NoIdentity(words, type(problem).__name__) from None
    return Returned(
        login.account, state["process"], state.get("next", ""), state["data"] or {}, exchange.claims
    )
