"""The refusal of a known path, and of a known field, that stands for nothing here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rest import errors
from rest.permissions import ManagesProject
from rest.views import RestView


def not_supported(what: str, attribute: str | None = None) -> errors.Unprocessable:
    return errors.Unprocessable("not_supported", f"{what}: not supported here.", attribute)


def refuse_given(body: Mapping[str, Any], names: Collection[str]) -> None:
    """422 for the first of these fields that says something; null, empty and false say nothing."""
    for name in names:
        if body.get(name) not in (None, "", False, [], {}):
            raise not_supported(name, name)


class UnsupportedView(RestView):
    """Every method of a path in `known_paths`, once the caller is known: 422 that says what it is about."""

    permission_classes = (ManagesProject,)
    about = ""

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        raise not_supported(self.about)

    @extend_schema(exclude=True)
    def get(self, request: Request, **kwargs: object) -> Response:
        raise AssertionError("initial() has answered")

    post = put = patch = delete = get
