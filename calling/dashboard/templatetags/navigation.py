"""Ways from one staff page to another: the section a page is in, and links to the glossary."""

from __future__ import annotations

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from calling.dashboard.glossary import WORDS

register = template.Library()

# Where a page is that lies below no entry of the navigation, by how its path begins.
_ELSEWHERE = {
    "/dashboard/deliveries/": "/dashboard/webhooks",
    "/dashboard/new/subscribers": "/dashboard/subscribers",
    "/dashboard/edit/subscribers": "/dashboard/subscribers",
    "/dashboard/new/rooms": "/dashboard/rooms",
    "/dashboard/edit/rooms": "/dashboard/rooms",
    "/dashboard/new/scripts": "/dashboard/scripts",
    "/dashboard/edit/scripts": "/dashboard/scripts",
    "/dashboard/new/": "/dashboard/lines",
    "/dashboard/edit/": "/dashboard/lines",
}


@register.filter
def is_within(path: str, section: str) -> bool:
    """Whether a page lies below an entry of the navigation: `/dashboard/webhooks/…` below Webhooks."""
    for begin, home in _ELSEWHERE.items():
        if path.startswith(begin):
            return section == home
    return section != "/dashboard/" and path.startswith(f"{section}/")


@register.simple_tag
def help(anchor: str) -> SafeString:
    """A small "?" that leads to a word of the glossary. A word that is not there is an error of the page.

    The word joiner keeps it on the line of the word that it explains.
    """
    word = WORDS[anchor]
    return format_html(
        '&#8288;<a class="help" href="{}#{}" title="{}" aria-label="{}">?</a>',
        reverse("dashboard:glossary"), word.anchor, gettext("What is this?"),
        gettext("What is this: {word}").format(word=gettext(word.word)),
    )  # fmt: skip
