"""What was written lately, for the sockets of a process: one statement for all of them.

The window overlaps from look to look, because a message may be committed after a later one; a socket knows
what it has told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.db.models import F

import clock
from calling.models import TextMessage

RECENT: Final = timedelta(seconds=30)
MOST: Final = 1000


def read(identities: Collection[str]) -> dict[str, list[TextMessage]]:
    """The messages of the last half minute, oldest first, by the identity of who may read them."""
    found: dict[str, list[TextMessage]] = defaultdict(list)
    rows = TextMessage.objects.filter(
        created_at__gt=clock.now() - RECENT, conversation__people__identity__in=list(identities)
    ).annotate(reader=F("conversation__people__identity"))
    for row in rows.order_by("-id")[:MOST][::-1]:
        found[str(row.reader)].append(row)
    return found
