"""Who can be reached, as rows. Ids are UUIDs, times UTC; every row belongs to exactly one project."""

from __future__ import annotations

from subscribers.models.address import Address
from subscribers.models.idempotent_response import StoredAnswer
from subscribers.models.number import PhoneNumber
from subscribers.models.project import Project
from subscribers.models.room import Room
from subscribers.models.script import Script
from subscribers.models.sip import SipEndpoint, SipGateway
from subscribers.models.subscriber import Subscriber

__all__ = [
    "Address",
    "PhoneNumber",
    "Project",
    "Room",
    "Script",
    "SipEndpoint",
    "SipGateway",
    "StoredAnswer",
    "Subscriber",
]
