"""The language of a page: the chosen one (a cookie), else the browser's, else English.

Pages alone are translated. Whatever else this process answers (REST, SWML, SignalWire's paths, errors in
JSON) stays English whoever asks, because programs read it: the language is put back after every request.
"""

from __future__ import annotations

import gettext
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

CATALOGUES: Final = Path(__file__).with_name("locale")
PAGES: Final = ("/dashboard", "/phone")  # as in calling.dashboard.content_security_policy


class PageLanguage:
    """Middleware: sets the language of this request only."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(PAGES):
            with translation.override(settings.LANGUAGE_CODE):
                return self.get_response(request)
        with translation.override(translation.get_language_from_request(request)):
            response = self.get_response(request)
            if response.get("Content-Type", "").startswith("text/html"):
                response["Content-Language"] = translation.get_language() or settings.LANGUAGE_CODE
            return response


@cache
def script_words(domain: str, language: str) -> dict[str, str | list[str]]:
    """What a script of the pages shows, in that language: English text to its translation, or to the
    translations for one and for many. Empty in English, which is what the scripts themselves hold."""
    catalogue = gettext.translation(domain, CATALOGUES, [language], fallback=True)
    found: dict[str, str | list[str]] = {}
    for key, text in getattr(catalogue, "_catalog", {}).items():
        if isinstance(key, tuple):  # (text, number of the form)
            forms = found.setdefault(key[0], [])
            assert isinstance(forms, list)
            forms.insert(key[1], text)
        elif key:
            found[key] = text
    return found
