"""The view from which every JSON view of the product derives: it refuses query parameters that nothing read,
or that are given twice, and begins a request anew that another one has overtaken.

A GET is checked once it has read what it knows. Whatever writes knows no query parameters, and a DELETE no
body but what `DELETE_FIELDS` names: those are checked before anything is done. The fields of other bodies
are their readers' (`strict` of `calling.commands.params.Params` and of `subscribers.api.shapes.clean`).
"""

from __future__ import annotations

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from rest import errors, known_names
from rest.overtaken import begin_anew

READS = ("GET", "HEAD", "OPTIONS")


class RestView(APIView):
    DELETE_FIELDS: ClassVar[tuple[str, ...]] = ()

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        if getattr(self, (request.method or "").lower(), None) is None:
            self.http_method_not_allowed(request)
        if any(isinstance(each, str) and "\x00" in each for each in kwargs.values()):
            raise errors.NotFound  # nothing has such a name
        if not known_names.is_native(request.path):
            return
        problems = known_names.query_of(request).repeated()
        if request.method in READS:
            if problems:
                raise errors.Invalid(problems)
            return
        problems += known_names.query_of(request).unknown()
        if request.method == "DELETE" and isinstance(request.data, dict):
            problems += known_names.unknown(request.data, self.DELETE_FIELDS)
        if problems:
            raise errors.Invalid(problems)

    def handle_exception(self, exc: Exception) -> Response:
        """A request whose transaction was undone because of another one begins anew: it finds what is now."""
        handler = getattr(self, (self.request.method or "").lower(), None)
        if handler is None:
            return super().handle_exception(exc)
        try:
            again: Response = begin_anew(lambda: handler(self.request, *self.args, **self.kwargs), exc)
        except Exception as last:
            return super().handle_exception(last)
        return again

    def finalize_response(
        self, request: Request, response: Response, *args: object, **kwargs: object
    ) -> Response:
        if request.method in READS and response.status_code < 400 and known_names.is_native(request.path):
            problems = known_names.query_of(request).unknown() if request.method != "OPTIONS" else []
            if problems:
                response = self.handle_exception(errors.Invalid(problems))
        return super().finalize_response(request, response, *args, **kwargs)
