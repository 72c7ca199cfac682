"""`/api/push`: browsers to notify when their subscriber is called (docs/contract.md#push)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from calling.api import schema
from calling.api.history import bearer
from calling.api.view import SwitchboardView
from calling.commands.params import Params
from calling.models import PushSubscription
from calling.outbound_http.url_text import UnsafeUrl, parse_url
from calling.push import encryption, vapid
from calling.runtime.locks import lock_stream
from rest import errors
from rest.json_bodies import rfc3339
from rest.openapi import shape

MOST: Final = 10
LONGEST: Final = 1000

Keys = shape(
    "PushKeys",
    p256dh=s.CharField(help_text="base64url: 65 bytes, an uncompressed point of P-256"),
    auth=s.CharField(help_text="base64url: 16 bytes"),
)
NewSubscription = shape(
    "NewPushSubscription",
    endpoint=s.CharField(help_text="the URL that the browser's push service gave"),
    expirationTime=s.IntegerField(required=False, allow_null=True, help_text="accepted and ignored"),
    keys=Keys,
)
Subscription = shape("PushSubscription", endpoint=s.CharField(), created_at=s.DateTimeField())
Ending = shape("EndedPushSubscription", endpoint=s.CharField(required=False))
Key = shape("PushKey", key=s.CharField(help_text="base64url: an uncompressed point of P-256"))


class KeyView(SwitchboardView):
    @extend_schema(
        operation_id="push_key",
        summary="Read the public key for Web Push",
        responses={200: Key, **schema.ERRORS},
        tags=["push"],
    )
    def get(self, request: Request) -> Response:
        self.subject(request)
        return Response({"key": vapid.public_key()})


class SubscriptionView(SwitchboardView):
    DELETE_FIELDS = ("endpoint",)

    @extend_schema(
        operation_id="push_subscribe",
        summary="Subscribe a browser to push messages about calls",
        request=NewSubscription,
        responses={200: Subscription, 201: Subscription, **schema.ERRORS},
        tags=["push"],
    )
    def put(self, request: Request) -> Response:
        form = self.form(request)
        endpoint = read_endpoint(form)
        form.integer("expirationTime", 0, 2**53)
        p256dh, auth = read_keys(form)
        form.check()
        owner = subscriber(self, request)
        row, made = keep(owner, endpoint, p256dh, auth)
        answer = {"endpoint": row.endpoint, "created_at": rfc3339(row.created_at)}
        return Response(answer, status=201 if made else 200)

    @extend_schema(
        operation_id="push_unsubscribe",
        summary="Delete the push subscription of a browser, or all of them",
        request=Ending,
        responses={204: None, **schema.ERRORS},
        tags=["push"],
    )
    def delete(self, request: Request) -> Response:
        owner, form = subscriber(self, request), self.form(request)
        endpoint = form.text("endpoint", LONGEST)
        form.check()
        rows = owner.subscriptions()
        (rows.filter(endpoint=endpoint) if endpoint else rows).delete()
        return Response(status=204)


class Owner(NamedTuple):
    """Whose browser it is, and by which family of tokens."""

    project_id: UUID
    subscriber_id: UUID
    family: UUID | None

    def subscriptions(self) -> QuerySet[PushSubscription]:
        return PushSubscription.objects.filter(project_id=self.project_id, subscriber_id=self.subscriber_id)


def subscriber(view: SwitchboardView, request: Request) -> Owner:
    """The subscriber of the token; 403 for holders that cannot be called."""
    holder = bearer(view, request)
    if holder.subscriber_id is None or not holder.may_receive:
        raise errors.Forbidden("not_permitted", "Only subscribers receive calls.")
    return Owner(holder.project_id, holder.subscriber_id, holder.family)


def keep(owner: Owner, endpoint: str, p256dh: str, auth: str) -> tuple[PushSubscription, bool]:
    """Keep one browser's subscription; beyond ten the oldest goes. Whether it is new to the subscriber.

    A browser in which somebody else signs in rings for that person alone. It is known by its secret too, so
    that nobody ends the subscription of another by its endpoint.
    """
    with transaction.atomic():
        lock_stream(f"push:{owner.subscriber_id}")
        same = PushSubscription.objects.filter(project_id=owner.project_id, endpoint=endpoint, auth=auth)
        same.exclude(subscriber_id=owner.subscriber_id).delete()
        row, made = PushSubscription.objects.update_or_create(
            project_id=owner.project_id,
            subscriber_id=owner.subscriber_id,
            endpoint=endpoint,
            defaults={"p256dh": p256dh, "auth": auth, "family": owner.family},
        )
        newest = owner.subscriptions().order_by("-id").values_list("pk", flat=True)
        owner.subscriptions().exclude(pk__in=list(newest[:MOST])).delete()
    return row, made


def read_endpoint(form: Params) -> str:
    """A URL that is checked like a webhook's."""
    endpoint = form.text("endpoint", LONGEST, required=True) or ""
    if endpoint and not endpoint.isascii():
        form.fail("endpoint", "endpoint must be ASCII.")
    elif endpoint:
        try:
            parse_url(endpoint, allow_private=settings.CALLWRIGHT_ALLOW_PRIVATE_URLS)
        except UnsafeUrl as unsafe:
            form.fail("endpoint", str(unsafe))
    return endpoint


def read_keys(form: Params) -> tuple[str, str]:
    """(p256dh, auth) as base64url without padding."""
    value = form.value("keys", required=True)
    if value is None:
        return "", ""
    if not isinstance(value, dict):
        form.fail("keys", "keys must be an object with p256dh and auth.")
        return "", ""
    keys = form.part("keys", value)
    p256dh = read_bytes(form, keys, "p256dh", "65 bytes, an uncompressed point of P-256", check_point)
    auth = read_bytes(form, keys, "auth", f"{encryption.AUTH_BYTES} bytes", check_auth)
    return p256dh, auth


def check_point(raw: bytes) -> None:
    encryption.public_key(raw)


def check_auth(raw: bytes) -> None:
    if len(raw) != encryption.AUTH_BYTES:
        raise ValueError("not the size of the secret")


def read_bytes(form: Params, keys: Params, name: str, what: str, check: Callable[[bytes], None]) -> str:
    """A field of `keys`; its fault is noted in `form` under its path."""
    text = keys.value(name)
    if text is None:
        form.fail(f"keys.{name}", f"keys.{name} is required.", "missing_required_parameter")
        return ""
    try:
        if not isinstance(text, str) or len(text) > 100:
            raise ValueError("not a short text")
        raw = encryption.decode(text)
        check(raw)
    except ValueError:
        form.fail(f"keys.{name}", f"keys.{name} must be base64url of {what}.")
        return ""
    return encryption.encode(raw)
