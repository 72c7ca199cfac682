"""`/api/schema` and `/api/docs`: the OpenAPI document, a page for it, and what every error code means.

The page needs nothing from another host: Swagger UI comes from a package's static files.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

# (status, code, what to do about it); an error's `url` points at its row.
ERRORS: tuple[tuple[int, str, str], ...] = (
    (400, "bad_request", "The request cannot be understood at all."),
    (400, "invalid_json", "The body is not JSON, names a field twice, or holds NUL or a lone surrogate."),
    (400, "json_too_deep", "The body is nested more than 32 deep."),
    (401, "unauthorized", "Give a project's id and API token (Basic), or a token (Bearer)."),
    (401, "token_invalid", "The token is not one of ours, or was used where another kind belongs."),
    (401, "token_expired", "Refresh the token, or ask your back end for another."),
    (401, "token_revoked", "The token was revoked; ask your back end for another."),
    (402, "insufficient_balance", "The project's balance does not cover this."),
    (403, "not_permitted", "These credentials may not do this."),
    (403, "address_not_allowed", "The token's scope does not reach this destination, known or not."),
    (404, "not_found", "There is no such thing, or it belongs to another project."),
    (405, "method_not_allowed", "This path has no such method."),
    (409, "not_allowed", "Not possible in the present state; the message names it."),
    (410, "cursor_expired", "Events before this are kept no longer; start again without `after`."),
    (413, "body_too_large", "A body or a frame has at most 256 kB."),
    (415, "unsupported_media_type", "Send `content-type: application/json`."),
    (422, "invalid_parameter", "A field has a wrong value; `attribute` names it."),
    (422, "missing_required_parameter", "A field is missing; `attribute` names it."),
    (422, "already_taken", "Another object of the project has this value."),
    (422, "leg_required", "More than one leg could be meant: say which with `leg`."),
    (
        422,
        "invalid_destination",
        "Give `/context/name`, digits, `+` and a number, or `sip:user@host`.",
    ),
    (422, "invalid_from_number", "For phones and trunks `from` must be a number of the project."),
    (429, "rate_limit_exceeded", "Too many requests; wait as long as `Retry-After` says."),
    (503, "unavailable", "A part that this needs is away; try again after `Retry-After` seconds."),
)


class Schema(SpectacularJSONAPIView):
    """OpenAPI 3 as JSON (which every YAML parser reads too)."""


class Reference(SpectacularSwaggerSplitView):
    """Swagger UI and, below it, the error codes."""

    url_name = "schema"
    template_name = "config/reference.html"

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        if isinstance(response.data, dict):
            response.data["errors"] = ERRORS
        return response
