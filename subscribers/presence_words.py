"""Where a higher layer hangs in who is online, so that the directory need not know devices."""

from __future__ import annotations

from collections.abc import Callable, Collection

# Gets ids of subscribers; gives each of them `available`, `busy`, `dnd` or `offline`.
Source = Callable[[Collection[str]], dict[str, str]]
_sources: list[Source] = []


def register(source: Source) -> None:
    """The one source; called once, when the app is ready."""
    _sources[:] = [source]


def of(subscriber_ids: Collection[str]) -> dict[str, str]:
    """The presence of each subscriber, by id; empty where nothing is registered."""
    if not subscriber_ids or not _sources:
        return {}
    return _sources[0](subscriber_ids)
