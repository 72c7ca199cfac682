"""`/api/schema` and `/api/docs`: the OpenAPI document, a page for it, and what every error code means.

The page needs nothing from another host: Swagger UI comes from a package's static files.
"""

from __future__ import annotations

from django.conf import settings
from django.utils import translation
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from config.error_codes import ERRORS


class Schema(SpectacularJSONAPIView):
    """OpenAPI 3 as JSON (which every YAML parser reads too). Clients are made from it: one language."""

    def _get_schema_response(self, request: Request) -> Response:
        with translation.override(settings.LANGUAGE_CODE):
            response: Response = super()._get_schema_response(request)  # type: ignore[no-untyped-call]
        return response


class Reference(SpectacularSwaggerSplitView):
    """Swagger UI and, below it, the error codes."""

    url_name = "schema"
    template_name = "config/reference.html"

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        if isinstance(response.data, dict):
            response.data["errors"] = [(status, code, words.split("`")) for status, code, words in ERRORS]
        return response
