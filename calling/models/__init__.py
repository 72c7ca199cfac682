"""The switchboard's rows. Nothing here decides; `calling.calls.store` is the only writer of calls and
legs."""

from calling.models.alert import Alert
from calling.models.call import Attempt, Call, Device, Leg, PresenceLease
from calling.models.candidate import IceCandidate
from calling.models.conversation import Conversation, Participation, TextMessage
from calling.models.event import Event
from calling.models.ledger import Account, LedgerEntry, PhoneCharge, PhoneRate
from calling.models.meeting import Meeting, Member
from calling.models.operation import Operation, Recording, ScriptRun
from calling.models.push import PushRing, PushSubscription
from calling.models.saved_search import SavedSearch
from calling.models.session import MediaSession, MediaWorker
from calling.models.sip_dialog import SipDialog
from calling.models.sip_trace import SipMessage, SipTracing
from calling.models.staff import SecondFactor, StaffAction, StaffInvite, StaffRole
from calling.models.trunk import Trunk
from calling.models.webhook import Delivery, DeliveryAttempt, WebhookEndpoint

__all__ = [
    "Account",
    "Alert",
    "Attempt",
    "Call",
    "Conversation",
    "Delivery",
    "DeliveryAttempt",
    "Device",
    "Event",
    "IceCandidate",
    "LedgerEntry",
    "Leg",
    "MediaSession",
    "MediaWorker",
    "Meeting",
    "Member",
    "Operation",
    "Participation",
    "PhoneCharge",
    "PhoneRate",
    "PresenceLease",
    "PushRing",
    "PushSubscription",
    "Recording",
    "SavedSearch",
    "ScriptRun",
    "SecondFactor",
    "SipDialog",
    "SipMessage",
    "SipTracing",
    "StaffAction",
    "StaffInvite",
    "StaffRole",
    "TextMessage",
    "Trunk",
    "WebhookEndpoint",
]
