"""A new pair of tokens for a refresh token: `token.refresh` on a device's socket, or a first frame. Blocking.

Must not live here: what a socket says of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from calling.commands.params import invalid
from tokens.authentication import subject_from_token
from tokens.claims import BadClaims, holder_of
from tokens.issue import Pair, refresh, revoke_copied
from tokens.signing import InvalidToken, verify
from tokens.subjects import TokenHolder


@dataclass(frozen=True)
class Refreshed:
    """Who the socket is from now on, and the tokens that its device keeps."""

    holder: TokenHolder
    pair: Pair

    def shown(self) -> dict[str, str]:
        """The fields of the answer."""
        return {"token": self.pair.token, "refresh_token": self.pair.refresh_token}


@contextmanager
def used_up(project_id: UUID, text: object) -> Iterator[None]:
    """A transaction around the use of a refresh token: where what follows fails, it is left unused. One that
    had been used before is not let off by that: what came from it is revoked all the same."""
    try:
        with transaction.atomic():
            yield
    except InvalidToken:
        with suppress(InvalidToken):
            revoke_copied(project_id, text)
        raise


def refreshed(holder: TokenHolder, fields: dict[str, Any]) -> Refreshed:
    """Use up `refresh_token`. Raises InvalidParams, and InvalidToken: used, revoked or somebody else's."""
    text = fields.get("refresh_token")
    if not isinstance(text, str):
        raise invalid("refresh_token", "refresh_token is required.", "missing_required_parameter")
    with used_up(holder.project_id, text):
        pair = refresh(holder.project_id, text, holder.identity)
        return Refreshed(subject_from_token(pair.token), pair)


@contextmanager
def signed_in(text: object) -> Iterator[Refreshed]:
    """The holder of a refresh token whose access token may have ended. Uses it up, if what is done meanwhile
    does not fail; raises InvalidToken."""
    try:
        project_id = holder_of(verify(text, "Refresh")).project_id
    except BadClaims:
        raise InvalidToken from None
    with used_up(project_id, text):
        pair = refresh(project_id, text)
        yield Refreshed(subject_from_token(pair.token), pair)
