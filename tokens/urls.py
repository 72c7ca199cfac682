"""Paths of the tokens."""

from __future__ import annotations

from django.urls import path

from tokens.api.embeds import Embed, Embeds, EmbedTokens
from tokens.api.guests import GuestTokens
from tokens.api.invites import Invites
from tokens.api.keys import KeysView, KeyView
from tokens.api.revoke import Revoke
from tokens.api.subscribers import RefreshedTokens, SubscriberTokens

urlpatterns = [
    path("api/fabric/subscribers/tokens", SubscriberTokens.as_view()),
    path("api/fabric/subscribers/tokens/refresh", RefreshedTokens.as_view()),
    path("api/fabric/guests/tokens", GuestTokens.as_view()),
    path("api/fabric/embeds", Embeds.as_view()),
    path("api/fabric/embeds/<uuid:id>", Embed.as_view()),
    path("api/fabric/embeds/tokens", EmbedTokens.as_view()),
    path("api/embeds/tokens", EmbedTokens.as_view(schema=None)),
    path("api/fabric/subscriber/invites", Invites.as_view()),
    path("api/tokens/revoke", Revoke.as_view()),
    path("api/keys", KeysView.as_view()),
    path("api/keys/<uuid:key_id>", KeyView.as_view()),
]
