"""Whether a project's calls may reach a phone number: country list, prefix risk, emergency, suspension
(docs/security.md#r9).

Asked by `routing.resolve`, so by every way to dial; limits and money are asked where legs are made. Reads
rows, writes none. The policy is the JSON of `Project.policy`, changed by staff, never by an API key: who
steals a key must not be able to open it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import clock
from calling.models import Account
from calling.telephony import billing, gateways
from calling.telephony import phone_numbers as numbers
from calling.telephony.billing import Caps
from calling.telephony.phone_numbers import NumberPolicy, SipUser
from calling.telephony.rates import Rate
from rest import errors
from subscribers.addressing import Destination, Target, may_be_number
from subscribers.models import PhoneNumber, Project, SipGateway

CONCURRENT, PER_MINUTE = 60, 120
FIRST_DAY = timedelta(days=1)
FIRST_CONCURRENT, FIRST_PER_MINUTE = 2, 10  # of a prepaid project: its people are strangers as yet
REFUSALS_PER_MINUTE = 50


class PhoneRefused(errors.Forbidden):
    """The policy denies the number. Counted, because many in a short time are an attack."""


class EmergencyRefused(errors.Forbidden):
    """Refused because the platform knows neither the caller's location nor the responsible service."""

    def __init__(self) -> None:
        words = "Emergency numbers cannot be called from here. Use a telephone."
        super().__init__("emergency_number", words, "to")


@dataclass(frozen=True)
class PhonePolicy:
    """What one project allows. `refusals`: this many refused phone dials a minute suspend it; 0: never.
    `supervision_tone`: parties hear a tone when somebody begins to supervise their call.

    `sip_hosts`: hosts besides its gateways that may be sent what looks like a number.
    """

    numbers: NumberPolicy
    caps: Caps
    refusals: int
    suspended: bool
    sip_hosts: frozenset[str] = frozenset()
    supervision_tone: bool = False


def policy_of(project_id: UUID) -> PhonePolicy:
    """The policy in force. A prepaid project without a country list calls its own numbers' countries."""
    project = Project.objects.get(pk=project_id)
    prepaid = Account.objects.filter(pk=project_id, prepaid=True).exists()
    words: dict[str, Any] = project.policy if isinstance(project.policy, dict) else {}
    countries = words.get("countries")
    if countries is None and prepaid:
        countries = sorted(own_regions(project_id))
    fresh = prepaid and clock.now() - project.created_at < FIRST_DAY
    plan = NumberPolicy(
        countries=None if countries is None else frozenset(countries),
        risk=words.get("risk", "low"),
        allow_prefixes=tuple(words.get("allow_prefixes", ())),
        block_prefixes=tuple(words.get("block_prefixes", ())),
    )
    caps = Caps(
        concurrent=words.get("concurrent", FIRST_CONCURRENT if fresh else CONCURRENT),
        per_minute=words.get("per_minute", FIRST_PER_MINUTE if fresh else PER_MINUTE),
        per_day=words.get("per_day"),
    )
    refusals = words.get("refusals", REFUSALS_PER_MINUTE)
    hosts = frozenset(gateways.plain_host(str(each)) for each in words.get("sip_hosts", ()))
    tone = words.get("supervision_tone") is True
    return PhonePolicy(plan, caps, refusals, project.suspended_at is not None, hosts, tone)


def own_regions(project_id: UUID) -> frozenset[str]:
    """The countries of the project's own phone numbers."""
    found = set()
    for text in PhoneNumber.objects.filter(project_id=project_id).values_list("number", flat=True)[:200]:
        try:
            found.add(numbers.read(text).region)
        except numbers.NoNumber:
            continue
    return frozenset(found)


def refuse_emergency(project_id: UUID, destination: Destination) -> None:
    """403 `emergency_number` for a call for help: nobody would come (asked where nothing answers to it)."""
    text = destination.text
    if destination.kind == "sip":
        text = text.partition(":")[2].rpartition("@")[0]
    if numbers.is_emergency(text, own_regions(project_id)):
        raise EmergencyRefused


def permit(project_id: UUID, target: Target) -> None:
    """Raises PhoneRefused where the project's policy denies a phone or SIP target, else nothing.

    `target` has been `located`: it is judged by where it goes, not by how it is written.
    """
    if target.test or target.kind not in ("pstn", "sip"):
        return
    if target.kind == "pstn" and not SipGateway.objects.filter(project_id=project_id, enabled=True).exists():
        return  # it leads nowhere, as the call will say
    policy = policy_of(project_id)
    if policy.suspended:
        raise PhoneRefused("project_suspended", "Phone calls of this project are suspended.", "to")
    meant = meaning(target, policy)
    if meant.unclear:
        words = "At a gateway + and the country code, or a name on its list; elsewhere nothing like a number."
        raise PhoneRefused("number_not_allowed", words, "to")
    if meant.number is None:
        return
    if numbers.is_emergency(meant.number):
        raise EmergencyRefused
    try:
        number = numbers.read(meant.number)
    except numbers.NoNumber as error:
        raise errors.Unprocessable("not_e164", str(error), "to") from error
    found = numbers.refusal(number, policy.numbers)
    if found is not None:
        raise PhoneRefused(found.code, found.words, "to")


def meaning(target: Target, policy: PhonePolicy) -> SipUser:
    """The phone number that a located target means: its own, or the user part of a SIP URI.

    A project that is kept to some countries sends nothing like a number to other hosts than those of its
    policy's `sip_hosts`: whoever can make a gateway of a carrier could else take it away and dial it plainly.
    """
    if target.kind == "pstn":
        return SipUser(target.number or target.address)
    user = gateways.user_of(target.address)
    if target.gateways:
        named = SipGateway.objects.filter(pk__in=target.gateways, names__contains=[user]).exists()
        return SipUser() if named else numbers.sip_user(user, to_gateway=True)
    meant = numbers.sip_user(user, to_gateway=False)
    kept = policy.numbers.countries is not None
    kept = kept and gateways.host_of(target.address) not in policy.sip_hosts
    if kept and meant.number is None and may_be_number(user):
        return SipUser(unclear=True)
    return meant


def price(project_id: UUID, target: Target) -> tuple[str, Rate | None]:
    """What a leg to a located target is charged as, and its rate; None where there is none.

    A name at a gateway costs what the carrier makes of it: it has a rate or is not paid in advance.
    """
    number = meaning(target, policy_of(project_id)).number
    if number is None and target.gateways:
        name = gateways.user_of(target.address)
        return name, billing.rate_for(project_id, name)
    return number or target.address, billing.rate_for(project_id, number) if number else billing.FREE
