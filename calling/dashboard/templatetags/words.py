"""Words for templates: codes in the language of the page, and the catalogue of the page's scripts."""

from __future__ import annotations

from django import template
from django.conf import settings
from django.utils.html import json_script
from django.utils.translation import get_language

from calling.dashboard.code_words import in_words
from calling.dashboard.language import script_words

register = template.Library()


@register.filter
def word(code: object) -> str:
    """A stored code, such as a state, as people read it."""
    return in_words(code)


@register.simple_tag
def words_of_scripts(domain: str) -> str:
    """A data block (no script runs in it) that `static/words.js` reads; nothing in English."""
    language = get_language() or settings.LANGUAGE_CODE
    return "" if language == settings.LANGUAGE_CODE else json_script(script_words(domain, language), "words")
