"""Conversion between the claims of a token and its holder. Pure: standard library only.

`iss aud iat exp jti sub` are registered claims (RFC 7519); `prj knd adr nam alw fam` are ours: project,
kind, address text, display name, allowed entries (absent = default), family.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

from tokens.subjects import Entry, EntryKind, HolderKind, TokenHolder


class BadClaims(ValueError):
    """The claims are not the ones this instance writes."""


@dataclass(frozen=True)
class Grant:
    """What a token is to allow, before it has an id and an end.

    `address` "" is a guest's: it is made from the token's family.
    """

    project_id: UUID
    kind: HolderKind
    subscriber_id: UUID | None = None
    address: str = ""
    allowed: tuple[Entry, ...] | None = None
    display_name: str = ""


def claims_of(grant: Grant, jti: UUID, family: UUID) -> dict[str, Any]:
    """The claims of a grant, without the registered times and parties that signing adds."""
    address = grant.address or f"/guest/{family.hex[:8]}"
    claims: dict[str, Any] = {
        "jti": str(jti),
        "sub": str(grant.subscriber_id) if grant.subscriber_id else address,
        "prj": str(grant.project_id),
        "knd": grant.kind,
        "adr": address,
        "nam": grant.display_name,
        "fam": str(family),
    }
    if grant.allowed is not None:
        claims["alw"] = [f"{entry.kind}:{entry.value}" for entry in grant.allowed]
    return claims


def holder_of(claims: dict[str, Any]) -> TokenHolder:
    """The holder that verified claims describe; raises BadClaims."""
    try:
        kind = claims["knd"]
        if kind not in get_args(HolderKind):
            raise BadClaims("unknown kind")
        return TokenHolder(
            project_id=UUID(claims["prj"]),
            kind=kind,
            subscriber_id=UUID(claims["sub"]) if kind == "subscriber" else None,
            address=str(claims["adr"]),
            jti=UUID(claims["jti"]),
            expires_at=datetime.fromtimestamp(int(claims["exp"]), UTC),
            allowed=_entries(claims.get("alw")),
            display_name=str(claims["nam"]),
            family=UUID(claims["fam"]) if "fam" in claims else None,
        )
    except (KeyError, TypeError, ValueError, OverflowError, OSError, AttributeError) as error:
        raise BadClaims("claims of another shape") from error


def grant_of(holder: TokenHolder) -> Grant:
    """The grant that a refresh renews."""
    return Grant(
        holder.project_id,
        holder.kind,
        holder.subscriber_id,
        holder.address,
        holder.allowed,
        holder.display_name,
    )


def _entries(listed: object) -> tuple[Entry, ...] | None:
    if listed is None:
        return None
    if not isinstance(listed, list):
        raise BadClaims("alw is not a list")
    return tuple(_entry(text) for text in listed)


def _entry(text: str) -> Entry:
    kind, mark, value = text.partition(":")
    if not mark or kind not in get_args(EntryKind):
        raise BadClaims("unknown entry")
    return Entry(kind, value)  # type: ignore[arg-type]
