"""What browsers and crawlers ask for that is no page of ours: the icon, which pages may be indexed (none),
and the address that the start screen prints."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(static("dashboard/mark.svg"))


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain")


def api(request: HttpRequest) -> HttpResponse:
    """The base of every address of REST: a person who opens it reads the reference, for a client it is no
    resource."""
    if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        return HttpResponseRedirect(reverse("docs"))
    raise Http404
