"""SIP: the phones of subscribers, and the gateways that lead to other networks."""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

import clock
from subscribers import encryption as sealing
from subscribers.models.owned import Owned

REALM = "callwright"


def ha1(username: str, password: str, algorithm: str) -> str:
    """Hex H(username:realm:password) of RFC 8760; `algorithm` is md5 or sha256."""
    text = f"{username}:{REALM}:{password}".encode()
    return hashlib.new(algorithm, text, usedforsecurity=False).hexdigest()


def networks(value: object) -> None:
    """A validator: a list of IP addresses and networks in CIDR form."""
    try:
        if not isinstance(value, list):
            raise ValueError
        for text in value:
            ipaddress.ip_network(text)
    except (ValueError, TypeError):
        raise ValidationError("Must be a list of IP addresses and networks.") from None


class SipEndpoint(Owned):
    """A SIP phone that registers as `username`; its calls are its subscriber's.

    The password is never kept: digest authentication needs only HA1, for the realm `callwright`.
    """

    class Encryption(models.TextChoices):
        DEFAULT = "default"
        OPTIONAL = "optional"
        REQUIRED = "required"
        DISABLED = "disabled"

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
    nat = models.BooleanField(
        default=False, db_default=False, help_text="learn where its sound comes from (RFC 7362)"
    )

    def __str__(self) -> str:
        return self.username

    def set_password(self, password: str) -> None:
        """Keeps the two HA1 of the password; the username must be set before."""
        self.ha1_md5 = ha1(self.username, password, "md5")
        self.ha1_sha256 = ha1(self.username, password, "sha256")


class SipGateway(Owned):
    """A SIP peer: calls to numbers with one of `prefixes` go out through it, lowest `priority` first.

    Calls from one of `ip_addresses` for numbers of its project come in through it. With `register` the
    platform registers there. `number_policy` is what may be shown as caller: only numbers of the project, or
    anything. `names` are all that is dialled there besides `+` and the country code.
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
    ip_addresses = models.JSONField(default=list, blank=True, validators=[networks])
    names = models.JSONField(
        default=list, db_default=[], blank=True, help_text='user parts that may be dialled there: "sales"'
    )
    staff_networks = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        validators=[networks],
        help_text="Set by platform staff: private networks that its host may be in, and networks that its "
        "`ip_addresses` may name though they are wide, loopback or another project's.",
    )
    codecs = models.JSONField(default=list, blank=True)
    ciphers = models.JSONField(default=list, blank=True)
    encryption = models.CharField(
        max_length=8, choices=SipEndpoint.Encryption.choices, default=SipEndpoint.Encryption.DEFAULT
    )
    caller_id = models.CharField(max_length=32, blank=True, help_text="shown where a call names no number")
    number_policy = models.CharField(max_length=3, choices=NumberPolicy.choices, default=NumberPolicy.OWN)
    headers = models.JSONField(default=dict, blank=True, help_text="x- headers added to each INVITE")
    nat = models.BooleanField(
        default=False, db_default=False, help_text="learn where its sound comes from (RFC 7362)"
    )
    trust_identity = models.BooleanField(
        default=False,
        db_default=False,
        help_text="its P-Asserted-Identity, Remote-Party-ID, Diversion and History-Info are believed",
    )
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
        now = now or clock.now()
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
