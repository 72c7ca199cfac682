"""SIP: the phones of subscribers, and the gateways that lead to other networks."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from subscribers import sealing
from subscribers.models.owned import Owned

REALM = "callwright"


def ha1(username: str, password: str, algorithm: str) -> str:
    """Hex H(username:realm:password) of RFC 8760; `algorithm` is md5 or sha256."""
    text = f"{username}:{REALM}:{password}".encode()
    return hashlib.new(algorithm, text, usedforsecurity=False).hexdigest()


class SipEndpoint(Owned):
    """A SIP phone that registers as `username`; its calls are its subscriber's.

    The password is never kept: digest authentication needs only HA1, for the realm `callwright`.
    """

    class Encryption(models.TextChoices):
        DEFAULT = "default"
        OPTIONAL = "optional"
        REQUIRED = "required"

    subscriber = models.ForeignKey(
        "subscribers.Subscriber", on_delete=models.CASCADE, related_name="sip_endpoints"
    )
    username = models.CharField(max_length=64, unique=True)
    ha1_md5 = models.CharField(max_length=32, editable=False)
    ha1_sha256 = models.CharField(max_length=64, editable=False)
    caller_id = models.CharField(max_length=200, blank=True)
    send_as = models.CharField(max_length=32, blank=True)
    codecs = models.JSONField(default=list, blank=True)
    ciphers = models.JSONField(default=list, blank=True)
    encryption = models.CharField(max_length=8, choices=Encryption.choices, default=Encryption.DEFAULT)
    call_handler = models.CharField(max_length=16, default="default")
    calling_handler_resource_id = models.UUIDField(null=True, blank=True)

    def __str__(self) -> str:
        return self.username

    def set_password(self, password: str) -> None:
        """Keeps the two HA1 of the password; the username must be set before."""
        self.ha1_md5 = ha1(self.username, password, "md5")
        self.ha1_sha256 = ha1(self.username, password, "sha256")


class SipGateway(Owned):
    """A SIP peer: calls to numbers with one of `prefixes` go out through it, lowest `priority` first.

    Calls from one of `ip_addresses` come in through it. With `register` the platform registers there.
    `number_policy` is what may be shown as caller: only numbers of the project, or anything.
    """

    class Transport(models.TextChoices):
        UDP = "udp"
        TCP = "tcp"
        TLS = "tls"

    class NumberPolicy(models.TextChoices):
        OWN = "own"
        ANY = "any"

    name = models.CharField(max_length=200)
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField(
        default=5060, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    user = models.CharField(max_length=64, blank=True, help_text="the user part of its URI, if any")
    transport = models.CharField(max_length=3, choices=Transport.choices, default=Transport.UDP)
    username = models.CharField(max_length=128, blank=True)
    sealed_password = models.TextField(blank=True, editable=False)
    realm = models.CharField(
        max_length=255, blank=True, help_text="of its challenges, the only ones answered; empty: its host"
    )
    register = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    prefixes = models.JSONField(default=list, blank=True, help_text='"+", "+1", "+4670"; empty: none')
    priority = models.PositiveIntegerField(default=10)
    ip_addresses = models.JSONField(default=list, blank=True)
    codecs = models.JSONField(default=list, blank=True)
    ciphers = models.JSONField(default=list, blank=True)
    encryption = models.CharField(
        max_length=8, choices=SipEndpoint.Encryption.choices, default=SipEndpoint.Encryption.DEFAULT
    )
    caller_id = models.CharField(max_length=32, blank=True, help_text="shown where a call names no number")
    number_policy = models.CharField(max_length=3, choices=NumberPolicy.choices, default=NumberPolicy.OWN)
    headers = models.JSONField(default=dict, blank=True, help_text="x- headers added to each INVITE")
    # Written by the SIP edge that keeps the registration, with its lease; see `registration`.
    registration_state = models.CharField(max_length=12, blank=True, default="", editable=False)
    registration_code = models.PositiveSmallIntegerField(null=True, editable=False)
    registration_at = models.DateTimeField(null=True, editable=False)
    registration_edge = models.UUIDField(null=True, editable=False)
    registration_lease = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return self.name

    def registration(self, now: datetime | None = None) -> dict[str, Any] | None:
        """`{state, code, at}` where the platform is to register there, else None.

        state: `registered`, `failed` (`code` is the registrar's last answer), or `trying`, which is also
        said while no SIP edge is at work.
        """
        if not (self.register and self.enabled):
            return None
        now = now or timezone.now()
        alive = self.registration_lease is not None and self.registration_lease > now
        state = self.registration_state if alive and self.registration_state else "trying"
        return {"state": state, "code": self.registration_code, "at": self.registration_at}

    @property
    def uri(self) -> str:
        """`sip:[user@]host[:port][;transport=tcp]`, as SignalWire's resource shows it."""
        user = f"{self.user}@" if self.user else ""
        scheme, default = ("sips", 5061) if self.transport == "tls" else ("sip", 5060)
        port = "" if self.port == default else f":{self.port}"
        return f"{scheme}:{user}{self.host}{port}" + (";transport=tcp" if self.transport == "tcp" else "")

    @property
    def password(self) -> str:
        """The password in clear, for the SIP edge alone."""
        return sealing.unseal(self.sealed_password) if self.sealed_password else ""

    def set_password(self, password: str) -> None:
        self.sealed_password = sealing.seal(password) if password else ""
