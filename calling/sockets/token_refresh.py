"""`token.refresh` on a device's socket: a new pair of the same holder for a refresh token. Blocking.

Must not live here: what a socket says of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from calling.commands.params import invalid
from tokens.authentication import subject_from_token
from tokens.issue import Pair, refresh
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
