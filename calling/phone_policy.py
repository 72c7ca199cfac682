"""Whether a project's calls may reach a phone number: country list, prefix risk, emergency, suspension (R9).

Asked by `dialling.find`, so by every way to dial; limits and money are asked where legs are made. Reads
rows, writes none. The policy is the JSON of `Project.policy`, changed by staff, never by an API key: who
steals a key must not be able to open it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from calling import numbers
from calling.billing import Caps
from calling.models import Account
from calling.numbers import NumberPolicy, SipUser
from subscribers.addressing import Destination, Target
from subscribers.http import problems
from subscribers.models import PhoneNumber, Project, SipGateway

CONCURRENT, PER_MINUTE = 60, 120
FIRST_DAY = timedelta(days=1)
FIRST_CONCURRENT, FIRST_PER_MINUTE = 2, 10  # of a prepaid project: its people are strangers as yet
REFUSALS_PER_MINUTE = 50


class PhoneRefused(problems.Forbidden):
    """The policy denies the number; counted, for many of them in a short time are an attack."""


class EmergencyRefused(problems.Forbidden):
    """Nobody would come: the platform knows neither where the caller is nor whom to call."""

    def __init__(self) -> None:
        words = "Emergency numbers cannot be called from here. Use a telephone."
        super().__init__("emergency_number", words, "to")


@dataclass(frozen=True)
class PhonePolicy:
    """What one project allows. `refusals`: this many refused phone dials a minute suspend it; 0: never."""

    numbers: NumberPolicy
    caps: Caps
    refusals: int
    suspended: bool


def policy_of(project_id: UUID) -> PhonePolicy:
    """The policy in force. A prepaid project without a country list calls its own numbers' countries."""
    project = Project.objects.get(pk=project_id)
    prepaid = Account.objects.filter(pk=project_id, prepaid=True).exists()
    words: dict[str, Any] = project.policy if isinstance(project.policy, dict) else {}
    countries = words.get("countries")
    if countries is None and prepaid:
        countries = sorted(own_regions(project_id))
    fresh = prepaid and timezone.now() - project.created_at < FIRST_DAY
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
    return PhonePolicy(plan, caps, refusals, project.suspended_at is not None)


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
        raise EmergencyRefused()


def permit(project_id: UUID, target: Target) -> None:
    """Raises PhoneRefused where the project's policy denies a phone or SIP target, else nothing."""
    if target.test or target.kind not in ("pstn", "sip"):
        return
    meant = number_of(project_id, target)
    if meant.number is None and not meant.unclear:
        return  # a name at some SIP host: no number plan, no toll
    if target.kind == "pstn" and not SipGateway.objects.filter(project_id=project_id, enabled=True).exists():
        return  # it leads nowhere, as the call will say
    policy = policy_of(project_id)
    if policy.suspended:
        raise PhoneRefused("project_suspended", "Phone calls of this project are suspended.", "to")
    if meant.number is None:
        raise PhoneRefused("number_not_allowed", "A number at a gateway is + and the country code.", "to")
    if numbers.is_emergency(meant.number):
        raise EmergencyRefused()
    try:
        number = numbers.read(meant.number)
    except numbers.NoNumber as error:
        raise problems.Unprocessable("not_e164", str(error), "to") from error
    found = numbers.refusal(number, policy.numbers)
    if found is not None:
        raise PhoneRefused(found.code, found.words, "to")


def number_of(project_id: UUID, target: Target) -> SipUser:
    """The phone number that a target means: its own, or the user part of a SIP URI."""
    if target.kind == "pstn":
        return SipUser(target.number or target.address)
    user, _, host = target.address.partition(":")[2].rpartition("@")
    return numbers.sip_user(user, to_gateway=leads_to_gateway(project_id, host))


def leads_to_gateway(project_id: UUID, host: str) -> bool:
    """Whether a SIP host is one of the project's gateways, by name or by a configured address."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    name = name.strip("[]").lower()
    for gateway in SipGateway.objects.filter(project_id=project_id, enabled=True):
        if name == gateway.host.strip("[]").lower() or name in gateway.ip_addresses:
            return True
    return False
