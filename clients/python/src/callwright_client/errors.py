"""What can go wrong, as exceptions."""

from __future__ import annotations

from typing import Any


class CallwrightError(Exception):
    """Any failure of this client."""


class Unreachable(CallwrightError):
    """No answer came, after every attempt."""


class InvalidSignature(CallwrightError):
    """A webhook that the instance did not sign with this secret, or that is too old."""


class StreamRefused(CallwrightError):
    """The event stream refuses this key, cursor or pattern. `code` as in the REST API."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class ApiError(CallwrightError):
    """The instance answered with an error. The attributes are those of the first one.

    `status`: of HTTP; `code`, `attribute`, `url`, `request_id`: as the instance says; `errors`: all of them.
    """

    def __init__(self, status: int, errors: list[dict[str, Any]], words: str) -> None:
        first = errors[0] if errors else {}
        self.status = status
        self.errors = errors
        self.code = str(first.get("code", ""))
        self.message = str(first.get("message", words))
        self.attribute: str | None = first.get("attribute")
        self.url: str | None = first.get("url")
        self.request_id: str | None = first.get("request_id")
        super().__init__(
            f"{status} {self.message} ({self.code})" if self.code else f"{status} {self.message}"
        )


def api_error(status: int, body: object, words: str) -> ApiError:
    """The error of an answer; `body` is its JSON, if it is JSON."""
    found = body.get("errors") if isinstance(body, dict) else None
    errors = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return ApiError(status, errors, words)
