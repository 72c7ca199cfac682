"""Invites: a subscriber gives somebody a token to call one address."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from rest import errors
from rest.permissions import BearsToken
from rest.views import RestView
from subscribers.addressing import CONTEXTS
from subscribers.api.fields import Id
from subscribers.api.shapes import clean
from subscribers.models import Address
from tokens.api import answers
from tokens.api.fields import Ends
from tokens.claims import Grant
from tokens.issue import issue_invite
from tokens.rate_limits import take_told
from tokens.signing import InvalidToken
from tokens.subjects import Entry, TokenHolder

# An invite dials beside its maker, whose own calls are limited. A second's rate and burst of one subscriber.
RATE, BURST = 2, 50


class InviteFields(serializers.Serializer[Any]):
    address_id = Id(required=True)
    expires_at = Ends()
    # The other endpoints' spelling is taken too.
    expire_at = Ends()


class Invites(RestView):
    permission_classes = [BearsToken]

    @extend_schema(
        operation_id="create_invite",
        tags=["tokens"],
        request=InviteFields,
        responses={201: answers.Token},
    )
    def post(self, request: Request) -> Response:
        holder: TokenHolder = request.auth  # type: ignore[assignment]
        if holder.kind != "subscriber":
            raise errors.Forbidden("not_permitted", "Only subscribers can invite.")
        data = clean(InviteFields, request.data)
        address = _invitable(holder, data["address_id"])
        grant = Grant(
            holder.project_id,
            "invite",
            allowed=(Entry("address", str(address.pk)),),
            display_name="Guest",
        )
        wait = take_told(f"invite:{holder.identity}", RATE, BURST)
        if wait is not None:
            raise errors.TooManyRequests(wait)
        ends = data.get("expires_at") or data.get("expire_at")
        try:
            return Response({"token": issue_invite(holder, grant, ends)}, status=201)
        except InvalidToken as refused:
            raise errors.Unauthorized(refused.code, refused.message) from refused


def _invitable(holder: TokenHolder, id: UUID) -> Address:
    """The address, which the inviter must be allowed to dial: otherwise 403, whether it exists or not."""
    address = Address.objects.filter(project_id=holder.project_id, pk=id).first()
    contexts, ids = holder.visible
    if address is None and contexts >= set(CONTEXTS):
        raise errors.Unprocessable(
            "unrecognized_fabric_addresses", "The project has no such address.", "address_id"
        )
    if address is None or (address.context not in contexts and str(address.pk) not in ids):
        raise errors.Forbidden("address_not_allowed", "This token may not dial that address.", "address_id")
    return address
