"""A secret that the next page shows, once: kept in the session with what it is of.

A person with two tabs may open another project or another subscriber first; that page must not show it as its
own. Must not live here: the secrets of a person, which every page of theirs may show (`second_factor`).
"""

from __future__ import annotations

from django.http import HttpRequest


def keep(request: HttpRequest, name: str, of: object, shown: object) -> None:
    request.session[name] = {"of": str(of), "shown": shown}


def take(request: HttpRequest, name: str, of: object) -> object:
    """What was kept for the page of `of`, which then is kept no longer; None where nothing was."""
    kept = request.session.get(name)
    if not isinstance(kept, dict) or kept.get("of") != str(of):
        return None
    del request.session[name]
    return kept["shown"]
