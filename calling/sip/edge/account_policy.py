"""What the owner of an endpoint or gateway set for its calls: media, the number shown, who handles them.

Blocking row look-ups. What must not live here: how a description is judged.
"""

from __future__ import annotations

import secrets

from calling.sdp.negotiation import AUDIO_NAMES
from calling.sip.edge.media_encryption import PRIVATE, MediaPolicy
from calling.sip.edge.rows import GATEWAY_PREFIX
from rest import errors
from subscribers.models import Address, PhoneNumber, SipEndpoint, SipGateway

MOST_NUMBERS = 1000  # that one is chosen among


def policy_of(row: SipEndpoint | SipGateway, transport: str) -> MediaPolicy:
    """What its owner wants of media, over signalling of that transport."""
    private = transport.upper() in PRIVATE
    return MediaPolicy(
        row.encryption,
        tuple(row.ciphers),
        tuple(each for each in row.codecs if each.lower() in AUDIO_NAMES),
        private,
    )


def policy_for(account: str, transport: str) -> MediaPolicy:
    """The same for the account of an INVITE: an endpoint's user name, or a gateway."""
    row: SipEndpoint | SipGateway | None
    if account.startswith(GATEWAY_PREFIX):
        row = SipGateway.objects.filter(pk=account.removeprefix(GATEWAY_PREFIX)).first()
    else:
        row = SipEndpoint.objects.filter(username=account).first()
    return policy_of(row, transport) if row is not None else MediaPolicy(private=transport.upper() in PRIVATE)


def sent_as(endpoint: SipEndpoint) -> str | None:
    """The number that an endpoint shows outside: its `send_as`, if it is the project's; `random`: any."""
    numbers = PhoneNumber.objects.filter(project_id=endpoint.project_id).order_by("number")
    if endpoint.send_as == "random":
        known = list(numbers.values_list("number", flat=True)[:MOST_NUMBERS])
        return secrets.choice(known) if known else None
    text = "+" + endpoint.send_as.removeprefix("+")
    return text if endpoint.send_as and numbers.filter(number=text).exists() else None


def handler_of(endpoint: SipEndpoint) -> Address | None:
    """Where all that an endpoint dials leads, None where it dials for itself.

    Raises NotFound for a resource that is gone.
    """
    handler = endpoint.calling_handler_resource_id
    if endpoint.call_handler != "resource" or handler is None:
        return None
    rows = Address.objects.filter(project_id=endpoint.project_id, resource_id=handler)
    found = rows.order_by("created_at", "id").first()
    if found is None:
        raise errors.NotFound("The resource that handles the calls of this phone is gone.")
    return found
