"""A new pair of tokens for a refresh token: `token.refresh` on a device's socket, or a first frame. Blocking.

Must not live here: what a socket says of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from calling.commands.params import invalid
from tokens.authentication import InvalidToken, subject_from_token
from tokens.claims import BadClaims, holder_of
from tokens.issue import Pair, refresh
from tokens.signing import verify
from tokens.subjects import TokenHolder


@dataclass(frozen=True)
class Refreshed:
    """Who the socket is from now on, and the tokens that its device keeps."""

    holder: TokenHolder
    pair: Pair

    def shown(self) -> dict[str, str]:
        """The fields of the answer."""
        return {"token": self.pair.token, "refresh_token": self.pair.refresh_token}


@transaction.atomic
def refreshed(holder: TokenHolder, fields: dict[str, Any]) -> Refreshed:
    """Use up `refresh_token`. Raises InvalidParams, and InvalidToken: used, revoked or somebody else's."""
    text = fields.get("refresh_token")
    if not isinstance(text, str):
        raise invalid("refresh_token", "refresh_token is required.", "missing_required_parameter")
    pair = refresh(holder.project_id, text, holder.identity)
    return Refreshed(subject_from_token(pair.token), pair)


@transaction.atomic
def signed_in(text: object) -> Refreshed:
    """The holder of a refresh token whose access token may have ended. Uses it up; raises InvalidToken."""
    try:
        former = holder_of(verify(text, "Refresh"))
    except BadClaims:
        raise InvalidToken from None
    pair = refresh(former.project_id, text)
    return Refreshed(subject_from_token(pair.token), pair)
