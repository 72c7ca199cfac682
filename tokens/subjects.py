"""The subject of a request: frozen values that authentication makes and every edge passes on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from tokens.key_scopes import EVERYTHING

HolderKind = Literal["subscriber", "guest", "embed", "invite"]
EntryKind = Literal["address", "context", "number", "prefix", "sip", "sip_host", "test"]


@dataclass(frozen=True)
class ApiKey:
    """A project's back end. `scopes` say what it may do within its project (`tokens.key_scopes`)."""

    project_id: UUID
    scopes: frozenset[str] = EVERYTHING

    @property
    def manages(self) -> bool:
        """Whether the project's own things (resources, tokens, webhooks) may be read and changed."""
        return True


@dataclass(frozen=True)
class Entry:
    """One allowed destination, bound when the token was issued.

    `value` is an address id, a context name, an E.164 number, a prefix like `+1`, a canonical SIP URI, a
    SIP `scheme:host[:port]`, or the text of a test destination.
    """

    kind: EntryKind
    value: str


DEFAULT_ENTRIES = (Entry("context", "public"), Entry("context", "private"))


@dataclass(frozen=True)
class TokenHolder:
    """The bearer of a SAT. `address` is `/private/bob` or, for those who only call out, `/guest/<8 hex>`.

    `allowed` None means the default of a subscriber: `/public/*` and `/private/*`.
    """

    project_id: UUID
    kind: HolderKind
    subscriber_id: UUID | None
    address: str
    jti: UUID
    expires_at: datetime
    allowed: tuple[Entry, ...] | None
    display_name: str = ""
    family: UUID | None = None

    @property
    def identity(self) -> str:
        """Who the holder is, in full: the subscriber, or the family of a guest's tokens.

        `address` is what people see of a guest; its 32 bits can be met twice and are never asked for rights.
        """
        return str(self.subscriber_id or self.family or self.jti)

    @property
    def may_receive(self) -> bool:
        """Guest, invite and embed tokens can only make calls."""
        return self.kind == "subscriber"

    @property
    def manages(self) -> bool:
        """A token never manages the project."""
        return False

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What may be dialled: the list of the token, or the default that only subscribers have."""
        if self.allowed is not None:
            return self.allowed
        return DEFAULT_ENTRIES if self.kind == "subscriber" else ()

    @property
    def visible(self) -> tuple[frozenset[str], frozenset[str]]:
        """(contexts, address ids) that the holder may find in the directory."""
        return (
            frozenset(entry.value for entry in self.entries if entry.kind == "context"),
            frozenset(entry.value for entry in self.entries if entry.kind == "address"),
        )


Subject = ApiKey | TokenHolder


def name_of(subject: Subject) -> str:
    """One name per project key, subscriber, or guest token: what limits and stored answers go by."""
    if isinstance(subject, ApiKey):
        return f"project:{subject.project_id}"
    return f"holder:{subject.project_id}:{subject.identity}"
