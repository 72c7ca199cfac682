"""The conversations of the browser SDK: join one, read it, write in it (docs/contract.md#conversations)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from calling import models
from calling.api import schema
from calling.api.history import bearer
from calling.api.view import SwitchboardView
from calling.commands import conversations, leg_selection
from calling.commands.params import Params
from calling.signalwire import messages
from rest import pagination
from rest.openapi import listed, shape
from subscribers.models import Address
from tokens.subjects import TokenHolder

NewGroup = shape(
    "ConversationJoin",
    from_fabric_address_id=s.CharField(required=False, help_text="one's own; a guest has none"),
    fabric_address_ids=s.ListField(child=s.CharField(), help_text="whom to talk to: a subscriber or a room"),
)
Group = shape("Conversation", group_id=s.UUIDField(), conversation_id=s.UUIDField())
NewMessage = shape(
    "NewConversationMessage",
    group_id=s.UUIDField(),
    from_fabric_address_id=s.CharField(required=False),
    text=s.CharField(max_length=conversations.LONGEST),
)
Message = shape(
    "ConversationMessage",
    id=s.UUIDField(),
    type=s.CharField(),
    subtype=s.ChoiceField(["chat", "log"], help_text="log: a call that has ended"),
    kind=s.CharField(),
    hidden=s.BooleanField(),
    group_id=s.UUIDField(),
    conversation_id=s.UUIDField(),
    conversation_name=s.CharField(),
    from_fabric_address_id=s.CharField(help_text="empty for a guest"),
    user_name=s.CharField(),
    ts=s.IntegerField(help_text="unix milliseconds"),
    metadata=s.DictField(child=s.JSONField()),
    details=s.DictField(child=s.JSONField(), help_text="of a call: status, start_time, end_time"),
    text=s.CharField(allow_null=True),
)


class Join(SwitchboardView):
    @extend_schema(
        operation_id="conversation_join",
        summary="SignalWire: the conversation with a subscriber or of a room",
        request=NewGroup,
        responses={200: Group, **schema.ERRORS},
        tags=["SignalWire"],
    )
    def post(self, request: Request) -> Response:
        holder, form = bearer(self, request), Params(request.data)
        found = conversations.join(holder, own(form), form.value("fabric_address_ids"))
        return Response({"group_id": str(found.pk), "conversation_id": str(found.pk)})


class Messages(SwitchboardView):
    @extend_schema(
        operation_id="conversation_write",
        summary="SignalWire: write in a conversation",
        request=NewMessage,
        responses={201: Message, **schema.ERRORS},
        tags=["SignalWire"],
    )
    def post(self, request: Request) -> Response:
        holder, form = bearer(self, request), Params(request.data)
        text = conversations.read_text(form)
        made = conversations.write(holder, form.value("group_id"), own(form), text)
        return Response(messages.payload(made), status=201)


class GroupMessages(SwitchboardView):
    @extend_schema(
        operation_id="conversation_messages",
        summary="SignalWire: messages and calls of a conversation, newest first",
        parameters=[*schema.PAGING],
        responses={200: listed("ConversationMessages", Message), **schema.ERRORS},
        tags=["SignalWire"],
    )
    def get(self, request: Request, id: UUID) -> Response:
        holder = bearer(self, request)
        group = conversations.joined(holder, id)
        calls, callers = calls_of(holder, group)

        def render(row: models.Call) -> dict[str, Any]:
            return messages.call_payload(row, str(group.pk), callers.get(row.from_address, ""))

        return pagination.merged(request, [(group.messages.all(), messages.payload), (calls, render)])


def own(form: Params) -> str:
    value = form.value("from_fabric_address_id")
    return value[:64] if isinstance(value, str) else ""


def calls_of(holder: TokenHolder, group: models.Conversation) -> tuple[QuerySet[models.Call], dict[str, str]]:
    """The holder's own ended calls with the other end of a conversation; address ids by address."""
    between = {group.first_id, group.second_id}
    ends = [each.text for each in Address.objects.filter(pk__in=between)]
    named = Q(to_address__in=ends) & (Q(from_address__in=ends) if len(between) > 1 else Q())
    mine = models.Leg.objects.filter(leg_selection.legs_of(holder), call_id=OuterRef("pk"))
    rows = models.Call.objects.filter(named, Exists(mine), project_id=holder.project_id, state="ended")
    known = Address.objects.filter(Q(pk__in=between) | Q(resource_id=holder.subscriber_id))
    return rows, {each.text: str(each.pk) for each in known.filter(project_id=holder.project_id)}
